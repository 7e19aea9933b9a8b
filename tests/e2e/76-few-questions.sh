#!/bin/bash
# A renewal run with nothing due asks the DNS for no more than it needs to know that.
. "$(dirname "$0")/lib.sh"

unbound() { lab exec dns unbound-control -q -c "$MXCERT_LAB_DIR/share/unbound.conf" "$@"; }
log=/var/log/unbound.log
# questions CMD…: what the resolver is asked while it runs, "NAME. TYPE" one a line
questions() {
  unbound set_option log-queries: yes
  lab exec dns sh -c ": >$log"
  mxcert "$@"
  unbound set_option log-queries: no
  lab exec dns sed -n 's/.* info: 192\.0\.2\.1 \(.*\) IN$/\1/p' $log | LC_ALL=C sort
}
# expect_questions < them
expect_questions() {
  local expected
  expected=$(LC_ALL=C sort)
  [ "$asked" = "$expected" ] || fail "asked for other things: $(diff <(echo "$expected") <(echo "$asked") || true)"
}

zone example.net <<<'@ MX 10 mx2.example.com.'
configure example.com example.net example.org insecure.example nullmx.example foreign.example
mxcert issue
expect_exit 0
mxcert renew # asks the CA when to renew
expect_no_output

scene "each MX and each address once, and of DNSSEC each zone once: no CAA, no CA, nothing twice"
questions renew >"$work/asked"
expect_exit 0
expect_no_output
asked=$(cat "$work/asked")
expect_questions <<'QUESTIONS'
example.com. MX
example.net. MX
example.org. MX
insecure.example. MX
nullmx.example. MX
foreign.example. MX
mx.example.com. A
mx.example.com. AAAA
mx2.example.com. A
mx2.example.com. AAAA
mx.insecure.example. A
mx.insecure.example. AAAA
mx.foreign.example. A
mx.foreign.example. AAAA
. DNSKEY
com. DS
com. DNSKEY
net. DS
net. DNSKEY
org. DS
org. DNSKEY
example. DS
example. DNSKEY
example.com. DS
example.com. DNSKEY
example.net. DS
example.net. DNSKEY
example.org. DS
example.org. DNSKEY
insecure.example. DS
QUESTIONS

scene "a domain more costs one question, if its MX host is known and its zone too"
configure example.com example.net example.org insecure.example nullmx.example foreign.example mixed.example
questions renew >"$work/more"
expect_exit 0
expect_same 'mixed.example. MX' "$(LC_ALL=C comm -13 "$work/asked" "$work/more")"
expect_same '' "$(LC_ALL=C comm -23 "$work/asked" "$work/more")"

scene "plan asks besides for what an order would need"
zone example.net <<<'@ MX 10 foo.example.com.'
questions plan >"$work/plan"
expect_exit 0
asked=$(LC_ALL=C comm -13 "$work/more" "$work/plan")
grep -q '^foo.example.com. CAA$' <<<"$asked" || fail "CAA records are not asked for: $asked"
expect_same '' "$(grep -v 'CAA$\|DS$\|DNSKEY$\|^foo.example.com\|^mx.insecure.example. A$' <<<"$asked" || true)"
