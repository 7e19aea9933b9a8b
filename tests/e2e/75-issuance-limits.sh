#!/bin/bash
# How often certificates are ordered: CAs count, and so does mxcert.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
edit() {
  local document
  document=$(get foo $state/issuances.json | jq "$1")
  put foo $state/issuances.json 0600 <<<"$document"
}

scene "what was issued is remembered"
configure example.com
mxcert issue
expect_exit 0
expect_file foo $state/issuances.json root:root 0600
on foo jq -c '[.issuances[] | .certificate, .names, .replacement]' $state/issuances.json
expect_stdout '["mx.example.com",["mx.example.com"],false]'

scene "renew replaces a certificate three times a day at most, and is silent about it; issue does what it is told"
edit '.issuances += [.issuances[0] | .replacement = true | .names = ["a.example.com"], (.names = ["b.example.com"]), (.names = ["c.example.com"])]'
configure example.com second.example
for _ in 1 2 3; do
  ca_mark
  mxcert renew
  expect_exit 0
  expect_no_output
  expect_ca_orders 0
done
mxcert renew --verbose
expect_stderr_like 'mx.example.com was replaced often enough for a day; renew does it again after 20.*: it lacks mx2.example.com'
edit '.issuances[-1].at |= (fromdate - 90000 | todate) | .issuances |= sort_by(.at)'
mxcert renew
expect_exit 0
expect_stdout_like '^mx.example.com: issued version 0002 for 2 names'
mxcert issue
expect_exit 0

scene "five certificates with the same names in a week: neither command orders another, and the error says until when"
edit '.issuances |= [.[-1] as $last | range(5) as $n | $last | .at |= (fromdate - (5 - $n) * 3600 | todate)]'
expected=$(get foo $state/issuances.json | jq -r '.issuances[0].at | fromdate + 7 * 86400 | todate')
on foo rm $state/live/mx.example.com
ca_mark
mxcert issue --json
expect_exit 1
expect_json '[.errors[] | .code] == ["issued_too_often"]'
expect_json ".errors[0].message | test(\"before $expected\")"
mxcert renew
expect_exit 1
expect_ca_orders 0

scene "what has expired does not count, so that certificates that live for a day can be renewed"
edit '.issuances[].not_after = "2026-01-01T00:00:00Z"'
mxcert issue
expect_exit 0
expect_ca_orders 1

scene "many certificates below one registered domain are told of"
edit '.issuances += [.issuances[0] as $one | range(40) as $n | $one | .names = ["h\($n).example.com"]]'
mxcert issue --json --domain implicit.example
expect_exit 0
expect_json '[.warnings[] | select(.code == "many_issued")] | length == 1 and .[0].subject == "example.com"'
