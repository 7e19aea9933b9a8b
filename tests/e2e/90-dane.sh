#!/bin/bash
# DANE (RFC 7672): published TLSA records decide over what is installed. They are asked for before anything is touched,
# and only then.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
of_certificate=$state/certificates/mx.example.com
owner=_25._tcp.mx.example.com
of_nobody="3 1 1 $(printf 'ab%.0s' {1..32})"

# publish [--KIND] [RECORD…]: example.com with these TLSA records for port 25 of its MX host, and no others
publish() {
  local kind=--secure record
  case ${1:-} in --*) kind=$1; shift ;; esac
  {
    cat "$e2e_dir/../lab/zones/example.com.zone"
    for record in 3 4 5 6 7 8 9; do printf 'mx%s A 192.0.2.1\nmx%s AAAA 2001:db8::1\n' "$record" "$record"; done
    for record; do echo "_25._tcp.mx TLSA $record"; done
  } | zone "$kind" example.com
}
# record VERSION: 3 1 1 for the key of a stored version; record VERSION chain: 2 1 1 for its issuer
record() {
  local file=${2:-cert} usage=3
  [ "$file" = cert ] || usage=2
  printf '%s 1 1 ' "$usage"
  get foo "$of_certificate/$1/$file.pem" | openssl x509 -noout -pubkey | openssl pkey -pubin -outform der |
    sha256sum | cut -d' ' -f1
}
live() { basename "$("$lab" exec foo readlink $state/live/mx.example.com)"; }
# expect_authenticated RECORD…: what port 25 shows satisfies a sender that finds these records
expect_authenticated() {
  local one rrdata=() address
  for one; do rrdata+=(-dane_tlsa_rrdata "$one"); done
  for address in "${mail_addresses[@]}"; do
    expect "$lab" exec client openssl s_client -connect "$address:25" -starttls smtp -name client.lab.example \
      -dane_tlsa_domain mx.example.com "${rrdata[@]}" -verify_return_error -brief
  done
}
# expect_refused CODE: nothing was installed, for that reason
expect_refused() {
  expect_exit 1
  expect_json ".errors | length == 1 and .[0].code == \"$1\" and .[0].subject == \"mx.example.com\""
  expect_json '.certificates[0].deployments[0].message | test("nothing installed")'
  expect_untouched
}

scene "without records a certificate is installed, and its record told"
publish
configure example.com
mxcert issue
expect_exit 0
expect_not_stderr TLSA
first=$(record 0001)
mxcert tlsa
expect_exit 0
expect_no_stderr
expect_stdout "$owner. IN TLSA $first  ; not published"
expect_stdout "_465._tcp.mx.example.com. IN TLSA $first"

scene "a record for another key: nothing is installed, and the record to publish is named"
publish "$of_nobody"
mark
mxcert issue --extra-name mx2.example.com
expect_problem 1 "nothing installed: the TLSA records of $owner do not match the new certificate, nor what is served now: .*$of_nobody" \
  'publish this record beside .*two of their TTLs, then run mxcert deploy mx.example.com'
expect_stderr_like "^ +$owner\. IN TLSA $first$"
expect_untouched
expect_names mx.example.com 25
mxcert deploy --json
expect_refused tlsa_mismatch

scene "renew has told it, and waits without a word while the version before is served"
mxcert renew
expect_exit 0
expect_no_output
let_pauses_pass
mxcert renew
expect_problem 1 'nothing installed: the TLSA records'
expect_untouched
mxcert status
expect_stdout_like "DANE +$owner: mismatch"

scene "when the record has been published renew installs what was kept back"
publish "$of_nobody" "$first"
let_pauses_pass
mxcert renew
expect_exit 0
expect_names "mx.example.com mx2.example.com" 25
expect_served mx.example.com 25
expect_authenticated "$first"
mxcert status --json
expect_json ".certificates[0].dane == [{owner: \"$owner\", status: \"matches\", fragile: false, at: .certificates[0].dane[0].at}]"
mxcert renew
expect_exit 0
expect_no_output

scene "tlsa compares: what is there, and what belongs to no stored version"
mxcert tlsa
expect_stdout "$owner. IN TLSA $first  ; published"
expect_stdout "; $owner. IN TLSA $of_nobody  ; remove it, unless"
mxcert tlsa mx.example.com --json
expect_json ".version == 1 and (.certificates[0].rrsets[0]
  | .port == 25 and .owner == \"$owner\" and .status == \"matches\" and [.records[].state] == [\"published\", \"stale\"])"
mxcert tlsa other.example
expect_problem 2 'there is no certificate other.example'

scene "while the zone is bogus or fails, the same key goes on with a warning"
publish --bogus "$first"
mxcert rollback mx.example.com --json
expect_exit 0
expect_json '[.warnings[] | select(.code == "tlsa_unknown")] | length == 1'
expect_names mx.example.com 25
publish "$first"
mxcert issue --extra-name mx2.example.com
expect_exit 0
publish --servfail
mxcert rollback mx.example.com --json
expect_exit 0
expect_json '.warnings[0].code == "tlsa_unknown"'
mxcert tlsa
expect_exit 0
expect_stdout 'not known whether it is published'

scene "a new key whose record is not published waits, and what is served stays"
publish "$first"
mxcert deploy
expect_exit 0
mark
mxcert issue --extra-name mx3.example.com --new-key --json
expect_refused tlsa_mismatch
expect_same 0004 "$(live)"
next=$(record 0004)
expect_different "$first" "$next"
expect_json ".errors[0].hint | contains(\"$owner. IN TLSA $next\") and (contains(\"$first\") | not)"
expect_json '.errors[0].message | contains("nor what is served now") | not'
mxcert tlsa
expect_stdout "$owner. IN TLSA $next  ; add it, and wait for two TTLs"
expect_stdout "$owner. IN TLSA $first  ; keep it until version 0004 is in service"
expect_authenticated "$first"

scene "a new key waits while its records cannot be looked up"
for kind in --bogus --servfail; do
  publish "$kind" "$first" "$next"
  mxcert deploy --json
  expect_refused tlsa_unknown
done

scene "with both records published it is installed"
publish "$first" "$next"
mxcert status --json
expect_json '.certificates[0].failure.count == 1'
mxcert deploy
expect_exit 0
expect_stdout 'deployed version 0004'
mxcert status --json
expect_json '.certificates[0].failure == null'
expect_authenticated "$next"
expect_served mx3.example.com 25
mxcert tlsa
expect_stdout "; $owner. IN TLSA $first  ; remove it"

scene "the way back is as careful: a version whose record is gone is not put back into service"
publish "$next"
mark
mxcert rollback mx.example.com --json
expect_refused tlsa_mismatch
expect_same 0004 "$(live)"
mxcert deploy
expect_exit 0

scene "records of the CA's key match, but perhaps not for long"
publish "$(record 0004 chain)"
mxcert issue --extra-name mx4.example.com --json
expect_exit 0
expect_json '[.warnings[] | select(.code == "tlsa_fragile")] | length == 1'
expect_authenticated "$(record 0005 chain)"
mxcert tlsa
expect_stdout "$owner. IN TLSA $next  ; add it: what is there may not fit after the next renewal"

scene "records that mail does not use, and those of an unsigned zone, keep nothing back"
publish "1 1 1 ${of_nobody#3 1 1 }"
mxcert issue --extra-name mx5.example.com --json
expect_exit 0
expect_json '[.warnings[] | select(.code == "tlsa_unusable")] | length == 1'
expect_served mx5.example.com 25
publish --insecure "$of_nobody"
mxcert issue --extra-name mx6.example.com
expect_exit 0
expect_not_stderr TLSA

scene "with nothing to install no TLSA record is asked for"
publish "$of_nobody"
lab exec dns unbound-control -q -c "$MXCERT_LAB_DIR/share/unbound.conf" set_option log-queries: yes
questions() { lab exec dns grep -c 'TLSA IN' /var/log/unbound.log || true; }
questions_before=$(questions)
for command in issue renew deploy; do
  mxcert "$command"
  expect_exit 0
done
expect_same "$questions_before" "$(questions)"
mxcert tlsa
expect_different "$questions_before" "$(questions)"

scene "of two keys each needs its record, since a sender may be shown either"
reset
{ standard_config example.com; printf 'configure = true\n[certificate]\nkeys = ["ecdsa-p256", "rsa-2048"]\n'; } |
  put foo /etc/mxcert/mxcert.toml
publish "$of_nobody"
mark
mxcert issue --json
expect_refused tlsa_mismatch
expect_json ".errors[0].message | contains(\"the new certificate's ecdsa and rsa key\")"
first=$(record 0001)
second=$(record 0001/rsa)
publish "$first"
mxcert deploy --json
expect_refused tlsa_mismatch
expect_json ".errors[0].message | contains(\"the new certificate's rsa key\")"
expect_json ".errors[0].hint | contains(\"$owner. IN TLSA $second\") and (contains(\"$first\") | not)"
publish "$first" "$second"
mxcert deploy
expect_exit 0
for of_key in "ECDSA+SHA256 $first" "RSA-PSS+SHA256:RSA+SHA256 $second"; do
  expect "$lab" exec client openssl s_client -connect 192.0.2.1:25 -starttls smtp -name client.lab.example \
    -sigalgs "${of_key%% *}" -dane_tlsa_domain mx.example.com -dane_tlsa_rrdata "${of_key#* }" -verify_return_error -brief
done
mxcert tlsa --json
expect_json '[.certificates[0].rrsets[0].records[] | [.key_type, .state]] == [["ecdsa", "published"], ["rsa", "published"]]'

scene "a script that knows nothing of events is not run while its certificate would not match"
start_over
publish "$of_nobody"
put foo /usr/local/sbin/install-certificate 0755 <<'HOOK'
#!/bin/sh
echo "$RENEWED_DOMAINS" >>/run/runs
HOOK
{ standard_config example.com | sed 's,^hook = .*,hook = "/usr/local/sbin/install-certificate",'
  echo 'verify = ["192.0.2.1:25"]'; } | put foo /etc/mxcert/mxcert.toml
mxcert issue
expect_problem 1 "nothing installed: the TLSA records of $owner do not match"
expect_no_file foo /run/runs
