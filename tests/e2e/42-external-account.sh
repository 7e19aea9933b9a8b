#!/bin/bash
# A CA that wants an account made on its site first: external account binding (RFC 8555 section 7.3.4).
. "$(dirname "$0")/lib.sh"

# 64 bytes: for HS512 Pebble takes no less.
key=$(printf 'a2tr%.0s' {1..21})aw
lab pebble restart "{\"externalAccountBindingRequired\": true, \"externalAccountMACKeys\": {\"kid-1\": \"$key\"}}"
# bind KID [MORE]: a configuration with this external account
bind() {
  standard_config example.com |
    sed "/^\[ca\]/a eab = { kid = \"$1\", hmac_key_file = \"/etc/mxcert/eab\"${2:+, $2} }" | put foo /etc/mxcert/mxcert.toml
}
key_file() { put foo /etc/mxcert/eab "${1:-0600}"; }

scene "without one, the message says what the CA wants and what to set, and nothing is sent"
configure example.com
ca_mark
mxcert issue --json
expect_exit 1
expect_json '.errors[0].code == "external_account_required" and (.errors[0].hint | test("eab"))'
expect_ca_requests 0 'POST /'

scene "a key file that is missing, or holds no key, is told as that, and its content to nobody"
bind kid-1
mxcert account register
expect_problem 2 '/etc/mxcert/eab' 'eab'
key_file <<<"this is no key"
mxcert account register
expect_problem 2 '/etc/mxcert/eab holds no HMAC key' "as the CA's site shows it"
expect_not_stderr 'this is no key'

scene "a key identifier that the CA does not know is refused, and its reason shown"
key_file <<<"$key"
bind nobody
mxcert account register
expect_problem 1 'rejected by the CA: ' '.'
expect_not_stderr "$key"

scene "a key that does not belong to it is refused"
bind kid-1
key_file <<<"b${key:1}"
mxcert account register
expect_problem 1 'rejected by the CA: ' '\[ca\] eab'

for algorithm in HS256 HS384 HS512; do
  scene "the account is bound with $algorithm"
  lab exec foo rm -rf /var/lib/mxcert
  key_file <<<"$key"
  bind kid-1 "algorithm = \"$algorithm\""
  mxcert account register --json
  expect_exit 0
  expect_json '.result == "registered" and .warnings == []'
done

scene "the key is needed no more: orders go on without it"
lab exec foo rm /etc/mxcert/eab
mxcert issue
expect_exit 0
expect_served mx.example.com 25
mxcert account rollover
expect_exit 0

scene "by options alone, with padding, and a warning when everybody can read the key"
lab exec foo rm -rf /var/lib/mxcert
configure example.com
key_file 0644 <<<"$key=="
mxcert account register --eab-kid kid-1 --eab-key-file /etc/mxcert/eab --json
expect_exit 0
expect_json '.result == "registered" and .warnings[0].code == "eab_key_readable"'
expect_not_stdout "$key"
