# shellcheck shell=bash disable=SC2034,SC2154  # variables of the test and of lib.sh
# What the tests of Postfix and Dovecot have in common: a host post, ways to do something wrong there, and the scenes that
# are the same for both. They set $ports, the ports that are looked at, $daemon, a pattern for its name and version, and for
# the scenes $tls, the directory with a key and a certificate of its own, $key_file and $cert_file, their names there.

state=/var/lib/mxcert

# allow_configure: mxcert may write to main.cf
allow_configure() { { standard_config "$@"; echo 'configure = true'; } | put post /etc/mxcert/mxcert.toml; }
# with_names NAME…: names besides the MX host's, so that a new certificate is due
with_names() {
  local list
  list=$(printf '"%s.example.com", ' "$@")
  standard_config | sed "/^\[\[deploy/i [certificate]\nextra_names = [${list%, }]\n" | put post /etc/mxcert/mxcert.toml
}
# use_hook: what is on stdin runs around the hook; $hook is the one that ships
use_hook() {
  { echo '#!/bin/sh'; echo "hook=/usr/libexec/mxcert/hooks/$mail_hook"; cat; } | put post /root/hook 0755
  get post /etc/mxcert/mxcert.toml | sed 's,^hook = .*,hook = "/root/hook",' >"$work/toml"
  put post /etc/mxcert/mxcert.toml <"$work/toml"
}
describe() { on post "$@" /usr/libexec/mxcert/hooks/"$mail_hook" describe; expect_exit 0; }
fingerprint() { lab exec post openssl x509 -noout -fingerprint -sha256 -in "$1" | sed 's/.*=//'; }
live_fingerprint() { fingerprint "$state/live/$mail_name/cert.pem"; }
public_key() { lab exec post openssl x509 -noout -pubkey -in "$state/live/$mail_name/cert.pem"; }
expect_served_everywhere() {
  local port
  for port in "${ports[@]}"; do
    expect_served "$mail_name" "$port"
    expect_same "$(live_fingerprint)" "$(served - "$port")"
  done
}
# all_show FINGERPRINT: every port shows this certificate to who sends no SNI
all_show() {
  local port
  for port in "${ports[@]}"; do [ "$(served - "$port")" = "$1" ] || return 1; done
}
expect_all_show() { all_show "$1" || fail "not every port shows $1"; }
# expect_rolled_back CAUSE [COMMAND]: the deployment of a certificate with another key fails so, and all is as it was
expect_rolled_back() {
  local files command
  read -ra command <<<"${2:-deploy}"
  lab exec post sh -c 'cd "$0" && sha256sum *' "$tls" >"$work/files"
  mxcert "${command[@]}"
  expect_problem 1 "mx.post.example.com: /root/hook: .*$1"
  expect_all_show "$last"
  files=$(lab exec post sh -c 'cd "$0" && sha256sum *' "$tls")
  expect_same "$(cat "$work/files")" "$files"
  expect_no_leftovers
}

# ---- scenes, in the order in which they follow each other ------------------------------------------------------------

# scene_of_snakeoil LINE…: what is told
scene_of_snakeoil() {
  local line
  scene "as Debian has it, the snakeoil certificate is shown: the lines to write are told, and nothing is changed"
  configure
  mark
  mxcert issue
  expect_problem 1 "mx.post.example.com: $mail_hook: nothing installed: $daemon is not set up" 'configure = true'
  for line; do expect_stderr "$line"; done
  expect_untouched
  expect_all_show "$snakeoil"
}

# scene_of_own_files: `name_own_files` makes the daemon read them
scene_of_own_files() {
  scene "key and certificate in files of its own are maintained where they are, with their owner and mode"
  lab exec post sh -c 'mkdir -p "$0" && cd "$0" && rm -f * &&
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=post.example.com -keyout "$1" -out "$2" -days 30 2>/dev/null
    chgrp mail "$1" && chmod 0640 "$1" && chmod 0644 "$2"' "$tls" "$key_file" "$cert_file"
  name_own_files
  lab "$mail_hook" reload
  within 20 all_show "$(fingerprint "$tls/$cert_file")"
  configure
  mxcert deploy
  expect_exit 0
  expect_served_everywhere
  expect_file post "$tls/$key_file" root:mail 0640
  expect_file post "$tls/$cert_file" root:root 0644
  expect_no_file post "/etc/$mail_hook/mxcert.pem"
  expect_no_leftovers
}

# scenes_of_renewals: `use_session` does something in a session that is open, `end_session` ends it
scenes_of_renewals() {
  local first key
  scene "a renewal keeps the key, and a session that is open survives it, where the daemon lets it"
  first=$(live_fingerprint) key=$(public_key)
  open_session "$mail_port"
  use_session
  with_names post
  mxcert issue
  expect_exit 0
  expect_served_everywhere
  expect_different "$first" "$(live_fingerprint)"
  expect_same "$key" "$(public_key)"
  use_session
  end_session

  scene "a new key comes with its certificate"
  with_names post mx2.post
  mxcert issue --new-key
  expect_exit 0
  expect_served_everywhere
  expect_different "$key" "$(public_key)"
}

# scenes_of_mishaps: what was served before is served after. `break_configuration` prints what a hook does to have the
# daemon read what is not there; what is then told holds $broken. With `keep_processes` those that run go on.
scenes_of_mishaps() {
  local last
  last=$(live_fingerprint)
  with_names post mx2.post mx3.post

  scene "a key that does not belong to the certificate: the handshakes tell, and the previous files are back"
  use_hook <<HOOK
case \$1 in
  describe) \$hook describe | sed 's,$tls/$key_file,/etc/$mail_hook/elsewhere.pem,' ;;
  *) exec \$hook "\$1" ;;
esac
HOOK
  expect_rolled_back 'rolled back.*after the reload' 'issue --new-key'
  expect_no_file post "/etc/$mail_hook/elsewhere.pem"

  scene "a certificate that the daemon cannot read"
  use_hook < <(break_configuration && echo 'exec $hook "$1"')
  expect_rolled_back "$broken"

  scene "a hook that fails, and a reload that does not take"
  use_hook <<'HOOK'
[ $1 != deploy ] || { echo 'no reload today' >&2; exit 3; }
exec $hook "$1"
HOOK
  expect_rolled_back 'rolled back.*no reload today'
  keep_processes
  use_hook <<'HOOK'
[ $1 = deploy ] || exec $hook "$1"
HOOK
  hurry
  expect_rolled_back 'rolled back.*after the reload .* (still )?shows'

  scene "a hook that hangs is ended after its time, and the previous files are back"
  with_names post mx2.post mx3.post
  use_hook <<'HOOK'
[ $1 = deploy ] || exec $hook "$1"
exec sleep 1000
HOOK
  get post /etc/mxcert/mxcert.toml >"$work/toml"
  { cat "$work/toml"; echo 'timeout = 5'; } | put post /etc/mxcert/mxcert.toml
  expect_rolled_back 'rolled back.*hook hook deploy did not end within 5 s'

  scene "a full disk changes nothing"
  lab exec post sh -c 'cp -a "$0" /run/tls && mount -t tmpfs -o size=32k tmpfs "$0" && cp -a /run/tls/. "$0" &&
    { head -c 100000 /dev/zero >"$0/filler" || :; } 2>/dev/null' "$tls"
  with_names post mx2.post mx3.post
  own_files() { lab exec post sh -c 'cd "$0" && sha256sum "$@"' "$tls" "$key_file" "$cert_file"; }
  own_files >"$work/files"
  mxcert deploy
  expect_problem 1 "mx.post.example.com: $mail_hook: .*No space left on device"
  expect_all_show "$last"
  expect_same "$(cat "$work/files")" "$(own_files)"
  expect_no_leftovers
  lab exec post umount "$tls"

  scene "a run that is killed while the daemon reloads is undone by the next one, which then installs"
  use_hook <<'HOOK'
$hook "$1"
[ $1 != deploy ] || [ -e /run/killed ] || { touch /run/killed; kill -KILL $PPID; }
HOOK
  on post mxcert deploy
  expect_different 0 "$status"
  mxcert deploy
  expect_exit 0
  expect_stderr 'an earlier run was interrupted'
  expect_served_everywhere
  expect_no_leftovers

  scene "the daemon is down: installed, not verified; when it runs again, renew looks at it"
  with_names post mx2.post
  lab "$mail_hook" stop
  mxcert rollback "$mail_name"
  expect_problem 1 "installed, not verified: $daemon is not running" 'start it'
  mxcert renew
  expect_problem 1 'is not running'
  lab "$mail_hook" start
  mxcert renew
  expect_exit 0
  expect_stdout 'deployed version'
  expect_served_everywhere
  mxcert renew
  expect_no_output
}

# ---- the hook alone, without mxcert: several keys and certificates --------------------------------------------------

# make_pems NAME…: self-signed ones for these names, /root/pem/{ecdsa,rsa}.{key,crt}, and what names them in $made
declare -A made
make_pems() {
  local type options alt
  alt=$(printf 'DNS:%s,' "$@")
  lab exec post mkdir -p /root/pem
  for type in ecdsa rsa; do
    options=(-newkey rsa:2048)
    [ $type = rsa ] || options=(-newkey ec -pkeyopt ec_paramgen_curve:P-256)
    lab exec post openssl req -x509 "${options[@]}" -nodes -subj "/CN=$1" -addext "subjectAltName=${alt%,}" -days 30 \
      -keyout /root/pem/$type.key -out /root/pem/$type.crt 2>/dev/null
    made[$type]=$(fingerprint /root/pem/$type.crt)
  done
  hook_names=$*
}

# hook EVENT [VARIABLE=VALUE…]: as mxcert runs it for what was made last, with both keys
hook() {
  local event=$1
  shift
  on post env MXCERT_NAME="${hook_names%% *}" MXCERT_NAMES="$hook_names" MXCERT_KEY_TYPES='ecdsa rsa' "$@" \
    "/usr/libexec/mxcert/hooks/$mail_hook" "$event"
  expect_exit 0
}

# install_by_hand [VARIABLE=VALUE…]: what describe asks for, then deploy
install_by_hand() {
  local path content type mode
  hook describe "$@"
  described=$stdout
  hook check "$@"
  while IFS=$'\t' read -r path content type mode; do
    case $content in
      bundle) lab exec post cat "/root/pem/$type.key" "/root/pem/$type.crt" ;;
      bundles) lab exec post cat /root/pem/{ecdsa,rsa}.{key,crt} ;;
      names) printf '%s\n' "$hook_names" | tr ' ' '\n' ;;
    esac >"$work/content"
    put post "$path" "$mode" <"$work/content"
  done < <(jq -r '.files[] | [.path, .content, .key_type // "ecdsa", .mode] | @tsv' <<<"$described")
  hook deploy "$@"
}

# shown_to ecdsa|rsa NAME|- PORT: the fingerprint that a client is shown that takes only such signatures
shown_to() {
  local starttls sni=(-servername "$2") algorithms=ECDSA+SHA256
  [ "$1" = ecdsa ] || algorithms=rsa_pss_rsae_sha256:RSA+SHA256
  [ "$2" != - ] || sni=(-noservername)
  read -ra starttls <<<"$(starttls_on "$3")"
  { "$lab" exec client timeout 15 openssl s_client -connect "${mail_addresses[0]}:$3" "${starttls[@]}" "${sni[@]}" -sigalgs "$algorithms" \
    </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256 2>/dev/null || true; } | tr -d '\0' | sed 's/.*=//'
}
# shows_made NAME|-: every port shows both certificates that were made last
shows_made() {
  local port type
  for port in "${ports[@]}"; do
    for type in ecdsa rsa; do [ "$(shown_to $type "$1" "$port")" = "${made[$type]}" ] || return 1; done
  done
}

# note_default: what was made last is the default certificate from here on
declare -A default
note_default() { default=([ecdsa]=${made[ecdsa]} [rsa]=${made[rsa]}); }
shows_default() {
  [ "$(shown_to ecdsa "$1" "$mail_port") $(shown_to rsa "$1" "$mail_port")" = "${default[ecdsa]} ${default[rsa]}" ]
}

scene_of_more_for_sni() {
  local name
  scene "another one beside it, and a renewal, are shown without a restart"
  make_pems mx3.post.example.com
  install_by_hand MXCERT_ROLE=sni
  within 20 shows_made mx3.post.example.com
  make_pems mx2.post.example.com mx4.post.example.com
  install_by_hand MXCERT_ROLE=sni
  for name in mx2 mx4; do within 20 shows_made $name.post.example.com; done
}

# scenes_of_two_hosts: by mxcert, from the first run to the last; `daemon_files` tells what there is of the daemon's
scenes_of_two_hosts() {
  local name before
  before=$(daemon_files)
  scene "mxcert gets certificates for two hosts with two keys each, and every port shows them all"
  { standard_config post.example.com users.example.com |
    sed '/^\[\[deploy/i [certificate]\nkeys = ["ecdsa-p256", "rsa-2048"]\npack = "per-host"\n'; echo 'configure = true'; } |
    put post /etc/mxcert/mxcert.toml
  mxcert issue
  expect_exit 0
  # live NAME: what is live of it is to be shown
  live() {
    made[ecdsa]=$(fingerprint "$state/live/$1/cert.pem")
    made[rsa]=$(fingerprint "$state/live/$1/rsa/cert.pem")
  }
  live mx2.post.example.com
  shows_made mx2.post.example.com || fail "what is shown to who asks for mx2.post.example.com is not what is live"
  live "$mail_name"
  for name in - "$mail_name"; do shows_made "$name" || fail "what is shown to $name is not what is live"; done
  mxcert issue
  expect_exit 0
  expect_stdout 'nothing is due'
  mxcert renew
  expect_no_output

  scene "taken away again, nothing of them is left"
  mxcert rollback mx2.post.example.com
  expect_exit 0
  expect_no_file post "/etc/$mail_hook/mxcert-sni"
  on post grep -rE 'tls_server_sni_maps|mxcert-sni' "/etc/$mail_hook" --include=main.cf --include=99-mxcert.conf
  expect_no_stdout
  mxcert rollback "$mail_name"
  expect_exit 0
  expect_same "$before" "$(daemon_files)"
  on post find "/etc/$mail_hook" -name '*mxcert*'
  expect_no_stdout
}
