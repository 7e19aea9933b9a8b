#!/bin/bash
# The account at the CA.
. "$(dirname "$0")/lib.sh"

directory=$("$lab" pebble dir)
account=/var/lib/mxcert/accounts/ca.lab.example_14000/dir
key_hash() { lab exec foo sha256sum "$account/key.pem" | cut -d' ' -f1; }
url_shown() { jq -r .account.url <<<"$stdout"; }

scene "before there is an account, show says so, asks nobody and writes nothing"
configure example.com
mark
mxcert account show
expect_exit 0
expect_stdout_like '^status +none'
mxcert account show --json
expect_exit 0
expect_json '.version == 1 and .account.status == "none" and .account.url == null and .account.key_type == null'
expect_json ".account.directory == \"$directory\" and .errors == []"
expect_no_file foo /var/lib/mxcert
expect_no_ca_requests

scene "register makes the account, with the contacts of the configuration, and show tells what the CA knows"
mxcert account register --json
expect_exit 0
expect_json '.result == "registered" and .account.status == "valid" and .account.key_type == "ecdsa-p256"'
expect_json '.account.contacts == ["postmaster@example.com"] and (.account.thumbprint | test("^[A-Za-z0-9_-]{43}$"))'
expect_file foo "$account/key.pem" root:root 0600
expect_file foo "$account" root:root 0700
url=$(url_shown)
key=$(key_hash)
mxcert account show
expect_exit 0
expect_stdout_like "^url +$url\$"
expect_stdout_like '^contacts +postmaster@example.com$'
expect_stdout_like "^key +ecdsa-p256 in $account/key.pem\$"
expect_no_stderr

scene "registering again finds the same account, whatever the contacts say now"
mxcert account register --email other@example.com --json
expect_exit 0
expect_json '.result == "found"'
expect_same "$url" "$(url_shown)"
expect_same "$key" "$(key_hash)"

scene "an account whose state is lost is found again by its key, and used for the order"
on foo rm "$account/account.json"
ca_mark
mxcert issue
expect_exit 0
expect_same "$url" "$(get foo "$account/account.json" | jq -r .url)"
expect_same "$url" "$(get foo /var/lib/mxcert/live/mx.example.com/certificate.json | jq -r .account)"

scene "a CA that is not there is an error, and what is known here is shown all the same"
lab pebble stop
mxcert account show --json
expect_exit 1
expect_json ".account.status == \"unknown\" and .account.url == \"$url\" and .account.key_type == \"ecdsa-p256\""
expect_json '(.errors | length) == 1'
lab pebble start

scene "a CA that has forgotten everything: show says so, register makes the account anew with the same key"
mxcert account show --json
expect_exit 0
expect_json '.account.status == "none" and .warnings[0].code == "account_unknown_to_ca"'
mxcert account register --json
expect_exit 0
expect_json '.result == "registered"'
expect_same "$key" "$(key_hash)"

scene "terms that were not agreed to are shown, and no account is made"
reset
standard_config example.com | sed '/^agree_tos/d' | put foo /etc/mxcert/mxcert.toml
mxcert account register --json
expect_exit 1
expect_json '.errors[0].code == "terms_not_agreed"'
expect_no_file foo "$account/account.json"

for type in ecdsa-p384 rsa-2048 rsa-3072 rsa-4096; do
  scene "an account with an $type key"
  lab exec foo rm -rf /var/lib/mxcert
  standard_config example.com | sed "/^\[ca\]/a account_key = \"$type\"" | put foo /etc/mxcert/mxcert.toml
  mxcert account register --json
  expect_exit 0
  expect_json ".account.key_type == \"$type\" and .result == \"registered\""
done

scene "and what an RSA account orders is issued; a later account_key changes nothing"
mxcert issue --account-key ecdsa-p256
expect_exit 0
expect_served mx.example.com 25
mxcert account show --json
expect_json '.account.key_type == "rsa-4096"'

scene "a type that is none is refused with those there are"
mxcert account register --account-key ed25519
expect_problem 2 'ed25519 is not a key type' 'ecdsa-p384'
