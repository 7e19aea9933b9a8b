#!/bin/bash
# dns-persist-01: one record for good; who publishes it is told which.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
record=_validation-persist.mx.example.com

# configured LINE…: standard_config for example.com with these lines as [challenge]
configured() { { standard_config example.com; printf '%s\n' '[challenge]' "$@"; } | put foo /etc/mxcert/mxcert.toml; }
# What the CA saw before is not what it is to see now.
issue() { lab resolver flush; mxcert issue "$@"; }
# publish LINE: one more in the zone
publish() { { lab zone --show example.com; echo "$1"; } >"$work/zone"; zone example.com <"$work/zone"; }

configured 'type = "dns-persist-01"'

scene "without an account there is no record to tell"
mxcert account show --json
expect_exit 0
expect_json '.records == []'

scene "without the record the name is refused, and what to publish is told"
issue --json
expect_exit 1
account=$(lab exec foo sh -c "jq -r .url $state/accounts/*/*/account.json")
value="pebble.letsencrypt.org; accounturi=$account"
expect_json ".errors[0].code == \"name_refused\" and .errors[0].hint == \"publish $record. TXT \\\"$value\\\"\""
expect_json ".errors[-1].code == \"names_refused\" and .errors[-1].hint == .errors[0].hint"
expect_self_signed 25
expect_no_leftovers

scene "mxcert account show prints exactly this record"
mxcert account show --json
expect_exit 0
expect_json ".records == [{name: \"$record\", type: \"TXT\", value: \"$value\"}]"
mxcert account show
expect_exit 0
expect_same "$record. TXT \"$value\"" "${stdout##*$'\n'}"
told=${stdout##*$'\n'}

scene "a record of another account is none"
publish "${told//$account/$account-other}"
issue
expect_problem 1 'mismatch' "publish $record"

scene "with the record as it is told, the certificate is issued and served; nobody listens, nothing is left behind"
publish "$told"
mark
issue
expect_exit 0
expect_no_stderr
expect_served mx.example.com 25
expect_served mx.example.com 465
expect_no_leftovers
expect_no_file foo $state/orders/mx.example.com.challenges.json

scene "the record is told while the CA cannot be reached"
lab pebble stop
mxcert account show --json
expect_exit 1
expect_json ".records == [{name: \"$record\", type: \"TXT\", value: \"$value\"}]"
lab pebble start

scene "for some names only, and a host that is only partly ours: nobody connects to it"
{ standard_config partly.example
  printf '%s\n' '[[challenge.for]]' 'names = ["*.partly.example"]' 'type = "dns-persist-01"'; } | put foo /etc/mxcert/mxcert.toml
mxcert plan --json
expect_json '.domains[0].targets[0].owner == "partly_ours"'
expect_json '.certificates[] | .names | index("mx.partly.example") != null'
mxcert account show --json
expect_json '.records == [] and .warnings[0].code == "account_unknown_to_ca"'
mxcert account register
expect_exit 0
printf '%s\n' '[certificate]' 'extra_names = ["imap.partly.example", "imap.example.com"]' >"$work/extra"
{ get foo /etc/mxcert/mxcert.toml; cat "$work/extra"; } >"$work/config"
put foo /etc/mxcert/mxcert.toml <"$work/config"
mxcert account show --json
expect_exit 0
expect_json '[.records[].name] == ["_validation-persist.imap.partly.example"]'
