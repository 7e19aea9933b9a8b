#!/bin/bash
# Two types of keys from one plan: each version holds a certificate with either, ordered one after the other.
. "$(dirname "$0")/lib.sh"
need_new_pebble

state=/var/lib/mxcert
live=$state/live/mx.example.com

# configure_keys TYPES: `"ecdsa-p256", "rsa-2048"`
configure_keys() {
  { standard_config example.com; printf 'configure = true\n[certificate]\nkeys = [%s]\n' "$1"; } |
    put foo /etc/mxcert/mxcert.toml
}
both='"ecdsa-p256", "rsa-2048"'

live_number() { basename "$("$lab" exec foo readlink $live)"; }
# of FOLDER QUESTION…: what openssl says of the leaf in it
of() { lab exec foo openssl x509 -noout "${@:2}" -in "$1/cert.pem"; }
# expect_part FOLDER TYPE: a whole certificate with such a key, as private as it has to be
expect_part() {
  lab exec foo openssl x509 -noout -text -in "$1/cert.pem" >"$work/text" || fail "there is no certificate in $1"
  grep -q "Public Key Algorithm: $2" "$work/text" || fail "the key in $1 is not of type $2"
  expect_same "$(of "$1" -pubkey)" "$(lab exec foo openssl pkey -pubout -in "$1/privkey.pem")"
  expect_same "$(get foo "$1/bundle.pem")" "$(get foo "$1/privkey.pem" && get foo "$1/cert.pem" && get foo "$1/chain.pem")"
  expect_file foo "$1" root:root 0700
  expect_file foo "$1/privkey.pem" root:root 0600
  expect_file foo "$1/bundle.pem" root:root 0600
}
expect_both() {
  expect_part "${1:-$live}" id-ecPublicKey
  expect_part "${1:-$live}/rsa" rsaEncryption
}
# shown_to SIGNATURES: the serial number of what a client is shown that takes no others
shown_to() {
  "$lab" exec client openssl s_client -connect 192.0.2.1:25 -starttls smtp -name client.lab.example -servername mx.example.com \
    -sigalgs "$1" </dev/null 2>/dev/null | openssl x509 -noout -serial 2>/dev/null || echo none
}
# expect_both_served: each client is shown the certificate that it can check
expect_both_served() {
  expect_same "$(of $live -serial)" "$(shown_to ECDSA+SHA256)"
  expect_same "$(of $live/rsa -serial)" "$(shown_to RSA-PSS+SHA256:RSA+SHA256)"
}
# become_due FILTER: make_due, and the limits of the CA are far
become_due() {
  let_week_pass
  make_due mx.example.com "$1"
}
# let_week_pass: what was issued so far does not count for the limits of the CA any more
let_week_pass() { lab exec foo rm -f $state/issuances.json; }
# let_time_pass: both that and the last failure were long ago
let_time_pass() { let_week_pass; let_pauses_pass; }
# kill_when FILE SIGNAL: ends the run as soon as the order in that file has been made
kill_when() {
  lab exec foo timeout 60 sh -c "until jq -e '.url != \"\"' '$state/orders/$1' >/dev/null 2>&1; do
      sleep 0.01; done; kill -$2 \"\$(cat /run/mxcert.pid)\"" || fail 'no order was made in time'
}
# begin COMMAND…: a run in the background, for kill_when
begin() { "$lab" exec foo sh -c "mxcert $* & echo \$! >/run/mxcert.pid; wait \$!" >"$work/background" 2>"$work/background.errors" & }

scene "both are ordered, and stored in one version"
configure_keys "$both"
ca_mark
mxcert issue --json
expect_exit 0
expect_json '.certificates[0] | .result == "issued" and .certificate_version == "0001"
  and .key_types == ["ecdsa-p256", "rsa-2048"]'
expect_ca_orders 2
expect_both
"$lab" ca-root | put foo /root/ca-root.pem
for part in . rsa; do
  expect "$lab" exec foo openssl verify -CAfile /root/ca-root.pem -untrusted $live/$part/chain.pem $live/$part/cert.pem
  expect_stdout ': OK'
done
expect_same "$(of $live -ext subjectAltName)" "$(of $live/rsa -ext subjectAltName)"
expect_both_served
expect_no_leftovers
mxcert status --json
expect_json '.certificates[0] | .key_type == "ecdsa-p256" and (.further | length) == 1
  and .further[0].key_type == "rsa-2048" and .further[0].fingerprint != .fingerprint'
mxcert status
expect_stdout_like '^ +and key +rsa-2048 from '

scene "what is not due is not asked for: two unsigned questions about the renewal, and nothing more"
ca_mark
mxcert renew
expect_exit 0
expect_no_output
expect_ca_requests 2 'GET /draft-ietf-acme-ari-03/renewalInfo/'
expect_ca_requests 0 'POST /'
ca_mark
mxcert renew
expect_no_output
expect_no_ca_requests

scene "both are renewed, each with its key"
become_due '.renewal_info, .further_renewal_info[0]'
ca_mark
mxcert renew --json
expect_exit 0
expect_json '.certificates[0] | .action == "renew" and .certificate_version == "0002"'
expect_ca_orders 2
expect_both
expect_same 2 "$("$lab" pebble logs | tail -n "+$((ca_seen + 1))" | grep -c 'marked as replaced')"
first=$state/certificates/mx.example.com/0001
first_key=$(of $first -pubkey)
for part in . rsa; do
  expect_same "$(of $first/$part -pubkey)" "$(of $live/$part -pubkey)"
  expect_different "$(of $first/$part -serial)" "$(of $live/$part -serial)"
done

scene "only one of them is due: the other one, which is new, goes along into the next version"
mxcert renew
expect_exit 0
become_due '.further_renewal_info[0]'
ca_mark
mxcert renew
expect_exit 0
expect_stdout_like '^mx.example.com: issued version 0003 for 1 name with ecdsa-p256 and rsa-2048'
expect_ca_orders 1
expect_same "$(of "$state/certificates/mx.example.com/0002" -serial)" "$(of $live -serial)"
expect_different "$(of "$state/certificates/mx.example.com/0002/rsa" -serial)" "$(of $live/rsa -serial)"
expect_both
expect_both_served

scene "a type that is dropped is no reason for a new version, and the next one goes without it"
configure_keys '"ecdsa-p256"'
mxcert plan --json
expect_json '.certificates[0].action == "none"'
mxcert renew
expect_exit 0
expect_no_output
become_due '.renewal_info'
mxcert renew
expect_exit 0
expect_same 0004 "$(live_number)"
expect_part $live id-ecPublicKey
expect_no_file foo $live/rsa

scene "a type that is added is ordered by itself, the other certificate stays"
configure_keys "$both"
let_week_pass
mxcert plan --json
expect_json '.certificates[0] | .action == "replace" and .why == "it lacks an rsa-2048 certificate"'
ca_mark
mxcert renew
expect_exit 0
expect_ca_orders 1
expect_same 0005 "$(live_number)"
expect_both
expect_same "$first_key" "$(of $live -pubkey)"
expect_same "$(of "$state/certificates/mx.example.com/0004" -serial)" "$(of $live -serial)"

scene "the other order of the types: the keys stay, and change places"
configure_keys '"rsa-2048", "ecdsa-p256"'
mxcert plan --json
expect_json '.certificates[0].action == "none"'
mxcert renew # asks the CA about the new one
expect_no_output
become_due '.renewal_info, .further_renewal_info[0]'
mxcert renew
expect_exit 0
expect_part $live rsaEncryption
expect_part $live/ecdsa id-ecPublicKey
expect_same "$first_key" "$(of $live/ecdsa -pubkey)"
expect_no_file foo $live/rsa
configure_keys "$both"

scene "a name more is on both"
mxcert issue --extra-name mx2.example.com --host-name mx2.example.com
expect_exit 0
for part in . rsa; do expect_same 1 "$(of $live/$part -ext subjectAltName | grep -c mx2.example.com)"; done

scene "a new key of each type where that is wanted, and revoked ones are both replaced"
mxcert revoke mx.example.com --reason keyCompromise --json
expect_exit 0
expect_json '.result == "revoked" and (.certificate.further | length) == 1 and .certificate.further[0].result == "revoked"
  and .certificate.further[0].key_type == "rsa-2048" and .certificate.further[0].serial != .certificate.serial'
before=$state/certificates/mx.example.com/$(live_number)
let_week_pass
mxcert issue
expect_exit 0
expect_both
for part in . rsa; do expect_different "$(of "$before/$part" -pubkey)" "$(of $live/$part -pubkey)"; done

scene "ended between the two orders, the next run goes on with both"
reset
configure_keys "$both"
lab pebble restart PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=3 PEBBLE_AUTHZREUSE=0
for how in KILL INT; do
  on foo rm -rf $state
  ca_mark
  begin issue
  kill_when mx.example.com+rsa.json "$how"
  wait $! || true
  expect_no_file foo $live
  mxcert issue
  expect_exit 0
  # Perhaps the CA looked for the answer to its challenge while nobody listened.
  [ "$(ca_orders)" -le 3 ] || fail "$(ca_orders) orders were made"
  expect_both
  expect_no_leftovers
done

scene "the CA goes away between them: the first one is stored and served all the same, and the other one follows alone"
on foo rm -rf $state
begin issue --json
kill_when mx.example.com+rsa.json CONT
lab pebble stop
wait $! && fail "that was no success: $(cat "$work/background")"
stdout=$(cat "$work/background")
jq -e '.certificates[0].key_types == ["ecdsa-p256"] and (.errors[0].message | test("mx.example.com: rsa-2048: "))' \
  "$work/background" >/dev/null || fail "not told: $stdout"
expect_same 0001 "$(live_number)"
expect_part $live id-ecPublicKey
expect_same "$(of $live -fingerprint -sha256 | sed 's/.*=//')" "$(served - 25)"
lab pebble restart
mxcert renew
expect_exit 0
expect_no_stdout
expect_same 0001 "$(live_number)"
let_time_pass
ca_mark
mxcert renew
expect_exit 0
expect_ca_orders 1
expect_same 0002 "$(live_number)"
expect_both
expect_same "$(of $first -serial)" "$(of $live -serial)"
expect_no_leftovers

scene "the second one cannot be had at a renewal: the old one, which is still valid, stays beside the new first one"
mxcert renew
expect_exit 0
# A folder is where the order's key would be kept.
on foo mkdir -p "$state/orders/mx.example.com+rsa.key/x"
become_due '.renewal_info, .further_renewal_info[0]'
mxcert renew
expect_exit 1
expect_stderr_like '^mxcert: error: mx.example.com: rsa-2048: '
expect_same 0003 "$(live_number)"
expect_both
expect_same "$(of "$state/certificates/mx.example.com/0002/rsa" -serial)" "$(of $live/rsa -serial)"
expect_different "$(of "$state/certificates/mx.example.com/0002" -serial)" "$(of $live -serial)"
on foo rm -r "$state/orders/mx.example.com+rsa.key"
let_time_pass
ca_mark
mxcert renew
expect_exit 0
expect_ca_orders 1
expect_same 0004 "$(live_number)"
expect_different "$(of "$state/certificates/mx.example.com/0003/rsa" -serial)" "$(of $live/rsa -serial)"

scene "on the command line a type may stand twice; two of one family are a mistake"
on foo rm -rf $state
mxcert issue --key-type ecdsa-p384 --key-type rsa-3072
expect_exit 0
expect_both
mxcert issue --key-type rsa-2048 --key-type rsa-4096
expect_problem 2 '--key-type: rsa-4096 besides rsa-2048' 'keys = \['
