#!/bin/bash
# Names that the CA refuses beside good ones, and a CA that wants to be left alone.
. "$(dirname "$0")/lib.sh"
need_new_pebble

state=/var/lib/mxcert

scene "a blocked name among good ones: only that name is missing, and it is reported"
# Pebble blames one blocked name at a time.
for domain in one two three; do zone $domain.refused.example <<<'@ MX 10 mx
mx A 192.0.2.1'; done
configure example.com second.example {one,two,three}.refused.example
lab pebble restart '{"domainBlocklist": ["refused.example"]}'
ca_mark
mxcert renew
expect_problem 1 'mx.one.refused.example: .*rejectedIdentifier' 'exclude it in'
for name in one two three; do expect_stderr "mx.$name.refused.example: "; done
expect_stdout_like '^mx.example.com: issued version 0001 for 2 names'
expect_ca_orders 1
expect_names "mx.example.com mx2.example.com" 25
mxcert status --json
expect_json '.certificates[0] | .failure == null and ([.failing_names[].name]
  == ["mx.one.refused.example", "mx.three.refused.example", "mx.two.refused.example"])
  and (.desired | index("mx.one.refused.example")) != null'
mxcert status
expect_stdout_like 'refused +20.*: mx.one.refused.example: '

scene "the next renew is quiet and orders nothing, and plan shows what is failing"
mxcert renew
ca_mark
mxcert renew
expect_exit 0
expect_no_output
expect_no_ca_requests
mxcert plan --json
expect_json '[.warnings[] | select(.code == "name_failing") | .subject] | length == 3'

scene "after its pause a name is tried again, and again is all that fails"
let_pauses_pass
leaf=$(served - 25)
ca_mark
mxcert renew
expect_problem 1 'mx.one.refused.example: .*rejectedIdentifier' '.'
expect_ca_orders 0
expect_same "$leaf" "$(served - 25)"
mxcert status --json
expect_json '[.certificates[0].failing_names[].failure.count] == [2, 2, 2]'

scene "a bad name does not keep the others from being renewed"
make_due
mxcert renew --json
expect_exit 0
expect_json '.certificates[0] | .result == "issued" and .certificate_version == "0002"
  and .names == ["mx.example.com", "mx2.example.com"]'
expect_json '[.warnings[] | select(.code == "name_postponed") | .subject] | length == 3'

scene "once the CA takes the names, they come in by themselves"
lab pebble restart
let_pauses_pass
mxcert renew
expect_exit 0
expect_stdout_like '^mx.example.com: issued version 0003 for 5 names'
expect_names "mx.example.com mx2.example.com mx.one.refused.example mx.three.refused.example mx.two.refused.example" 25
mxcert status --json
expect_json '.certificates[0].failing_names == []'
mxcert renew # asks the CA about this version
expect_no_output

scene "a name that is served is not given up, and renew tells the failure once, not at every run"
lab pebble restart '{"domainBlocklist": ["one.refused.example"]}'
make_due
leaf=$(served - 25)
mxcert renew
expect_problem 1 'mx.one.refused.example' '.'
expect_same "$leaf" "$(served - 25)"
ca_mark
mxcert renew
expect_exit 0
expect_no_output
expect_ca_requests 0 'POST /'
mxcert renew --verbose
expect_stderr 'not tried again before'

scene "a CA that wants to be left alone is, by issue too, and status tells how long"
edit_state ".ca_pauses = {\"$("$lab" pebble dir)\": \"2099-01-01T00:00:00Z\"}"
ca_mark
mxcert issue --json
expect_exit 1
expect_json '[.errors[].code] == ["rate_limited"] and .certificates[0].result == "failed"'
expect_ca_requests 0 'POST /'
mxcert renew
expect_exit 0
expect_no_output
mxcert status --json
expect_json '.certificates[0].failure.next_attempt == "2099-01-01T00:00:00Z"'
edit_state '.ca_pauses = {"https://other.example/dir": "2099-01-01T00:00:00Z"}'
mxcert issue
expect_problem 1 'mx.one.refused.example' '.'
expect_not_stderr 'not tried again before'

scene "when a tenth of its life is left, the others count more than a name that the CA refuses"
on foo rm -r $state
lab pebble restart '{"profiles": {"default": {"validityPeriod": 10}}}'
mxcert issue
live_until=$(lab exec foo mxcert status --json | jq '.certificates[0].not_after | fromdate')
lab pebble restart '{"domainBlocklist": ["one.refused.example"]}'
has_nearly_ended() { [ "$(date +%s)" -ge "$live_until" ]; }
within 20 has_nearly_ended
mxcert renew --json
expect_exit 1
expect_json '[.errors[].code] == ["name_refused"]'
expect_json '[.warnings[] | select(.code == "name_dropped") | .subject] == ["mx.one.refused.example"]'
expect_json '.certificates[0] | .result == "issued" and (.names | length) == 4'
expect_served mx.example.com 25
mxcert status --json
expect_json '[.certificates[0].failing_names[].name] == ["mx.one.refused.example"]'

scene "a name that the CA cannot reach does not keep the others from being renewed"
start_over
lab pebble restart
zone elsewhere.example <<<'@ MX 10 mx
mx A 192.0.2.200'
configure example.com
mxcert issue
expect_exit 0
mxcert renew # asks the CA about this version
make_due
leaf=$(served - 25)
standard_config example.com elsewhere.example |
  sed '/^\[domains\]/i [hosts]\nnames = ["mx.elsewhere.example"]\n' | put foo /etc/mxcert/mxcert.toml
mxcert plan --json
expect_json '.certificates[0].why | test("lacks mx.elsewhere.example and")'
mxcert issue
expect_problem 1 'mx.elsewhere.example: .*connection'
expect_different "$leaf" "$(served - 25)"
expect_names mx.example.com 25
