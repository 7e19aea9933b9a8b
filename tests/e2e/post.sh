# shellcheck shell=bash
# What the tests of Postfix and Dovecot have in common: a host post, and ways to do something wrong there. They set
# $ports, the ports that are looked at, $tls, the directory with the daemon's files, and $last, what was served last.

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
