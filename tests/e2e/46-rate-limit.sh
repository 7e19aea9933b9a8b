#!/bin/bash
# A CA that answers 429 with Retry-After is left alone for as long as it says, by all runs, and then asked again.
. "$(dirname "$0")/lib.sh"

start_hostile_ca
busy=https://ca.lab.example:14100/8080/rate-limit-once/dir
{
  standard_config example.com | sed "s|^directory = .*|directory = \"$busy\"|; s|^trust = .*|trust = \"$hostile_folder/trust.pem\"|"
  printf '%s\n' '[challenge]' 'listen = ["192.0.2.1:8080"]'
} | put foo /etc/mxcert/mxcert.toml
requests() { grep -c ' HTTP/1.1' "$hostile_log" || true; }
orders() { grep -c '/new-order HTTP' "$hostile_log" || true; }

scene "429: the order fails, and says when to try again"
mxcert issue --json
expect_exit 1
expect_json '.errors[] | select(.code == "acme_rateLimited") | (.message | test("too many")) and (.hint | test("try again in 24 hours"))'
expect_same 1 "$(orders)"

scene "until then the CA is not asked for anything, by no run and under no name"
asked=$(requests)
mxcert renew
expect_exit 1
mxcert issue --json
expect_exit 1
expect_json '[.errors[].code] == ["rate_limited"]'
mxcert issue --extra-name imap.example.com --json
expect_exit 1
expect_same "$asked" "$(requests)"
pause=$(state_of | jq ".ca_pauses[\"$busy\"] | fromdate")
left=$((pause - $(date +%s)))
if [ $left -le 86000 ] || [ $left -gt 86400 ]; then fail "$left seconds are left of 86400"; fi

scene "and then it is asked again"
edit_state ".ca_pauses[\"$busy\"] = \"2026-01-01T00:00:00Z\" | .failure.next_attempt = \"2026-01-01T00:00:00Z\""
let_pauses_pass
mxcert renew
expect_exit 0
expect_same 2 "$(orders)"
expect_names mx.example.com 25
expect_same null "$(state_of | jq ".ca_pauses[\"$busy\"]")"
