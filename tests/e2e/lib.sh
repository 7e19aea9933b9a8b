# shellcheck shell=bash
# What an end-to-end test is written in. A test is a script NN-name.sh:
#
#   . "$(dirname "$0")/lib.sh"
#
#   scene "a null MX is an answer, not a failure"
#   standard_config nullmx.example | put foo /etc/mxcert/mxcert.toml
#   mxcert plan --json
#   expect_exit 0
#   expect_json '.domains[0].status == "null_mx"'
#
# The lab is as after `lab up` when a test begins. Scenes of one file follow each other on the same hosts; `reset` makes
# the lab new in between. The first expectation that does not hold ends the file, with all commands and what they
# printed. tests/e2e/run runs the tests; a single one runs by itself too, in the lab that is up.
# A command that fails without being run by `run` ends the test as well: a mistyped expectation must not pass.
set -Eeuo pipefail
trap 'fail "this failed: $BASH_COMMAND"' ERR

e2e_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab=$e2e_dir/../lab/lab
export MXCERT_LAB_DIR=${MXCERT_LAB_DIR:-/run/mxcert-lab}

test_name=$(basename "$0" .sh)
scene_name=''
scene_started=$EPOCHREALTIME
work=$(mktemp -d "$MXCERT_LAB_DIR/share/test.XXXXXX")
transcript=$work/transcript
: >"$transcript"
status=0 stdout='' stderr=''

# ---- scenes -----------------------------------------------------------------------------------------------------

# scene TITLE: what the lines up to the next scene show
scene() {
  end_scene
  scene_name=$1
  scene_started=$EPOCHREALTIME
  printf -- '-- %s\n' "$1" >>"$transcript"
}

# skip WHY: ends the test here, visibly
skip() {
  report skip "$*"
  scene_name=''
  exit 0
}

# fail WHY: ends the test here
fail() {
  trap - ERR
  local frame=0
  # The line of the test, not of the function here that noticed.
  while [[ ${BASH_SOURCE[frame]:-} == */lib.sh ]]; do ((frame += 1)); done
  report fail "$*"
  {
    echo "$test_name.sh:${BASH_LINENO[frame - 1]}: $*"
    sed -n "${BASH_LINENO[frame - 1]}s/^ */    /p" "$0"
    echo "what was run, and what it printed in this scene:"
    show_transcript
  } >&2
  scene_name=''
  exit 1
}

# Of the scenes before the last only the commands.
show_transcript() {
  awk '/^-- / { last = NR } { line[NR] = $0 }
    END { for (i = 1; i <= NR; i++) if (i >= last || line[i] ~ /^(-- |\$ )/) print "    " line[i] }' "$transcript"
}

end_scene() { [ -z "$scene_name" ] || report pass ''; }

# One line per scene for the runner: verdict, milliseconds, title, reason.
report() {
  local now=$EPOCHREALTIME
  printf '%s\t%d\t%s\t%s\n' "$1" $(((${now/./} - ${scene_started/./}) / 1000)) "${scene_name:-(all)}" "$2" >>"${E2E_RESULTS:-/dev/stdout}"
}

finish() {
  local end=$?
  rm -rf "$work"
  if [ -n "$scene_name" ]; then
    if [ "$end" = 0 ]; then end_scene; else report fail "the test itself ended with $end"; fi
  fi
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# The mail host: foo with Exim, unless a test says otherwise.
mail_host=foo mail_hook=exim mail_name=mx.example.com mail_port=25
mail_addresses=(192.0.2.1 '[2001:db8::1]')
# use_post HOOK: from here on it is post, with Postfix and Dovecot, which is started
use_post() {
  lab post
  mail_host=post mail_hook=$1 mail_name=mx.post.example.com
  if [ "$1" = dovecot ]; then mail_port=143; fi
  mail_addresses=(192.0.2.2 '[2001:db8::2]')
}

# ---- doing ------------------------------------------------------------------------------------------------------

# run CMD…: runs it and remembers what it printed and how it ended, in $stdout, $stderr and $status
run() {
  status=0
  timeout --foreground "${E2E_TIMEOUT:-120}" "$@" >"$work/stdout" 2>"$work/stderr" </dev/null || status=$?
  remember "$@"
}

# run_with INPUT CMD…: the same, with INPUT on stdin
run_with() {
  local input=$1
  shift
  status=0
  timeout --foreground "${E2E_TIMEOUT:-120}" "$@" >"$work/stdout" 2>"$work/stderr" <<<"$input" || status=$?
  remember "$@"
}

remember() {
  stdout=$(tr -d '\0' <"$work/stdout")
  stderr=$(tr -d '\0' <"$work/stderr")
  {
    if [ "$1" = "$lab" ]; then echo "\$ lab ${*:2}"; else echo "\$ $*"; fi
    shorten <<<"$stdout" | sed '/^$/d; s/^/  | /'
    shorten <<<"$stderr" | sed '/^$/d; s/^/  ! /'
    [ "$status" = 0 ] || echo "  = exit $status"
  } >>"$transcript"
}
shorten() { awk 'NR <= 60 { print } END { if (NR > 60) print "… (" NR - 60 " more lines)" }'; }

# on HOST CMD…: run, in a host
on() { run "$lab" exec "$@"; }
# mxcert ARGS…: run, in the mail host
mxcert() { on "$mail_host" mxcert "$@"; }

# start_over: as if mxcert had never run on foo: no state, and Exim shows a certificate that its administrator made. (One
# of which mxcert does not know that it is its own, with more names, would not be replaced.)
start_over() {
  lab exec foo sh -euc 'rm -rf /var/lib/mxcert/* && cd /etc/exim4
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=foo.example.com \
      -keyout exim.key -out exim.crt 2>/dev/null
    chown root:Debian-exim exim.key exim.crt
    chmod 0640 exim.key exim.crt'
  lab exim reload
  within 30 shows_self_signed
}
shows_self_signed() { "$lab" tls 192.0.2.1:25 starttls - | grep -q 'issuer   CN = foo.example.com'; }

# What has to work for the test to make sense. Fails the test otherwise; remembers nothing.
lab() {
  local output
  if [ "$1" = exec ]; then "$lab" "$@"; return; fi
  printf '$ lab %s\n' "$*" >>"$transcript"
  output=$("$lab" "$@" 2>&1) || fail "lab $*: $output"
  [ -z "$output" ] || printf '%s\n' "$output"
}
reset() { lab reset; }
# zone NAME < body, or zone --bogus NAME < body
zone() { lab zone "$@"; }

# put HOST PATH [MODE] < content
put() {
  "$lab" exec "$1" sh -c 'mkdir -p "$(dirname "$0")" && cat >"$0" && chmod "$1" "$0"' "$2" "${3:-0644}" || fail "put $1 $2"
  echo "\$ put $1 $2" >>"$transcript"
}
# get HOST PATH
get() { "$lab" exec "$1" cat "$2"; }

# standard_config [DOMAIN…]: a configuration that works in the lab; edit it with sed or append to it
standard_config() {
  local domain list=''
  if [ $# = 0 ] && [ "$mail_host" = post ]; then set -- post.example.com; fi
  [ $# -gt 0 ] || set -- example.com example.net example.org
  for domain; do list+="${list:+, }\"$domain\""; done
  cat <<TOML
contact = ["postmaster@example.com"]
agree_tos = true

[ca]
directory = "$("$lab" pebble dir)"
trust = "$("$lab" ca-trust)"

[domains]
list = [$list]

[[deploy]]
hook = "$mail_hook"
TOML
}
configure() { standard_config "$@" | put "$mail_host" /etc/mxcert/mxcert.toml; }

# hurry: the last target's daemon has no more than 4 s to show a new certificate, where it is not going to
hurry() {
  local configuration
  configuration=$(get "$mail_host" /etc/mxcert/mxcert.toml)
  put "$mail_host" /etc/mxcert/mxcert.toml <<<"$configuration"$'\nverify_timeout = 4'
}
# edit_json PATH FILTER: a file of the mail host's state, by jq
edit_json() {
  local document
  document=$(get "$mail_host" "$1" | jq "$2")
  put "$mail_host" "$1" 0600 <<<"$document"
}
# What mxcert remembers of a certificate between runs, and edit_state FILTER [NAME] to change it
state_of() { get "$mail_host" "/var/lib/mxcert/certificates/${1:-$mail_name}/state.json"; }
edit_state() { edit_json "/var/lib/mxcert/certificates/${2:-$mail_name}/state.json" "$1"; }
# make_due [NAME [FILTER]]: the CA's window about what the filter chooses of its state.json is over. The CA was asked before.
make_due() {
  edit_state "(${2:-.renewal_info}) |= if .certificate then .window = {start: \"2026-01-01T00:00:00Z\",
    end: \"2026-01-02T00:00:00Z\", explanation_url: \"\"} else error(\"the CA was not asked\") end" "${1:-$mail_name}"
}
# let_pauses_pass: what failed, failed long ago
let_pauses_pass() { edit_state '(.failing_names[]?, .failure | select(.)).at = "2026-01-01T00:00:00Z"'; }

# ---- expecting: about the command run last -------------------------------------------------------------------------

expect_exit() { [ "$status" = "$1" ] || fail "exit status is $status, not $1"; }

expect_stdout() { [[ $stdout == *"$1"* ]] || fail "stdout does not hold: $1"; }
expect_stderr() { [[ $stderr == *"$1"* ]] || fail "stderr does not hold: $1"; }
expect_stdout_like() { grep -qE -- "$1" <<<"$stdout" || fail "no line of stdout is like: $1"; }
expect_stderr_like() { grep -qE -- "$1" <<<"$stderr" || fail "no line of stderr is like: $1"; }
expect_not_stdout() { [[ $stdout != *"$1"* ]] || fail "stdout holds: $1"; }
expect_not_stderr() { [[ $stderr != *"$1"* ]] || fail "stderr holds: $1"; }
expect_no_stdout() { [ -z "$stdout" ] || fail "stdout is not empty"; }
expect_no_stderr() { [ -z "$stderr" ] || fail "stderr is not empty"; }
expect_no_output() { expect_no_stdout; expect_no_stderr; }

# expect_json FILTER: jq finds it true of stdout, which is exactly one document
expect_json() {
  jq -e -s "if length == 1 then .[0] | ($1) else false end" >/dev/null 2>"$work/jq" <<<"$stdout" ||
    fail "not true of the JSON on stdout: $1 $(cat "$work/jq")"
}

# plan_summary: of the plan in JSON on stdout one line a domain: name, status, DNSSEC state; its first three targets with
# owner and DNSSEC state; codes of warnings about it and them
plan_summary() {
  jq -r '.warnings as $warnings | .domains[] | . as $domain
    | ([.targets[].host, .services[].targets[].host, .ascii] | unique) as $subjects
    | [$warnings[] | select(.subject as $s | $subjects | index($s)) | .code] | unique as $codes
    | "\($domain.ascii) \($domain.status) \($domain.dnssec): \(
        [$domain.targets[0:3][] | "\(.host)=\(.owner)/\(.dnssec)"] | join(" ")): \($codes | join(" "))"' <<<"$stdout" | sed 's, *$,,'
}
# expect_table [CONFIGURATION] < lines as plan_summary's: plan says exactly this of the domains named in them, with these
# lines behind the standard configuration
expect_table() {
  local expected found
  expected=$(sed 's/  */ /g' | sort)
  # shellcheck disable=SC2046  # a list
  { standard_config $(cut -d' ' -f1 <<<"$expected"); printf '%s\n' "${1:-}"; } | put foo /etc/mxcert/mxcert.toml
  mxcert plan --json
  found=$(plan_summary | sort)
  [ "$found" = "$expected" ] || fail "plan says otherwise: $(diff <(echo "$expected") <(echo "$found") || true)"
}

# expect_problem STATUS CAUSE [HINT]: the run ended so, and told an error like CAUSE with a hint like HINT
expect_problem() {
  expect_exit "$1"
  expect_stderr_like "^mxcert: error: .*$2"
  [ -z "${3:-}" ] || expect_stderr_like "^(hint:|     ) .*$3"
}

# ---- expecting: about the world -----------------------------------------------------------------------------------

# expect CMD…: it succeeds
expect() { run "$@"; [ "$status" = 0 ] || fail "failed: $*"; }
expect_same() { [ "$1" = "$2" ] || fail "not the same: '$1' and '$2'"; }
expect_different() { [ "$1" != "$2" ] || fail "the same: '$1'"; }

# expect_file HOST PATH OWNER:GROUP MODE
expect_file() {
  local found
  found=$("$lab" exec "$1" stat -L -c '%U:%G %a' "$2" 2>&1) || fail "$1: $2: $found"
  [ "$found" = "$3 ${4#0}" ] || fail "$1: $2 is $found, not $3 ${4#0}"
}
expect_no_file() { ! "$lab" exec "$1" test -e "$2" || fail "$1: $2 is there"; }

# expect_served NAME PORT [ADDRESS…]: a sender that wants to reach NAME, and trusts the CA, is satisfied on every
# address, whether it says which name it wants or not
expect_served() {
  local name=$1 port=$2 address sni starttls
  shift 2
  [ $# -gt 0 ] || set -- "${mail_addresses[@]}"
  read -ra starttls <<<"$(starttls_on "$port")"
  "$lab" ca-root >"$MXCERT_LAB_DIR/share/ca-root.pem" 2>"$work/ca-root" || fail "ca-root: $(cat "$work/ca-root")"
  for address; do
    for sni in "-servername $name" -noservername; do
      # shellcheck disable=SC2086  # an option and its value
      run "$lab" exec client openssl s_client -connect "$address:$port" "${starttls[@]}" $sni -brief \
        -verify_hostname "$name" -verify_return_error -CAfile "$MXCERT_LAB_DIR/share/ca-root.pem"
      [ "$status" = 0 ] || fail "$address:$port ($sni) does not satisfy a sender that looks for $name"
    done
  done
}

# starttls_on PORT: the options of openssl s_client for it
starttls_on() {
  case $1 in
    465 | 993 | 995) ;;
    143) echo -starttls imap ;;
    110) echo -starttls pop3 ;;
    4190 | 2000) echo -starttls sieve ;;
    *) echo -starttls smtp -name client.lab.example ;;
  esac
}
# tls_on PORT: how TLS begins there
tls_on() { case $1 in 465 | 993 | 995) echo implicit ;; *) echo starttls ;; esac; }

# open_session PORT: a TLS session of a client, which stays open; then say LINE, and hear what begins with PATTERN
open_session() {
  local starttls
  read -ra starttls <<<"$(starttls_on "$1")"
  coproc session {
    exec "$lab" exec client openssl s_client -quiet -connect "${mail_addresses[0]}:$1" "${starttls[@]}" 2>/dev/null
  }
}
say() {
  [ -n "${session[1]:-}" ] || fail "the session has ended"
  printf '%s\r\n' "$1" >&"${session[1]}"
}
hear() {
  local line
  while IFS= read -r -t 30 line <&"${session[0]:-0}"; do [[ $line != $1* ]] || return 0; done
  fail "the session did not answer with $1"
}

# served NAME|- PORT [ADDRESS]: the fingerprint of the leaf that is shown
served() {
  { "$lab" tls "${3:-${mail_addresses[0]}}:$2" "$(tls_on "$2")" "$1" 2>&1 || true; } | sed -n 's/^sha256 *//p'
}
# expect_names NAMES PORT [ADDRESS]: the leaf holds exactly these names, "mx.example.com mx2.example.com"
expect_names() {
  local found
  found=$({ "$lab" tls "${3:-${mail_addresses[0]}}:$2" "$(tls_on "$2")" - 2>&1 || true; } |
    sed -n 's/^names *//p' | tr -d ' ' | tr ',' '\n' | sed 's/^DNS://' | sort | xargs)
  [ "$found" = "$(tr ' ' '\n' <<<"$1" | sort | xargs)" ] || fail "port $2 shows '$found', not '$1'"
}
# expect_self_signed PORT: what Exim shows before anything was issued
expect_self_signed() {
  local found
  found=$("$lab" tls "192.0.2.1:$1" "$(tls_on "$1")" - 2>&1) || true
  [[ $found == *"issuer   CN = foo.example.com"* ]] || fail "port $1 does not show Exim's own certificate: $found"
}

# mark: remembers what /etc of the mail host holds (but for our configuration), what Exim shows and what the CA was asked
mark() {
  ca_mark
  marked_etc=$(etc_of_mail_host)
  marked_leaves=$(leaves_of_mail_host)
}
etc_of_mail_host() { lab exec "$mail_host" find /etc -mindepth 1 -name mxcert -prune -o -printf '%p %y %m %u:%g %s %T@ %l\n' | sort; }
leaves_of_mail_host() { echo "$(served - $mail_port) $(served "$mail_name" $mail_port)"; }
# expect_untouched: since `mark` nothing was written to /etc of the mail host, and the server shows what it showed
expect_untouched() {
  local now
  now=$(etc_of_mail_host)
  [ "$now" = "$marked_etc" ] || fail "/etc has changed: $(diff <(echo "$marked_etc") <(echo "$now") || true)"
  expect_same "$marked_leaves" "$(leaves_of_mail_host)"
}
# expect_no_leftovers [STATE_DIR]: nothing half-written, no order under way, no previous files kept
expect_no_leftovers() {
  local found
  found=$(lab exec "$mail_host" sh -c 'cd "$0" && find tmp orders certificates/*/backup/*/unfinished -type f
    for version in certificates/*/0*; do [ ! -d "$version" ] || [ -s "$version/certificate.json" ] || echo "$version"; done
    find /etc -name "*.mxcert-new*"' "${1:-/var/lib/mxcert}" 2>/dev/null) || true
  [ -z "$found" ] || fail "left behind: $found"
}

# The CA's view: requests since ca_mark.
ca_mark() { ca_seen=$("$lab" pebble logs | wc -l); }
ca_requests() { "$lab" pebble logs | tail -n "+$((ca_seen + 1))" | grep -E '(GET|HEAD|POST) /' || true; }
expect_no_ca_requests() {
  local found
  found=$(ca_requests)
  [ -z "$found" ] || fail "the CA was asked: $found"
}
# expect_ca_requests COUNT PATTERN: so many requests like PATTERN, "POST /order-plz"
expect_ca_requests() {
  local found
  found=$(ca_requests | grep -cE -- "$2") || true
  [ "$found" = "$1" ] || fail "$found requests like '$2', not $1: $(ca_requests)"
}

# Orders that the CA made since ca_mark; it refuses some requests for their nonce, which then come again.
ca_orders() { "$lab" pebble logs | tail -n "+$((ca_seen + 1))" | grep -c 'Added order' || true; }
expect_ca_orders() { [ "$(ca_orders)" = "$1" ] || fail "$(ca_orders) orders were made, not $1: $(ca_requests)"; }

# within SECONDS CMD…: waits until CMD succeeds
within() {
  local until=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $until ] || fail "did not come true in time: $*"
    sleep 0.1
  done
}

# start_hostile_ca: that of tests/hostile, anew; its files are in $hostile_folder, what it is asked in $hostile_log
hostile=$e2e_dir/../hostile
hostile_folder=$MXCERT_LAB_DIR/share/hostile
hostile_log=$MXCERT_LAB_DIR/share/hostile.log
start_hostile_ca() {
  "$lab" exec ca pkill -f hostile/ca.py || true # an earlier test's, whose folder says ready too early
  rm -rf "$hostile_folder"
  mkdir -p "$hostile_folder"
  "$lab" exec ca setsid python3 "$hostile/ca.py" "$hostile_folder" "$hostile/cases" >"$hostile_log" 2>&1 </dev/null &
  within 10 test -e "$hostile_folder/ready"
}

# Pebble 2.10 and newer has renewal information, profiles and dns-persist-01.
need_new_pebble() {
  dpkg --compare-versions "$("$lab" pebble version)" ge 2.10 || skip "needs Pebble 2.10, this is $("$lab" pebble version)"
}
