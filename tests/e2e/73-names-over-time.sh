#!/bin/bash
# Names that vanish, come back, move away and arrive: what is on the certificate meanwhile.
. "$(dirname "$0")/lib.sh"
need_new_pebble

state=/var/lib/mxcert
here=$'mx A 192.0.2.1\nmx AAAA 2001:db8::1'
# move_domain RECORDS: what move.example says from now on
move_domain() { zone move.example <<<"$1"; }
is_there() { move_domain "@ MX 10 mx"$'\n'"$here"; }
has_vanished() { move_domain '@ MX 10 mx'; }
# days_pass N: since the name was missed first
days_pass() { edit_json $state/names.json "(.names[].absent | select(.)).since |= (fromdate - $1 * 86400 | todate)"; }
becomes_due() {
  mxcert renew # asks the CA about this version
  make_due
}
missing() { get foo $state/names.json | jq -r '.names["mx.move.example"].absent.'"$1"; }
expect_silent_renew() {
  ca_mark
  mxcert renew
  expect_exit 0
  expect_no_output
  expect_ca_orders 0
}
both='["mx.example.com", "mx.move.example"]'
# The CA looks for a name again each time, so that it finds out when one has moved away.
lab pebble restart PEBBLE_AUTHZREUSE=0

scene "a name that vanishes for an hour is never given up, and nobody is bothered"
is_there
configure example.com move.example
mxcert issue --json
expect_exit 0
expect_json ".certificates[0].names == $both"
has_vanished
expect_silent_renew
expect_same 1 "$(missing count)"
first=$(missing since)
mxcert plan --json
expect_json ".certificates[0] | .names == $both and .action == \"none\""
expect_json '[.warnings[] | select(.code == "name_missing")] | length == 1 and .[0].subject == "mx.move.example"
  and (.[0].message | test("until 20.*T.*Z"))'
mxcert plan
expect_stdout_like 'mx.move.example stays in its certificate until 20'
expect_silent_renew
expect_same "2 $first" "$(missing count) $(missing since)"
expect_file foo $state/names.json root:root 0600
is_there
expect_silent_renew
expect_same null "$(missing count)"

scene "after days it still stays, and answers that say nothing neither count nor begin anew"
has_vanished
expect_silent_renew
days_pass 6
first=$(missing since)
zone --bogus move.example <<<"@ MX 10 mx"
expect_silent_renew
expect_same "1 $first" "$(missing count) $(missing since)"
mxcert plan --json
expect_json ".certificates[0].names == $both"
has_vanished
expect_silent_renew
expect_same "2 $first" "$(missing count) $(missing since)"
mxcert plan --json
expect_json ".certificates[0].names == $both"

scene "after a week it goes, at the next renewal, and that alone is no reason for one"
days_pass 1
expect_silent_renew
expect_names "mx.example.com mx.move.example" 25
mxcert plan --json
expect_json '.certificates[0] | .names == ["mx.example.com"] and .action == "none"'
expect_json '[.warnings[] | select(.code == "name_dropped") | .subject] == ["mx.move.example"]'
becomes_due
mxcert renew --json
expect_exit 0
expect_json '.certificates[0] | .names == ["mx.example.com"] and .result == "issued"'
expect_silent_renew
expect_same '{}' "$(get foo $state/names.json | jq -c .names)"

scene "when it comes back it is a new name: renew orders it when it has seen it twice, issue at once"
is_there
expect_silent_renew
mxcert plan --json
expect_json ".certificates[0] | .names == $both and .action == \"replace\""
mxcert renew --json
expect_exit 0
expect_json ".certificates[0] | .names == $both and .result == \"issued\""
expect_names "mx.example.com mx.move.example" 25
zone new.example <<<"@ MX 10 mx"$'\n'"$here"
configure example.com move.example new.example
expect_silent_renew
mxcert renew --dry-run --json
expect_json '.certificates[0].names == ["mx.example.com", "mx.move.example", "mx.new.example"]'
zone new.example <<<"@ MX 10 mx.foreign.example."
expect_silent_renew
zone new.example <<<"@ MX 10 mx"$'\n'"$here"
expect_silent_renew
mxcert issue --json
expect_exit 0
expect_json '.certificates[0] | (.names | length) == 3 and .result == "issued"'

scene "a new name comes along where the certificate is due anyway"
configure example.com move.example
mxcert issue --prune
expect_exit 0
becomes_due
configure example.com move.example new.example
mxcert renew --json
expect_exit 0
expect_json '.certificates[0] | .action == "replace" and (.names | length) == 3'

scene "a domain that has moved away does not keep the others from being renewed, though its days are not over"
move_domain '@ MX 10 mx.foreign.example.
mx A 192.0.2.200'
becomes_due
mxcert plan --json
expect_json '.certificates[0] | .action == "renew" and (.names | index("mx.move.example")) != null'
mxcert renew --json
expect_exit 0
expect_json '.certificates[0] | .names == ["mx.example.com", "mx.new.example"] and .result == "issued"'
expect_json '[.warnings[] | select(.code == "name_dropped")] | length == 1 and .[0].subject == "mx.move.example"'
expect_json '.errors == []'
expect_served mx.new.example 25

scene "issue --prune: it goes now; renew --prune: with the next renewal"
zone new.example <<<"@ MX 10 mx.foreign.example."
ca_mark
mxcert renew --prune
expect_exit 0
expect_no_output
expect_ca_orders 0
mxcert plan --json
expect_json '.certificates[0] | .names == ["mx.example.com"] and .action == "none"'
mxcert plan --json --prune
expect_json '.certificates[0] | .names == ["mx.example.com"] and .action == "replace"'
mxcert issue --prune --json
expect_exit 0
expect_json '.certificates[0] | .names == ["mx.example.com"] and .result == "issued"'
expect_names mx.example.com 25

scene "keep_for is what the administrator says, and what hosts.exclude names goes without waiting"
is_there
mxcert issue
expect_names "mx.example.com mx.move.example" 25
has_vanished
mxcert plan --json --keep-for 0d
expect_json '.certificates[0].names == ["mx.example.com"]'
mxcert plan --json --keep-for 36h
expect_json ".certificates[0].names == $both"
mxcert plan --json --host-exclude 'mx.move.example'
expect_json '.certificates[0].names == ["mx.example.com"]'
mxcert plan --keep-for soon
expect_problem 2 '--keep-for: soon is no number of days or hours' '7d'
