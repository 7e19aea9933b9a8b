#!/bin/bash
# CAA records (RFC 8659, 8657): what the CA would refuse is not ordered but reported, with the record to publish; the
# other names go on.
. "$(dirname "$0")/lib.sh"

ca_name=pebble.letsencrypt.org

# caa_zone RECORDS: example.net with an MX host of its own on the mail host, and CAA records
caa_zone() {
  zone example.net <<ZONE
@ MX 10 mx
mx A 192.0.2.1
mx AAAA 2001:db8::1
$1
ZONE
}
# expect_forbidden NAME HINT: said so in the JSON on stdout
expect_forbidden() {
  expect_json "[.errors[] | select(.code == \"caa_forbids\" and .subject == \"$1\")] | length == 1
    and (.[0].hint | contains(\"${2//\"/\\\"}\"))"
}
account_uri() { lab exec foo sh -c 'cat /var/lib/mxcert/accounts/*/*/account.json' | jq -r .url; }

scene "plan says it, without asking the CA who it is"
configure example.com example.net
caa_zone 'mx CAA 0 issue ";"'
ca_mark
mxcert plan --json
expect_exit 1
expect_forbidden mx.example.net 'publish mx.example.net. CAA 0 issue'
expect_json '[.errors[].subject] == ["mx.example.net"]'
mxcert issue --dry-run
expect_problem 1 'mx.example.net is not ordered: the CAA records of mx.example.net allow no CA' 'publish mx.example.net. CAA'
expect_no_ca_requests

scene "issue orders the others, and names the record that lets this CA"
ca_mark
mxcert issue --json
expect_exit 1
expect_forbidden mx.example.net "publish mx.example.net. CAA 0 issue \"$ca_name\""
expect_json '.certificates[0].result == "issued" and .certificates[0].names == ["mx.example.com"]'
expect_ca_orders 1
expect_names mx.example.com 25
expect_served mx.example.com 25

scene "while the record stays nothing is ordered, and plan knows the CA's name now"
ca_mark
mxcert issue
expect_problem 1 'mx.example.net is not ordered'
mxcert renew # leaves the name alone for a while: its refusal was told
expect_exit 0
expect_no_output
expect_ca_orders 0
ca_mark
mxcert plan --json
expect_exit 1
expect_forbidden mx.example.net "CAA 0 issue \"$ca_name\""

scene "records above the name count, and each condition that is not met is named, with the record that meets it"
account=$(account_uri)
while IFS='|' read -r records reason remedy; do
  caa_zone "$records"
  mxcert plan --json
  expect_exit 1
  expect_forbidden mx.example.net "$remedy"
  expect_json ".errors[0].message | contains(\"$reason\")"
done <<ROWS
@ CAA 0 issue "other.example"|example.net allow only other.example, not $ca_name|publish example.net. CAA 0 issue "$ca_name"
@ CAA 0 issue "$ca_name; accounturi=https://ca.lab.example:14000/my-account/none"|only the account|publish example.net. CAA 0 issue "$ca_name; accounturi=$account"
@ CAA 0 issue "$ca_name; validationmethods=dns-01"|only the method dns-01|publish example.net. CAA 0 issue "$ca_name; validationmethods=http-01"
@ CAA 128 future "x"|marked critical|remove example.net. CAA 128 future "x"
@ CAA 0 issue "$ca_name; what"|allow no CA|publish example.net. CAA 0 issue "$ca_name"
ROWS
expect_no_ca_requests

scene "the records at the end of an alias count"
caa_zone 'mail CNAME host.second.example.
@ MX 20 mail'
zone second.example <<'ZONE'
host A 192.0.2.1
host AAAA 2001:db8::1
host CAA 0 issue "other.example"
ZONE
mxcert plan --json
expect_exit 1
expect_forbidden mail.example.net "publish host.second.example. CAA 0 issue \"$ca_name\""

scene "the record that was named does it: our account, our method"
caa_zone "@ CAA 0 issue \"other.example\"
@ CAA 0 issue \"$ca_name; accounturi=$account; validationmethods=http-01\""
ca_mark
mxcert issue
expect_exit 0
expect_no_stderr
expect_ca_orders 1
expect_names "mx.example.com mx.example.net" 25

scene "with nothing due the records do not matter"
caa_zone '@ CAA 0 issue ";"'
mark
mxcert issue
expect_exit 0
mxcert renew
expect_exit 0
expect_no_output
mxcert plan --json
expect_exit 0
expect_json '.errors == []'
expect_ca_orders 0
expect_untouched

scene "a name that is served is not given up for another one: nothing is ordered"
configure example.com example.net second.example
zone second.example <<'ZONE'
@ MX 10 mx
mx A 192.0.2.1
mx AAAA 2001:db8::1
ZONE
mark
mxcert issue
expect_problem 1 'nothing is ordered: CAA records forbid mx.example.net, and what is served now would be lost' 'CAA records'
expect_ca_orders 0
expect_untouched
expect_no_leftovers

scene "when no name is left nothing is ordered"
configure example.net
mxcert issue --state-dir /var/lib/other
expect_problem 1 'nothing is ordered: CAA records forbid every name'
expect_ca_orders 0

scene "CAA records that cannot be looked up are a warning: the CA asks for itself"
configure example.com
zone example.com <<'ZONE'
@ MX 10 mx.deep
mx.deep A 192.0.2.1
mx.deep AAAA 2001:db8::1
ZONE
unbound() { lab exec dns unbound-control -q -c "$MXCERT_LAB_DIR/share/unbound.conf" "$@"; }
unbound local_zone deep.example.com. refuse
unbound local_zone mx.deep.example.com. transparent
mxcert plan --state-dir /var/lib/third
expect_exit 0
expect_stderr 'mx.deep.example.com: the CAA records of deep.example.com could not be looked up'
start_over
mxcert issue --state-dir /var/lib/third --json
expect_exit 0
expect_json '[.warnings[] | select(.code == "caa_unknown" and .subject == "mx.deep.example.com")] | length == 1'
expect_names mx.deep.example.com 25
unbound local_zone_remove mx.deep.example.com.
unbound local_zone_remove deep.example.com.
