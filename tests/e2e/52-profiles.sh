#!/bin/bash
# The kinds of certificates and the chains that a CA offers.
. "$(dirname "$0")/lib.sh"
need_new_pebble

live=/var/lib/mxcert/live/mx.example.com
profiles='{"profiles": {"default": {"description": "ninety days", "validityPeriod": 7776000},
  "shortlived": {"description": "six days", "validityPeriod": 518400}}}'
# configure_ca LINE…: in [ca]
configure_ca() { standard_config | sed "/^trust/a $1" | put foo /etc/mxcert/mxcert.toml; }
# The common name of the CA's root NUMBER.
root_name() {
  "$lab" exec client curl --silent --show-error --fail --cacert "$("$lab" ca-trust)" \
    "https://ca.lab.example:15000/roots/$1" | openssl x509 -noout -subject -nameopt multiline | sed -n 's/^ *commonName *= //p'
}
# Who issued the topmost certificate of the live chain.
top_issuer() {
  get foo $live/fullchain.pem | openssl crl2pkcs7 -nocrl -certfile /dev/stdin |
    openssl pkcs7 -print_certs -noout | sed -n 's/^issuer=.*CN = *//p' | tail -n 1
}

scene "a certificate of the profile that was asked for"
lab pebble restart "$profiles"
configure_ca 'profile = "shortlived"'
mxcert issue
expect_exit 0
expect_served mx.example.com 25
mxcert status --json
expect_json '.certificates[0] | ((.not_after | fromdate) - (.not_before | fromdate) - 518400 | fabs) < 60'
mxcert renew
expect_exit 0
expect_no_output
mxcert status --json
expect_json '.certificates[0] | (.renew_at | fromdate) > (.not_before | fromdate) + 172800
  and (.renew_at | fromdate) < (.not_after | fromdate)'

scene "a profile that the CA does not have is refused with those that it has, and nothing is ordered"
on foo rm -r /var/lib/mxcert
ca_mark
mxcert issue --profile tlsserver --json
expect_exit 1
expect_json '.errors[0] | .code == "unknown_profile" and (.hint | contains("shortlived (six days)"))'
expect_ca_orders 0

scene "more names than the profile takes go on several certificates"
configure
ca_mark
options=()
for number in $(seq 25); do options+=(--extra-name "mx$number.example.com"); done
mxcert plan --json "${options[@]}"
expect_exit 0
expect_json '.certificates[0].names | length == 26'
mxcert issue --profile shortlived --dry-run --json "${options[@]}"
expect_exit 0
expect_json '[.certificates[].names | length] | length == 2 and add == 26 and max == 25'
expect_no_ca_requests

scene "of several chains the one that leads to the preferred root is served, whole"
on foo rm -rf /var/lib/mxcert
lab pebble restart PEBBLE_ALTERNATE_ROOTS=2 PEBBLE_CHAIN_LENGTH=3
preferred=$(root_name 2)
expect_different "$preferred" "$(root_name 0)"
configure_ca "preferred_chain = \"$preferred\""
mxcert issue
expect_exit 0
expect_no_stderr
expect_same "$preferred" "$(top_issuer)"
expect_same 4 "$(get foo $live/fullchain.pem | grep -c 'BEGIN CERTIFICATE')"

scene "the default chain is not looked for elsewhere, and without the preferred one it is used with a warning"
mxcert issue --new-key --state-dir /var/lib/other --preferred-chain "$(root_name 0)"
expect_exit 0
expect_no_stderr
live=/var/lib/other/live/mx.example.com
expect_same "$(root_name 0)" "$(top_issuer)"
mxcert issue --state-dir /var/lib/third --preferred-chain "No Such Root" --json
expect_exit 0
expect_json '[.warnings[] | select(.code == "chain_not_found")] | length == 1'
live=/var/lib/third/live/mx.example.com
expect_same "$(root_name 0)" "$(top_issuer)"
