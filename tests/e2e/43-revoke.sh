#!/bin/bash
# Revocation: at the CA that issued, by account or certificate key, and what follows from it. The CA's management
# interface says what it thinks.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
live=$state/live/mx.example.com
serial() { lab exec foo openssl x509 -noout -serial -in "$live/cert.pem" | sed 's/.*=//' | tr A-F a-f; }
key_hash() { lab exec foo sha256sum "$live/privkey.pem" | cut -d' ' -f1; }
# ca_says SERIAL FILTER
ca_says() {
  run "$lab" exec client curl -sS --cacert "$("$lab" ca-trust)" "https://ca.lab.example:15000/cert-status-by-serial/$1"
  expect_json "$2"
}

scene "what there is nothing of cannot be revoked"
configure example.com
mxcert revoke mx.example.com
expect_problem 2 'there is no certificate mx.example.com' 'none is stored'
mxcert issue
expect_exit 0
mxcert revoke mx.example.com --reason because
expect_problem 2 'because is no reason' 'keyCompromise'
mxcert revoke mx.example.com --dry-run --json
expect_exit 0
expect_json '.result == "planned" and .certificate.by == "account"'
serial=$(serial)
key=$(key_hash)
ca_says "$serial" '.Status == "Valid"'

scene "by the account: the CA has it revoked, status and plan show it"
mxcert revoke mx.example.com --reason superseded --json
expect_exit 0
expect_json '.result == "revoked" and .certificate.by == "account" and .certificate.reason == "superseded"'
expect_json '.certificate.certificate_version == "0001" and .warnings[0].code == "still_served"'
ca_says "$serial" '.Status == "Revoked" and .Reason == 4'
mxcert status --json
expect_json '.certificates[0].revoked.reason == "superseded"'
mxcert status
expect_stdout_like '^ +revoked +20.*superseded'
mxcert plan --json
expect_json '.certificates[0].action == "replace" and (.certificates[0].why | test("revoked"))'

scene "revoked twice is no mistake"
mxcert revoke mx.example.com --json
expect_exit 0
expect_json '.result == "already_revoked"'

scene "the next renew replaces it, with the same key since nothing is wrong with that, and then nothing is due"
mxcert renew
expect_exit 0
expect_stdout_like 'mx.example.com: issued version 0002'
expect_served mx.example.com 25
expect_same "$key" "$(key_hash)"
expect_different "$serial" "$(serial)"
mxcert status --json
expect_json '.certificates[0].revoked == null'
mxcert renew
expect_exit 0
expect_no_output

scene "a compromised key signs its own revocation, and is never used again"
serial=$(serial)
mxcert revoke mx.example.com --reason keyCompromise --certificate-key --json
expect_exit 0
expect_json '.result == "revoked" and .certificate.by == "certificate_key"'
ca_says "$serial" '.Status == "Revoked" and .Reason == 1'
mxcert renew
expect_exit 0
expect_served mx.example.com 25
expect_different "$key" "$(key_hash)"

scene "without the account the certificate's key does, though another CA is configured now"
serial=$(serial)
lab exec foo rm -rf $state/accounts
standard_config example.com | sed 's/^directory.*/directory = "letsencrypt-staging"/' | put foo /etc/mxcert/mxcert.toml
mxcert revoke mx.example.com --json
expect_exit 0
expect_json '.result == "revoked" and .certificate.by == "certificate_key"'
ca_says "$serial" '.Status == "Revoked"'
expect_same '' "$(lab exec foo find $state/accounts -type f 2>/dev/null || true)"

scene "a CA that is away leaves everything as it was"
configure example.com
mxcert issue
expect_exit 0
lab pebble stop
mxcert revoke mx.example.com
expect_exit 1
mxcert status --json
expect_json '.certificates[0].revoked == null'
lab pebble start
