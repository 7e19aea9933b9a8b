#!/bin/bash
# Everything that Pebble can do to a client, and the client ended at each step of an order: a certificate in the end, with
# no more orders than needed.
#
# A library that is loaded into mxcert ends it when an answer has come of a certain URL, or before a certain change to a
# file.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
live=$state/live/mx.example.com

# Two names; nothing is installed where only the CA matters.
configure_bare() {
  standard_config "$@" | sed '/^\[\[deploy\]\]/,$d' | put foo /etc/mxcert/mxcert.toml
  lab exec foo rm -rf $state
  ca_mark
}
names_of_live() { lab exec foo openssl x509 -noout -ext subjectAltName -in $live/cert.pem | sed -n 's/DNS://gp' | xargs; }
expect_issued() {
  expect_exit 0
  expect_same "mx.example.com, mx2.example.com" "$(names_of_live)"
}

# ---- what Pebble is told to do ------------------------------------------------------------------------------------

for percent in 5 90; do
  scene "the CA refuses $percent % of the nonces: one order all the same"
  lab pebble restart PEBBLE_WFE_NONCEREJECT=$percent
  configure_bare example.com second.example
  mxcert issue
  expect_issued
  expect_ca_orders 1
done

for percent in 0 50 100; do
  scene "the CA reuses $percent % of the authorizations: the second certificate comes as well"
  lab pebble restart PEBBLE_AUTHZREUSE=$percent PEBBLE_WFE_NONCEREJECT=0
  configure_bare example.com second.example
  mxcert issue
  expect_issued
  lab exec foo sh -c "rm -r $state/certificates $state/live"
  ca_mark
  mxcert issue
  expect_issued
  expect_ca_orders 1
  case $percent in
    0) expect_ca_requests 2 'POST /chalZ/' ;;
    100) expect_ca_requests 0 'POST /chalZ/' ;;
  esac
done

scene "a CA that is strict finds nothing to complain about"
lab pebble restart STRICT=1
configure_bare example.com second.example
mxcert issue
expect_issued
expect_no_ca_complaints() {
  local found
  found=$(lab pebble logs | tail -n "+$((ca_seen + 1))" | grep -iE 'error|malformed' | grep -v 'badNonce') || true
  [ -z "$found" ] || fail "the CA says: $found"
}
expect_no_ca_complaints

scene "a chain of three is stored and served whole"
lab pebble restart PEBBLE_CHAIN_LENGTH=3
configure example.com second.example
on foo rm -rf $state
mxcert issue
expect_issued
expect_same 4 "$(lab exec foo grep -c 'BEGIN CERTIFICATE' $live/fullchain.pem)"
expect_served mx2.example.com 25

scene "a CA that asks for patience gets it"
lab pebble restart '{"retryAfter": {"authz": 2, "order": 2}}' PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=2
configure_bare example.com second.example
mxcert issue
expect_issued
expect_ca_orders 1

scene "several names that the CA refuses outright are each told, and the others get their certificate"
zone blocked.example <<<'@ MX 10 mx
mx A 192.0.2.1'
lab pebble restart '{"domainBlocklist": ["mx.blocked.example", "implicit.example"]}'
configure_bare example.com implicit.example second.example blocked.example
mxcert issue --json
expect_exit 1
expect_json '[.errors[] | select(.code == "name_refused") | .subject] | sort == ["implicit.example", "mx.blocked.example"]'
expect_json '.certificates | length == 1 and .[0].result == "issued" and .[0].names == ["mx.example.com", "mx2.example.com"]'
expect_ca_orders 1

# ---- ended in the midst ------------------------------------------------------------------------------------------

# begin_issue: one in the background; end_issue: waits for it, into $status and $stderr
begin_issue() {
  "$lab" exec foo sh -c 'mxcert issue & echo $! >/run/mxcert.pid; wait $!' >"$work/stdout" 2>"$work/stderr" &
  issuing=$!
}
end_issue() {
  status=0
  wait $issuing || status=$?
  remember mxcert issue
}
under_way() { lab exec foo sh -c "jq -e '.url != \"\"' $state/orders/mx.example.com.json"; }
listens() { lab exec foo bash -c 'exec 3<>/dev/tcp/192.0.2.1/80'; }

scene "the CA loses everything in the midst of an order: the same run registers again and gets its certificate"
lab pebble restart PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=20
configure_bare example.com second.example
begin_issue
within 20 under_way
lab pebble restart
end_issue
expect_stderr 'registering again'
expect_issued

scene "SIGINT while the CA validates: it says so, nobody listens any more, and nothing is half-done"
lab pebble restart PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=20
configure_bare example.com second.example
begin_issue
within 20 under_way
within 20 listens
lab exec foo sh -c 'kill -INT "$(cat /run/mxcert.pid)"'
end_issue
expect_exit 1
expect_stderr interrupted
if listens 2>/dev/null; then fail "somebody still listens"; fi
expect_no_file foo $live

command -v cc >/dev/null || { echo "no compiler: not killed anywhere"; exit 0; }
crash=$MXCERT_LAB_DIR/share/crash-at.so
cat >"$work/crash.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void end_if(const char* variable, const char* text) {
  const char* pattern = getenv(variable);
  if (pattern && text && strstr(text, pattern)) raise(SIGKILL);
}
int rename(const char* a, const char* b) {
  end_if("CRASH_BEFORE", b);
  return ((int (*)(const char*, const char*))dlsym(RTLD_NEXT, "rename"))(a, b);
}
/* Called when a request has been answered. */
int curl_multi_remove_handle(void* multi, void* easy) {
  int (*info)(void*, int, ...) = (int (*)(void*, int, ...))dlsym(RTLD_NEXT, "curl_easy_getinfo");
  const int effective_url = 0x100000 + 1;
  const char* url = NULL;
  info(easy, effective_url, &url);
  end_if("CRASH_AFTER", url);
  return ((int (*)(void*, void*))dlsym(RTLD_NEXT, "curl_multi_remove_handle"))(multi, easy);
}
C
cc -shared -fPIC -o "$crash" "$work/crash.c" -ldl

# killed VARIABLE=WHERE: mxcert issue, which does not survive it
killed() {
  on foo env LD_PRELOAD="$crash" ASAN_OPTIONS=verify_asan_link_order=0 "$1" mxcert issue
  expect_exit 137
}

# Where, and how many orders the CA has made at most when the next run has finished: two where nobody knows the first
# one's URL, and where the CA may have looked for the tokens when nobody was there (it looks more than once).
steps="
CRASH_AFTER=/sign-me-up 1 the account was made
CRASH_AFTER=/order-plz 2 the order was made, and nobody knows its URL
CRASH_AFTER=/authZ/ 1 the authorizations were looked at
CRASH_AFTER=/chalZ/ 2 the challenges were triggered
CRASH_AFTER=/finalize-order/ 1 the order was finalized
CRASH_AFTER=/my-order/ 2 the order was looked at
CRASH_AFTER=/certZ/ 1 the certificate was downloaded
CRASH_BEFORE=/certificates/mx.example.com/0001 1 the version was to be stored
CRASH_BEFORE=/live/ 1 the version was to become the live one
"
lab pebble restart PEBBLE_AUTHZREUSE=0
while read -r where orders what; do
  [ -n "$where" ] || continue
  scene "killed when $what: the next run finishes, with at most $orders at the CA in all"
  configure_bare example.com second.example
  killed "$where"
  mxcert issue
  expect_issued
  [ "$(ca_orders)" -le "$orders" ] || fail "$(ca_orders) orders were made: $(ca_requests)"
  expect_no_leftovers
done <<<"$steps"
