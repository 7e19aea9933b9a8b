# shellcheck shell=bash disable=SC2034,SC2154  # variables of the test and of lib.sh
# What a certificate goes through with any daemon, for tests of one that has a host of its own:
#
#   . "$(dirname "$0")/lib.sh"
#   . "$(dirname "$0")/daemon.sh"
#   daemon_ports=(25 465)
#   start_daemon() { … }      stop_daemon() { … }
#   use_host sendmail 22
#   # scenes of the first installation, then
#   daemon_scenes

# use_host LAYER NUMBER: from here on the mail host is one with this daemon, not started, which takes mail for example.org;
# its hook is called as the layer
use_host() {
  lab host add "$1" "192.0.2.$2" "2001:db8::$2" "$1"
  mail_host=$1 mail_hook=$1 mail_name=mx.example.org
  mail_addresses=("192.0.2.$2" "[2001:db8::$2]")
  lab exec "$mail_host" sh -c 'hostname "$1" && echo "$0 $1" >>/etc/hosts' "192.0.2.$2" mx.example.org
  # A daemon that binds each address of an interface fails as long as the kernel still probes one of them.
  within 60 "$lab" exec "$mail_host" sh -c '! ip -6 address show tentative | grep inet6'
  mx_zone mx
}

# mx_zone LABEL…: the MX hosts of example.org, all of them this host
mx_zone() {
  local label
  for label; do
    printf '@ MX 10 %s\n%s A %s\n%s AAAA %s\n' "$label" "$label" "${mail_addresses[0]}" "$label" "$(tr -d '[]' <<<"${mail_addresses[1]}")"
  done | zone example.org
}

live=/var/lib/mxcert/live/mx.example.org
live_leaf() { lab exec "$mail_host" openssl x509 -noout -in "$live/cert.pem" "$@"; }
live_fingerprint() { live_leaf -fingerprint -sha256 | sed 's/.*=//'; }
deployment_state() {
  get "$mail_host" /var/lib/mxcert/certificates/mx.example.org/state.json | jq -r ".deployments[\"$mail_hook\"].state"
}
expect_live_served() {
  local port fingerprint
  fingerprint=$(live_fingerprint)
  for port in "${daemon_ports[@]}"; do
    expect_same "$fingerprint" "$(served - "$port")"
    expect_same "$fingerprint" "$(served mx.example.org "$port" "${daemon_other_address:-${mail_addresses[0]}}")"
  done
}
is_listening() { "$lab" exec client bash -c 'exec 3<>"/dev/tcp/$0/$1"' "${mail_addresses[0]}" "${daemon_ports[0]}"; }

daemon_scenes() {
  local key first second

  scene "a renewal is served, with the same key"
  key=$(live_leaf -pubkey)
  first=$(live_fingerprint)
  mx_zone mx mx2
  mxcert issue
  expect_exit 0
  expect_stdout_like '^mx.example.org: issued version 0002 for 2 names'
  expect_stdout 'installed and verified'
  expect_live_served
  expect_same "$key" "$(live_leaf -pubkey)"
  expect_different "$first" "$(live_fingerprint)"
  mxcert renew
  expect_exit 0
  expect_no_output

  scene "a new key is served"
  mx_zone mx mx2 mx3
  mxcert issue --new-key
  expect_exit 0
  expect_live_served
  expect_different "$key" "$(live_leaf -pubkey)"

  scene "rollback puts the version before into service"
  second=$(live_fingerprint)
  mxcert rollback mx.example.org
  expect_exit 0
  expect_stdout_like '^mx.example.org: rolled back to version 0002'
  expect_different "$second" "$(live_fingerprint)"
  expect_same "$key" "$(live_leaf -pubkey)"
  expect_live_served
  expect_no_leftovers

  scene "the daemon is down: the certificate is installed, and that nobody has seen it served is an error"
  stop_daemon
  mxcert issue
  expect_problem 1 'mx.example.org: .*installed, not verified: .* is not running' 'start it, then'
  expect_same unverified "$(deployment_state)"
  start_daemon
  within 60 is_listening
  mxcert renew
  expect_exit 0
  expect_stdout_like '^mx.example.org: deployed version'
  expect_same verified "$(deployment_state)"
  expect_live_served
}
