#!/bin/bash
# Changes of the account: contacts, its key, its end. Whenever a change of keys is ended, the account is not lost.
. "$(dirname "$0")/lib.sh"

account=/var/lib/mxcert/accounts/ca.lab.example_14000/dir
key_hash() { lab exec foo sha256sum "$account/key.pem" | cut -d' ' -f1; }
shown() { jq -r ".account.$1" <<<"$stdout"; }
expect_same_account() {
  mxcert account show --json
  expect_exit 0
  expect_json ".account.status == \"valid\" and .account.url == \"$url\""
  expect_no_file foo "$account/key.next.pem"
}

scene "what needs an account says that there is none, and how to get one"
configure example.com
for change in update rollover deactivate; do
  mxcert account $change --json
  expect_exit 1
  expect_json '.errors[0].code == "no_account" and (.errors[0].hint | test("account register"))'
done
expect_no_file foo "$account/key.pem"

scene "update tells the CA the contacts as they are configured now; none takes them away"
mxcert account register --json
expect_exit 0
url=$(shown url)
mxcert account update --email other@example.com --json
expect_exit 0
expect_json '.result == "updated" and .account.contacts == ["postmaster@example.com", "other@example.com"]'
sed '/^contact/d' <<<"$(standard_config example.com)" | put foo /etc/mxcert/mxcert.toml
mxcert account update
expect_exit 0
mxcert account show --json
expect_json ".account.contacts == [] and .account.url == \"$url\""

scene "a dry run says what there is, and changes nothing"
key=$(key_hash)
for change in update rollover deactivate; do
  mxcert account $change --dry-run --email x@example.com --json
  expect_exit 0
  expect_json '.result == "planned" and .account.status == "valid" and .account.contacts == []'
done
expect_same "$key" "$(key_hash)"

scene "rollover: the same account has a new key, of the type that is configured, and orders with it"
thumbprint=$(shown thumbprint)
mxcert account rollover --account-key ecdsa-p384 --json
expect_exit 0
expect_json ".result == \"rolled_over\" and .account.url == \"$url\" and .account.key_type == \"ecdsa-p384\""
expect_json ".account.status == \"valid\" and .account.thumbprint != \"$thumbprint\""
expect_file foo "$account/key.pem" root:root 0600
expect_different "$key" "$(key_hash)"
mxcert issue
expect_exit 0
expect_same "$url" "$(get foo /var/lib/mxcert/live/mx.example.com/certificate.json | jq -r .account)"

command -v cc >/dev/null || skip "there is no compiler"
# Loaded into mxcert, it ends it at the moment when the given file is about to get its name.
cat >"$work/die.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
int rename(const char* from, const char* to) {
  const char* at = getenv("DIE_AT");
  if (at && strcmp(at, to) == 0) raise(SIGKILL);
  return ((int (*)(const char*, const char*))dlsym(RTLD_NEXT, "rename"))(from, to);
}
C
die=$MXCERT_LAB_DIR/share/die.so
cc -shared -fPIC -o "$die" "$work/die.c" -ldl
die_at() { on foo env LD_PRELOAD="$die" DIE_AT="$1" ASAN_OPTIONS=verify_asan_link_order=0 mxcert "${@:2}"; }

scene "killed before the CA hears of the new key: nothing has changed"
key=$(key_hash)
die_at "$account/key.next.pem" account rollover
expect_exit 137
expect_same "$key" "$(key_hash)"
expect_same_account

scene "killed after the CA has taken the new key: the next run finds that out, and goes on with it"
ca_mark
die_at "$account/key.pem" account rollover
expect_exit 137
grep -q 'POST /rollover' <<<"$(ca_requests)" || fail "the CA was not asked"
expect_file foo "$account/key.next.pem" root:root 0600
expect_same "$key" "$(key_hash)"
next=$(lab exec foo sha256sum "$account/key.next.pem" | cut -d' ' -f1)
mxcert issue example.com --new-key --extra-name mx2.example.com --host-name mx2.example.com
expect_same "$next" "$(key_hash)"
expect_same_account

scene "a new key that the CA has never seen is dropped"
key=$(key_hash)
lab exec foo sh -c "umask 077; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 >$account/key.next.pem"
expect_same_account
expect_same "$key" "$(key_hash)"

scene "while the CA is away both are kept"
lab exec foo sh -c "umask 077; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 >$account/key.next.pem"
lab pebble stop
mxcert account show
expect_exit 1
expect_file foo "$account/key.next.pem" root:root 0600
expect_same "$key" "$(key_hash)"
mxcert account rollover
expect_exit 1
lab pebble start
lab exec foo rm "$account/key.next.pem"

scene "deactivate ends the account; nothing makes another one by itself"
mxcert account register --email a@example.com
expect_exit 0
key=$(key_hash)
mxcert account deactivate --json
expect_exit 0
expect_json '.result == "deactivated" and .account.status == "deactivated"'
mxcert account deactivate
expect_exit 0
mxcert account show --json
expect_exit 0
expect_json '.account.status == "deactivated"'
ca_mark
lab exec foo rm -rf /var/lib/mxcert/certificates /var/lib/mxcert/live
mxcert issue --json
expect_exit 1
expect_json '.errors[0].code == "account_deactivated" and (.errors[0].hint | test("account register"))'
expect_ca_orders 0

scene "an account that was deactivated elsewhere is found out, and not replaced either"
lab exec foo rm "$account/account.json"
mxcert issue --json
expect_exit 1
expect_json '.errors[0].code == "account_deactivated"'

scene "register makes a new one then, with a new key; the old one is kept beside it"
mxcert account register --json
expect_exit 0
expect_json '.result == "registered" and .account.status == "valid"'
expect_different "$key" "$(key_hash)"
expect_same "$key" "$(lab exec foo sha256sum "$account/key.retired.pem" | cut -d' ' -f1)"
mxcert issue --extra-name mx2.example.com # which is served
expect_exit 0
expect_served mx.example.com 25
