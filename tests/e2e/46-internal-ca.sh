#!/bin/bash
# A certificate from the first minute: from a CA of our own, which needs neither network nor DNS, until another one is
# configured or can be had.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
live=$state/live/mx.example.com

# configure_internal [DOMAIN…]
configure_internal() {
  standard_config "$@" | sed 's|^directory = .*|directory = "internal"|' | put foo /etc/mxcert/mxcert.toml
}
configure_placeholder() { standard_config example.com | sed '/^\[ca\]/a placeholder = true' | put foo /etc/mxcert/mxcert.toml; }
public_key() { lab exec foo openssl pkey -pubout -in $live/privkey.pem; }
serial() { lab exec foo openssl x509 -noout -serial -in $live/cert.pem; }
live_fingerprint() { lab exec foo openssl x509 -noout -fingerprint -sha256 -in "${1:-$live}/cert.pem" | sed 's/.*=//'; }
# expect_trusted NAME: who trusts the root, and nobody else, is satisfied
expect_trusted() {
  mxcert account show --ca internal
  expect_exit 0
  put client /root/internal-ca.pem <<<"$stdout"
  expect "$lab" exec client openssl s_client -connect 192.0.2.1:25 -starttls smtp -name client.lab.example -brief \
    -verify_hostname "$1" -verify_return_error -CAfile /root/internal-ca.pem
  run "$lab" exec client openssl s_client -connect 192.0.2.1:25 -starttls smtp -name client.lab.example -brief \
    -verify_hostname "$1" -verify_return_error -CAfile "$("$lab" ca-trust)"
  [ "$status" != 0 ] || fail 'trusted without the root'
}

scene "there is no root as long as nobody has asked for a certificate"
configure_internal example.com
mxcert account show
expect_exit 0
expect_stdout 'has no root yet'
mxcert account register
expect_problem 2 'the internal CA has no accounts' 'account show'
expect_no_file foo $state/internal-ca

scene "no CA can be reached: TLS works at once, with the names of the plan"
lab pebble stop
mxcert issue --json
expect_exit 0
expect_json '.certificates[0] | .result == "issued" and .names == ["mx.example.com"]
  and .deployments[0].result == "deployed_and_verified"'
expect_json '[.warnings[].code] == []'
expect_json "(.certificates[0].tlsa | length) == 1 and (.certificates[0].tlsa[0]
  | startswith(\"_25._tcp.mx.example.com. IN TLSA 3 1 1 \"))"
record=$(jq -r '.certificates[0].tlsa[0]' <<<"$stdout")
expect_same "${record##* }" "$(lab exec foo sh -c "openssl pkey -pubout -outform DER -in $live/privkey.pem | sha256sum" | cut -d' ' -f1)"
expect_same "$(live_fingerprint)" "$(served - 25)"
expect_trusted mx.example.com
expect_no_leftovers

scene "its key is private, its root is one for servers only, and signs no other CA"
expect_file foo $state/internal-ca root:root 0700
expect_file foo $state/internal-ca/key.pem root:root 0600
expect_file foo $state/internal-ca/root.pem root:root 0644
mxcert account show --ca internal --json
expect_json '.account == null and (.root.certificate | startswith("-----BEGIN CERTIFICATE-----"))
  and .root.file == "/var/lib/mxcert/internal-ca/root.pem"'
expect "$lab" exec foo openssl x509 -noout -text -in $state/internal-ca/root.pem
expect_stdout 'CA:TRUE, pathlen:0'
expect_stdout 'TLS Web Server Authentication'
expect_stdout 'Certificate Sign'
expect_not_stdout 'CRL Sign'
expect "$lab" exec foo openssl verify -x509_strict -purpose sslserver -CAfile $state/internal-ca/root.pem $live/cert.pem

scene "what is not due is left alone; renewed it keeps its key, and has the same root"
mxcert renew
expect_exit 0
expect_no_output
key=$(public_key) first=$(serial) root=$(get foo $state/internal-ca/root.pem)
base64url() { basenc --base16 -d | basenc --base64url -w 0 | tr -d =; }
renewal_id=$(lab exec foo openssl x509 -noout -ext authorityKeyIdentifier -in $live/cert.pem | sed -n '2s/[ :]//gp' | base64url)
serial_id=$(serial | cut -d= -f2 | tr -d '\n' | base64url)
edit_state ".renewal_info = {certificate: \"$renewal_id.$serial_id\", asked_at: \"2026-01-01T00:00:00Z\",
  next_question: \"2026-01-01T00:00:00Z\", window: {start: \"2026-01-01T00:00:00Z\", end: \"2026-01-02T00:00:00Z\",
  explanation_url: \"\"}}"
mxcert renew
expect_exit 0
expect_stdout_like '^mx.example.com: issued version 0002'
expect_same "$key" "$(public_key)"
expect_different "$first" "$(serial)"
expect_same "$root" "$(get foo $state/internal-ca/root.pem)"
expect_trusted mx.example.com

scene "it revokes nothing, is no fallback, and its key is not replaced behind the administrator's back"
mxcert revoke mx.example.com
expect_problem 1 'mx.example.com is from the internal CA' 'issue --new-key'
standard_config example.com | sed '/^\[ca\]/a fallback = ["internal"]' | put foo /root/fallback.toml
mxcert --config /root/fallback.toml config check
expect_problem 2 'the internal CA is no fallback' 'placeholder = true'
lab exec foo sh -c "cp $state/internal-ca/key.pem /root/key.kept; echo rubbish >$state/internal-ca/key.pem"
mxcert issue --new-key --extra-name mx2.example.com --host-name mx2.example.com
expect_problem 1 "the internal CA's key $state/internal-ca/key.pem" 'restore it from a backup'
lab exec foo cp /root/key.kept $state/internal-ca/key.pem

scene "one word is changed, and the other CA's certificate comes, with the same key"
lab pebble start
configure example.com
mxcert plan --json
expect_json '.certificates[0] | .action == "replace" and (.why | startswith("it is from the internal CA, and https://"))'
mxcert issue
expect_exit 0
expect_served mx.example.com 25
expect_same "$key" "$(public_key)"

scene "a certificate for each of two keys"
on foo rm -rf $state
{ configure_internal example.com; get foo /etc/mxcert/mxcert.toml; printf '[certificate]\nkeys = ["ecdsa-p256", "rsa-2048"]\n'; } |
  put foo /root/two.toml
mxcert --config /root/two.toml issue --json
expect_exit 0
expect_json '.certificates[0] | .key_types == ["ecdsa-p256", "rsa-2048"] and (.tlsa | length) == 2'
expect "$lab" exec foo openssl verify -CAfile $state/internal-ca/root.pem $live/rsa/cert.pem

scene "the DNS leads nowhere yet: the host's own name will do"
reset
configure_internal missing.example
mxcert issue --json
expect_exit 0
expect_json '.certificates[0] | .name == "foo.example.com" and .names == ["foo.example.com"] and .result == "issued"'
expect_json '[.warnings[].code] | index("own_name") != null'
expect_trusted foo.example.com
mxcert renew
expect_exit 0
expect_no_output
# A key that is shown to nobody yet may be replaced although nothing is known of TLSA records.
lab exec foo rm -rf $state /etc/exim4/exim.crt /etc/exim4/exim.key
lab exim restart
lab dns stop
lab resolver flush
mxcert issue --json
expect_exit 0
expect_json '.certificates[0].names == ["foo.example.com"]'
lab dns start

scene "a placeholder comes nowhere near what is served already"
reset
lab pebble stop
configure_placeholder
mark
mxcert issue --json
expect_exit 1
expect_json '.certificates[0].deployments[0].result == "left_alone" and ([.errors[].code] == ["ca_unreachable"])'
expect_untouched

scene "where nothing is served it is installed, and told"
lab exec foo rm /etc/exim4/exim.crt /etc/exim4/exim.key
lab exim restart
expect_same '' "$(served - 25)"
mxcert issue --json
expect_exit 1
expect_json '.certificates[0] | .result == "placeholder" and .deployments[0].result == "deployed_and_verified"'
expect_json '[.warnings[].code] | index("placeholder") != null'
expect_trusted mx.example.com
key=$(public_key) placeholder=$(serial)
mxcert issue
expect_exit 1
expect_same "$placeholder" "$(serial)"

scene "as soon as the CA issues, its certificate takes the place, with the same key"
lab pebble start
edit_state '.failure.at = "2026-01-01T00:00:00Z"'
mxcert renew
expect_exit 0
expect_served mx.example.com 25
expect_same "$key" "$(public_key)"
lab pebble stop
mxcert issue --new-key --extra-name mx2.example.com --host-name mx2.example.com --json
expect_exit 1
expect_json '.certificates[0].result == "failed"'
lab pebble start
expect_same "$key" "$(public_key)"
