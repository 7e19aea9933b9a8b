#!/bin/bash
# Shows what mxcert does, on this machine alone: installs what is needed, builds, and plays one story in the lab
# (tests/lab): a mail server with a self-signed certificate, and how it comes to one that senders accept. Needs Debian
# 12 or 13 and root; reaches nothing but the Debian mirror; leaves nothing running.
#
#   contrib/try.sh [--keep]      --keep: leave the lab up, to step into the mail host and try more
set -euo pipefail

cd "$(dirname "$0")/.."
export MXCERT_LAB_DIR=${MXCERT_LAB_DIR:-/run/mxcert-try}
lab=tests/lab/lab
keep=''
case $* in
  '') ;;
  --keep) keep=yes ;;
  *) echo "usage: contrib/try.sh [--keep]" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "try: the lab needs root; hint: sudo contrib/try.sh" >&2; exit 1; }

bold='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
chapter() { printf '\n%s%s%s\n\n' "$bold" "$*" "$plain"; }
tell() { printf '%s\n' "$@"; }
# Shows a command as it is typed in HOST, and runs it there.
at() {
  printf '%s%s$%s %s\n' "$bold" "$1" "$plain" "${*:2}"
  "$lab" exec "$@"
}

# ---- what is needed ----------------------------------------------------------------------------------------------

log='' layers=''
end() {
  local status=$?
  if [ -n "$layers" ]; then
    # unshare, which one is made in, takes no other signal.
    kill -KILL -- "-$layers" 2>/dev/null || true
    wait "$layers" 2>/dev/null || true
  fi
  if [ -n "$log" ]; then rm -f "$log"; fi
  if [ -z "$keep" ] || [ $status != 0 ]; then "$lab" down; fi
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

chapter "Installing what is needed, and building (the first time takes a few minutes)"
contrib/bootstrap.sh --build --lab
# While the compiler works: what hosts consist of. In a process group, since it has children.
set -m
"$lab" check </dev/null &
layers=$!
set +m
log=$(mktemp)
if ! { cmake --preset package && cmake --build --preset package; } >"$log" 2>&1; then
  tail -n 40 "$log" >&2
  exit 1
fi
tell "built build/package/mxcert"
wait "$layers"
layers=''
"$lab" down
"$lab" up
"$lab" install build/package
root=$MXCERT_LAB_DIR/share/ca-root.pem
"$lab" ca-root >"$root"

# ---- before ------------------------------------------------------------------------------------------------------

# The greeting and the answer to EHLO: what the mail server calls itself.
greeting() {
  "$lab" exec client bash -c 'exec 3<>/dev/tcp/192.0.2.1/25; read -r line <&3; echo "$line"
    printf "EHLO client.lab.example\r\n" >&3; read -r line <&3; echo "$line"' | tr -d '\r' | sed 's/^/  /'
}
shown() {
  local address
  for address in 192.0.2.1:25 '[2001:db8::1]:25' 192.0.2.1:465 '[2001:db8::1]:465'; do
    printf '  %-18s %s\n' "$address" "$("$lab" tls "$address" | awk '
      $1 == "names" { sub(/^names +/, ""); names = $0 } $1 == "subject" { sub(/^subject +/, ""); subject = $0 }
      $1 == "issuer" { sub(/^issuer +/, ""); issuer = $0 }
      END { print (names ? names : subject) ", issued by " (issuer == subject ? "itself" : issuer) }')"
  done
}
# What a sending mail server does that insists on the certificate: it looks for the name that the MX record told it.
verify() {
  local output status=0
  set -- openssl s_client -starttls smtp -connect 192.0.2.1:25 -verify_hostname mx.example.com -verify_return_error -CAfile "$root"
  printf '%sclient$%s %s\n' "$bold" "$plain" "$*"
  output=$("$lab" exec client "$@" </dev/null 2>&1) || status=$?
  grep -E '^issuer=|^Verif|^ *Verify return code' <<<"$output" | sort -u | sed 's/^ */  /'
  return $status
}

chapter "A mail host before: foo.example.com, Debian's Exim, mail for example.com, example.net and example.org"
tell "Where do senders go?"
at client kdig +short example.com MX example.net MX example.org MX
at client kdig +short mx.example.com A mx.example.com AAAA
tell "" "What does the host call itself?"
greeting
tell "" "Which certificate does it show?"
shown
tell "" "Does that satisfy a sender that looks for the name in the MX record?"
if verify; then tell "it does already: nothing to show here"; exit 1; fi
tell "  no"

# ---- mxcert ------------------------------------------------------------------------------------------------------

chapter "mxcert looks at the domains"
"$lab" exec foo mkdir -p /etc/mxcert
"$lab" exec foo sh -c 'cat >"$0"' /etc/mxcert/mxcert.toml <<TOML
contact   = ["postmaster@example.com"]
agree_tos = true

[ca]                                    # Pebble, a CA for tests; yours would be "letsencrypt"
directory = "$("$lab" pebble dir)"
trust     = "$("$lab" ca-trust)"

[domains]
list = ["example.com", "example.net", "example.org"]

[[deploy]]
hook = "exim"
TOML
at foo cat /etc/mxcert/mxcert.toml
tell ""
at foo mxcert plan

chapter "mxcert gets the certificate, installs it and looks whether Exim serves it"
at foo mxcert issue

# ---- after -------------------------------------------------------------------------------------------------------

chapter "The mail host after"
tell "It still calls itself"
greeting
tell "" "It shows"
shown
tell "" "And the sender?"
verify
tell "  yes: the certificate is for the name in the MX record, whatever the host calls itself"

chapter "Once more: nothing is due"
at foo mxcert issue
at foo mxcert status

if [ -n "$keep" ]; then
  chapter "The lab is still up"
  tell "  export MXCERT_LAB_DIR=$MXCERT_LAB_DIR" \
    "  $lab shell foo        the mail host: mxcert plan, mxcert issue, mxcert status, mxcert rollback mx.example.com" \
    "  echo '@ MX 10 mx2.example.com.' | $lab zone example.net     changes the DNS" \
    "  $lab tls 192.0.2.1:25 what a sender is shown" \
    "  $lab help             what else there is" \
    "  $lab down             ends it, leaving nothing"
fi
