#!/bin/bash
# Two CAs: when the first one is down the second one is asked, and its certificate stays until it is due.
. "$(dirname "$0")/lib.sh"

first=$("$lab" pebble dir)
second=https://ca.lab.example:14001/dir
state=/var/lib/mxcert
directory_of_live() { get foo $state/live/mx.example.com/certificate.json | jq -r .directory; }
# The second CA, beside the first one, which wants an external account, and has none of the first one's profiles.
jq '.pebble += {listenAddress: "[::]:14001", managementListenAddress: "[::]:15001", externalAccountBindingRequired: true,
    profiles: {other: {description: "ninety days", validityPeriod: 7776000}},
    externalAccountMACKeys: {"kid-2": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}}' \
  "$MXCERT_LAB_DIR/share/pebble.json" >"$MXCERT_LAB_DIR/share/second.json"
start_second() {
  lab exec ca sh -c "PEBBLE_VA_NOSLEEP=1 setsid pebble -config $MXCERT_LAB_DIR/share/second.json -dnsserver 192.0.2.54:53 \
    >/var/log/second.log 2>&1 </dev/null & echo \$! >/run/second.pid"
  within 10 "$lab" exec ca bash -c 'exec 3<>/dev/tcp/127.0.0.1/14001'
}
start_second
put foo /etc/mxcert/eab 0600 <<<zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W
profile=''
if dpkg --compare-versions "$("$lab" pebble version)" ge 2.10; then profile='profile = "default"'; fi
standard_config example.com |
  sed "/^\[ca\]/a $profile\nfallback = [{ directory = \"$second\", eab = { kid = \"kid-2\", hmac_key_file = \"/etc/mxcert/eab\" } }]" |
  put foo /etc/mxcert/mxcert.toml

scene "the first CA is down: issue asks the second one at once, and says so"
lab pebble stop
mxcert issue --json
expect_exit 0
expect_json '.certificates[0].result == "issued" and ([.warnings[].code] | index("ca_fallback") != null)'
expect_same "$second" "$(directory_of_live)"
expect_same null "$(state_of | jq .failure)"

scene "the first CA is back: what the second one issued stays until it is due"
lab pebble start
ca_mark
mxcert plan --json
expect_json '.certificates[0].action == "none"'
mxcert renew
expect_exit 0
expect_no_stdout
expect_ca_orders 0
mxcert revoke mx.example.com --dry-run --json
expect_json '.certificate.by == "account"'

scene "and the next order goes to the first one again"
mxcert issue --extra-name mx2.example.com --host-name mx2.example.com --json
expect_same "$first" "$(directory_of_live)"

scene "renew waits for a second failure before it asks another CA"
mxcert revoke mx.example.com
expect_exit 0
lab pebble stop
mxcert renew
expect_exit 1
expect_same "$first" "$(directory_of_live)"
edit_state '.failure.at = "2026-01-01T00:00:00Z"' # the pause after a failure is over
mxcert renew
expect_exit 0
expect_same "$second" "$(directory_of_live)"

scene "a CA that wants to be left alone is, and the next one is asked meanwhile"
lab pebble start
mxcert revoke mx.example.com
expect_exit 0
edit_state ".ca_pauses = {\"$first\": \"2099-01-01T00:00:00Z\"}"
ca_mark
mxcert renew --json
expect_exit 0
expect_json '.certificates[0].result == "issued" and ([.warnings[].code] | index("ca_fallback") != null)'
expect_same "$second" "$(directory_of_live)"
expect_ca_requests 0 'POST /'
expect_same "2099-01-01T00:00:00Z" "$(state_of | jq -r ".ca_pauses[\"$first\"]")"

scene "both want to be left alone: they are, until the first pause is over"
mxcert revoke mx.example.com
expect_exit 0
edit_state ".ca_pauses = {\"$first\": \"2099-01-01T00:00:00Z\", \"$second\": \"2098-01-01T00:00:00Z\"}"
version=$(get foo $state/live/mx.example.com/certificate.json)
ca_mark
mxcert issue --json
expect_exit 1
expect_json '[.errors[].code] == ["rate_limited"]'
mxcert renew
expect_exit 0
expect_no_output
mxcert issue --json
expect_exit 1
expect_json '[.errors[].code] == ["rate_limited"]'
expect_ca_requests 0 'POST /'
expect_same "$version" "$(get foo $state/live/mx.example.com/certificate.json)"
mxcert status --json
expect_json '.certificates[0].failure.next_attempt == "2098-01-01T00:00:00Z"'
edit_state ".ca_pauses = {\"$second\": \"2098-01-01T00:00:00Z\"}"
mxcert issue
expect_exit 0
expect_same "$first" "$(directory_of_live)"
edit_state 'del(.ca_pauses)'
lab pebble stop

scene "none of them can be reached: the run ends in time, and what is served stays"
lab exec ca sh -c 'kill "$(cat /run/second.pid)"'
leaf=$(served - 25)
mxcert issue --new-key --extra-name mx3.example.com
expect_exit 1
expect_same "$leaf" "$(served - 25)"
lab pebble start

scene "what a CA asks for with Retry-After is kept for that CA, although another one has issued"
start_hostile_ca
start_second
start_over
busy=https://ca.lab.example:14100/20000/rate-limit-year/dir
standard_config example.com | sed "s|^directory = .*|directory = \"$busy\"|
  s|^trust = .*|trust = \"$hostile_folder/trust.pem\"|
  /^\[ca\]/a fallback = [{ directory = \"$second\", trust = \"$("$lab" ca-trust)\", eab = { kid = \"kid-2\", hmac_key_file = \"/etc/mxcert/eab\" } }]" |
  put foo /etc/mxcert/mxcert.toml
mxcert renew --json
expect_exit 0
expect_json '.warnings[] | select(.code == "ca_fallback") | .message | test("too many")'
expect_same "$second" "$(directory_of_live)"
pause=$(state_of | jq ".ca_pauses[\"$busy\"] | fromdate")
[ $((pause - $(date +%s))) -gt 600000 ] || fail "the pause is forgotten"
mxcert revoke mx.example.com
expect_exit 0
mxcert renew --json
expect_exit 0
expect_json '.warnings[] | select(.code == "ca_fallback") | .message | test("left alone until")'
expect_same "$second" "$(directory_of_live)"
expect_same "$pause" "$(state_of | jq ".ca_pauses[\"$busy\"] | fromdate")"
