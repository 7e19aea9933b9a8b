#!/bin/bash
# When a certificate is renewed: the CA says (RFC 9773), and else its lifetime does.
. "$(dirname "$0")/lib.sh"
need_new_pebble

state=/var/lib/mxcert
of_certificate=$state/certificates/mx.example.com
live() { basename "$("$lab" exec foo readlink $state/live/mx.example.com)"; }
leaf_key() { lab exec foo openssl x509 -noout -pubkey -in "$of_certificate/$1/cert.pem"; }

# set_renewal_info VERSION ANSWER: what the CA says about it from now on
set_renewal_info() {
  get foo "$of_certificate/$1/cert.pem" | jq -Rs --arg answer "$2" '{Certificate: ., ARIResponse: $answer}' |
    "$lab" exec client curl --silent --show-error --fail --cacert "$("$lab" ca-trust)" --data @- \
      https://ca.lab.example:15000/set-renewal-info/ || fail "set_renewal_info $1"
}
# window FROM TO: `date` understands them
window() {
  printf '{"suggestedWindow":{"start":"%s","end":"%s"},"explanationURL":"https://ca.example/why"}' \
    "$(date -u -d "$1" +%FT%TZ)" "$(date -u -d "$2" +%FT%TZ)"
}
# The Retry-After of the last answer has passed.
let_question_pass() { edit_state '.renewal_info.next_question = "2026-01-01T00:00:00Z"'; }
chosen() { lab exec foo mxcert status --json | jq -r '.certificates[0].renewal_info.chosen'; }

scene "what is not due costs one unsigned question, and only when the CA may be asked again"
configure
mxcert issue
expect_exit 0
ca_mark
mxcert renew
expect_exit 0
expect_no_output
expect_ca_requests 1 'GET /draft-ietf-acme-ari-03/renewalInfo/'
expect_ca_requests 0 'POST /'
ca_mark
mxcert renew
expect_exit 0
expect_no_output
mxcert issue
expect_exit 0
expect_stdout 'nothing is due'
expect_no_ca_requests

scene "status tells the window, the moment chosen in it, and when the CA is asked again"
mxcert status --json
expect_json '.certificates[0] | .renew_at == .renewal_info.chosen and .renewal_info.explanation_url == null
  and (.renewal_info | .start <= .chosen and .chosen < .end)'
expect_json '.certificates[0].renewal_info | (.next_question | fromdate) - (.asked_at | fromdate) == 21600'
first_choice=$(chosen)

scene "a later window: nothing happens, and the moment is chosen once"
set_renewal_info 0001 "$(window '+40 days' '+50 days')"
let_question_pass
for _ in 1 2 3; do
  mxcert renew
  expect_exit 0
  expect_no_output
done
expect_different "$first_choice" "$(chosen)"
second_choice=$(chosen)
let_question_pass
mxcert renew
expect_no_output
expect_same "$second_choice" "$(chosen)"
mxcert status
expect_stdout_like '^ +renewal +20'
expect_stdout_like 'the CA wants it between 20.* and 20'
expect_stdout 'https://ca.example/why'
ca_mark
mxcert plan --json
expect_json '.certificates[0].action == "none"'
expect_no_ca_requests

scene "a window after the end of the certificate does not make us miss it"
set_renewal_info 0001 "$(window '+1000 days' '+2000 days')"
let_question_pass
mxcert renew
expect_no_output
mxcert status --json
expect_json '.certificates[0] | (.renew_at | fromdate) < (.not_after | fromdate)
  and (.renewal_info.chosen | fromdate) > (.not_after | fromdate)'
expect_same 0001 "$(live)"

scene "an answer that makes no sense, or none at all, is no failure: what the CA said last stays"
last_choice=$(chosen)
for answer in '{}' 'nonsense' "$(window '+2 days' '+1 day')"; do
  set_renewal_info 0001 "$answer"
  let_question_pass
  mxcert renew
  expect_exit 0
  expect_no_output
  expect_same "$last_choice" "$(chosen)"
done
lab pebble stop
let_question_pass
mxcert renew
expect_exit 0
expect_no_output
expect_same "$last_choice" "$(chosen)"
let_question_pass
mxcert issue --json
expect_exit 0
expect_json '.warnings | map(.code) | index("renewal_info_unknown") != null'
lab pebble start

scene "a window that is now, and the certificate is replaced at once, by the same key, in an order that says so"
on foo rm -r $state # the CA has lost its memory; so have we
mxcert issue
expect_exit 0
set_renewal_info 0001 "$(window '-2 hours' '-1 hour')"
ca_mark
mxcert renew --json
expect_exit 0
expect_json '.certificates[0] | .action == "renew" and .result == "issued" and .certificate_version == "0002"'
expect_ca_orders 1
within 5 grep -q 'has been marked as replaced' <("$lab" pebble logs | tail -n "+$((ca_seen + 1))")
expect_same "$(leaf_key 0001)" "$(leaf_key 0002)"
expect_served mx.example.com 25
mxcert renew
expect_exit 0
expect_no_output
ca_mark
mxcert renew
expect_no_output
expect_no_ca_requests

scene "a certificate that was replaced already is replaced all the same: the order is made again without saying so"
mxcert rollback mx.example.com
expect_exit 0
expect_same 0001 "$(live)"
ca_mark
mxcert renew
expect_exit 0
expect_stdout_like '^mx.example.com: issued version 0003'
expect_ca_orders 1
expect_different 1 "$(ca_requests | grep -c 'POST /order-plz')"
expect_same 0003 "$(live)"
expect_no_leftovers

scene "another account, or none that the CA knows: what it issued before is not named in the order"
on foo sh -c "rm -r $state/accounts"
set_renewal_info 0003 "$(window '-2 hours' '-1 hour')"
ca_mark
mxcert renew
expect_exit 0
expect_stdout_like '^mx.example.com: issued version 0004'
expect_ca_orders 1
expect_same '' "$("$lab" pebble logs | tail -n "+$((ca_seen + 1))" | grep 'marked as replaced' || true)"
