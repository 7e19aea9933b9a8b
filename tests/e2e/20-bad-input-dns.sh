#!/bin/bash
# Domains that lead nowhere, elsewhere, or about which the DNS cannot tell just now: the good ones beside them go on, and
# what is served stays.
. "$(dirname "$0")/lib.sh"

# status_of DOMAIN: a filter for what plan --json says of it
status_of() { echo ".domains[] | select(.ascii == \"$1\") | .status"; }

scene "plan tells apart what can be wrong with a domain"
configure nullmx.example nomail.example foreign.example nosuch.example insecure.example bogus.example servfail.example \
  noaddress.example nxtarget.example brokentarget.example partly.example cnamemx.example alias.example implicit.example
mxcert plan --json
expect_exit 1
while read -r domain word; do expect_json "($(status_of "$domain")) == \"$word\""; done <<'STATUS'
nullmx.example null_mx
nomail.example no_mail
foreign.example ok
nosuch.example nxdomain
insecure.example ok
bogus.example bogus
servfail.example temporary
noaddress.example ok
nxtarget.example ok
brokentarget.example ok
partly.example ok
cnamemx.example ok
alias.example ok
implicit.example ok
STATUS
while read -r domain host owner; do
  expect_json ".domains[] | select(.ascii == \"$domain\") | .targets | length == 1
    and .[0].host == \"$host\" and .[0].owner == \"$owner\" and .[0].reason != \"\""
done <<'TARGETS'
foreign.example mx.foreign.example foreign
insecure.example mx.insecure.example ours
noaddress.example mx.noaddress.example unresolvable
nxtarget.example mx.nxtarget.example unresolvable
brokentarget.example mx.servfail.example unknown
partly.example mx.partly.example partly_ours
cnamemx.example mail.cnamemx.example ours
alias.example mx.example.com ours
implicit.example implicit.example ours
TARGETS
expect_json '.domains[] | select(.ascii == "insecure.example") | .dnssec == "insecure"'
expect_json '.domains[] | select(.ascii == "implicit.example") | .targets[0].implicit and .dnssec == "secure"'
expect_json '.domains[] | select(.ascii == "cnamemx.example") | .targets[0].canonical == "mx.example.com"'
expect_json '.certificates | length == 1 and (.[0].names | sort) ==
  ["implicit.example", "mail.cnamemx.example", "mx.example.com", "mx.insecure.example"]'
expect_json '[.warnings[].code] | (index("partly_ours") and index("mx_is_cname")) != null'
mxcert plan
expect_exit 1
expect_stdout_like '^  servfail.example$'
expect_stdout_like '^  bogus.example$'
expect_stdout_like '^  nullmx.example$'

scene "when no name is ours nothing is ordered, and the table says why for each"
configure nullmx.example nomail.example foreign.example nosuch.example
mark
mxcert issue
expect_problem 1 'no MX host name leads to this host' 'mxcert plan says why for each name'
expect_stdout $'foreign: 192.0.2.99 is not this host\'s\n  mx.foreign.example  for foreign.example\n'
expect_stdout $'no MX host: has a null MX: it takes no mail\n  nullmx.example\n'
expect_stdout $'no MX host: has neither MX records nor an address\n  nomail.example\n'
expect_stdout $'no MX host: does not exist in the DNS\n  nosuch.example\n'
expect_stdout_like '^no certificate'
mxcert renew
expect_problem 1 'no MX host name leads to this host'
expect_no_ca_requests
expect_untouched
expect_no_leftovers
expect_no_file foo /var/lib/mxcert/accounts/ca.lab.example_14000

scene "neither is anything when the DNS can tell of none"
configure servfail.example bogus.example
mxcert issue
expect_problem 1 'servfail.example: ' 'run the same command again'
expect_problem 1 'bogus.example: ' 'DNSSEC is broken'
expect_no_ca_requests
expect_untouched

scene "domains without mail, with foreign hosts, and unknown ones do not keep the good one from its certificate"
configure nullmx.example nomail.example foreign.example servfail.example bogus.example example.com
mxcert issue
expect_problem 1 'servfail.example: '
expect_problem 1 'bogus.example: '
expect_not_stderr nullmx
expect_stdout_like '^mx.example.com: issued version 0001 for 1 name'
expect_names mx.example.com 25
expect_served mx.example.com 25
configure nullmx.example nomail.example foreign.example example.com
mxcert issue
expect_exit 0
expect_no_stderr

scene "while a domain cannot be looked up its name stays and nothing is ordered: issue says so, cron does not hear of it"
configure example.com example.net
zone example.net <<<'@ MX 10 mx2.example.com.'
mxcert issue
expect_exit 0
expect_names "mx.example.com mx2.example.com" 25
mark
for kind in servfail bogus; do
  zone --$kind example.net <<<'@ MX 10 mx3.example.com.'
  mxcert issue
  expect_problem 1 'example.net: '
  mxcert renew
  expect_exit 0
  expect_no_output
  mxcert plan --json
  expect_exit 1
  expect_json '.certificates[0] | .action == "none" and .names == ["mx.example.com", "mx2.example.com"]'
  expect_json '[.warnings[] | select(.code == "name_kept" and .subject == "mx2.example.com")] | length == 1'
done
expect_ca_orders 0
expect_untouched

scene "so it is when nothing can be looked up at all"
lab resolver stop
mxcert issue
expect_problem 1 'example.com: ' 'run the same command again'
expect_problem 1 'example.net: '
expect_stdout_like 'nothing is due'
lab resolver start
expect_ca_orders 0
expect_untouched

scene "a new certificate, too, has the names of domains that cannot be looked up just now"
configure example.com example.net example.org
zone example.org <<<'@ MX 10 foo.example.com.'
mxcert issue
expect_problem 1 'example.net: '
expect_names "foo.example.com mx.example.com mx2.example.com" 25

scene "a definite answer takes a name out of the next certificate, not out of the live one"
zone example.net <<<'@ MX 10 mx.foreign.example.'
mark
mxcert issue
expect_exit 0
expect_stdout_like 'mx2.example.com stays in its certificate until .*, unless it comes back'
expect_stdout_like 'nothing is due'
expect_ca_orders 0
expect_untouched
zone example.org <<<'@ MX 10 second.example.
@ MX 20 foo.example.com.'
zone second.example <<<'@ A 192.0.2.1
@ MX 10 second.example.'
mxcert issue --prune
expect_exit 0
expect_names "foo.example.com mx.example.com second.example" 25

scene "an argument chooses among the configured domains: no other is taken"
mxcert issue example.com
expect_exit 0
expect_stdout_like 'nothing is due'
mxcert issue example.net
expect_problem 1 'no MX host name leads to this host'
mxcert issue foreign.example
expect_problem 2 'foreign.example is not among the configured mail domains'
