#!/bin/bash
# dns-01: records in Knot by RFC 2136 with TSIG, and by hook; what is left of them afterwards: nothing.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
key=/etc/mxcert/tsig.key
domains=(example.com)

# challenge LINE…: standard_config with these lines as [challenge], and whatever tables they open
challenge() { { standard_config "${domains[@]}"; printf '%s\n' '[challenge]' "$@"; } | put foo /etc/mxcert/mxcert.toml; }
rfc2136() { echo "dns = { provider = \"rfc2136\", server = \"192.0.2.53\", key_file = \"${1:-$key}\" }"; }
# txt NAME: what Knot answers
txt() { lab exec client kdig @192.0.2.53 +short TXT "$1"; }
expect_no_txt() {
  local found
  found=$(txt "$1")
  [ -z "$found" ] || fail "$1 still has $found"
}
start_until() {
  lab exec foo sh -c 'setsid mxcert issue >/var/log/mxcert.out 2>&1 </dev/null & echo $! >/run/mxcert.pid'
  within 30 "$@"
  running=$(get foo /run/mxcert.pid)
}
end_by() {
  lab exec foo kill "-$1" "$running"
  within 30 "$lab" exec foo sh -c '! kill -0 "$0" 2>/dev/null || grep -q "^State:.Z" "/proc/$0/status"' "$running"
}
# What the CA saw before is not what it is to see now.
issue() { lab resolver flush; mxcert issue; }
has_txt() { [ -n "$(txt "$1")" ]; }

put foo $key 0600 <"$MXCERT_LAB_DIR/share/tsig.key"

scene "dns-01 by RFC 2136 with TSIG: nobody listens, and the record is gone afterwards"
challenge 'type = "dns-01"' "$(rfc2136)"
mxcert config check
expect_stdout_like '^challenge.dns +rfc2136 to 192.0.2.53@53'
issue
expect_exit 0
expect_served mx.example.com 25
expect_no_txt _acme-challenge.mx.example.com
expect_no_leftovers

scene "a CNAME from _acme-challenge is followed into another zone, and what others have put there stays"
lab exec foo rm -rf $state
{ lab zone --show example.com; echo '_acme-challenge.mx CNAME validation.example.net.'; } >"$work/zone"
zone example.com <"$work/zone"
{ lab zone --show example.net; echo 'validation TXT "not ours"'; } >"$work/zone"
zone example.net <"$work/zone"
issue
expect_exit 0
expect_same '"not ours"' "$(txt validation.example.net)"
expect_no_leftovers

scene "a server that refuses is told with what to do"
lab exec foo sh -c "rm -rf $state; sed 's/mxcert-lab/other/' $key >/etc/mxcert/other.key; chmod 0600 /etc/mxcert/other.key
  sed 's/secret \"...../secret \"AAAAA/' $key >/etc/mxcert/wrong.key; chmod 0640 /etc/mxcert/wrong.key"
challenge 'type = "dns-01"' "$(rfc2136 /etc/mxcert/other.key)"
issue
expect_problem 1 'refuses to change zone example.net.*BADKEY' 'key_file'
challenge 'type = "dns-01"' "$(rfc2136 /etc/mxcert/wrong.key)"
issue
expect_problem 1 'refuses to change zone example.net.*BADSIG' 'secret'
lab exec foo chmod 0644 $key
challenge 'type = "dns-01"' "$(rfc2136)"
ca_mark
issue
expect_problem 1 "$key can be read by everybody" 'chmod 0600'
expect_ca_orders 0
lab exec foo chmod 0600 $key

scene "interrupted while the CA looks, no record is left; killed there, the next run takes it away"
lab pebble restart PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=8
zone example.com <<<"$(lab zone --show example.com | grep -v CNAME)"
for signal in INT KILL; do
  start_until has_txt _acme-challenge.mx.example.com
  end_by $signal
  if [ $signal = KILL ]; then
    has_txt _acme-challenge.mx.example.com || fail "the record is gone already"
    lab pebble restart
    issue
    expect_exit 0
  fi
  expect_no_txt _acme-challenge.mx.example.com
  expect_no_file foo $state/orders/mx.example.com.challenges.json
done

scene "a host that is only partly ours is ordered, since nobody connects to it"
domains=(partly.example)
challenge 'type = "dns-01"' "$(rfc2136)"
mxcert plan --json
expect_json '.domains[0].targets[0].owner == "partly_ours"'
expect_json '.certificates[] | .names | index("mx.partly.example") != null'
challenge 'type = "dns-01"' "$(rfc2136)" '[[challenge.for]]' 'names = ["*.partly.example"]' 'type = "http-01"'
mxcert plan --json
expect_json '.certificates | all(.names != ["mx.partly.example"])'

scene "a wildcard: one more record at the name below it, and it stands for the MX host that it covers"
domains=(example.com example.net)
lab exec foo rm -rf $state
challenge 'type = "dns-01"' "$(rfc2136)" '[certificate]' 'extra_names = ["*.example.com", "example.com"]'
issue
expect_exit 0
on foo openssl x509 -noout -ext subjectAltName -in $state/live/example.com/cert.pem
expect_stdout 'DNS:*.example.com'
expect_stdout 'DNS:example.com'
expect_not_stdout mx.example.com
on foo mxcert tlsa
expect_stdout '_25._tcp.mx.example.com. IN TLSA'
expect_not_stdout '*'
expect_served mx.example.com 25
expect_no_txt _acme-challenge.example.com
expect_no_leftovers
mxcert issue
expect_exit 0
expect_stdout 'nothing is due'

scene "a wildcard is refused with http-01 before anything is asked, and where CAA records forbid wildcards"
challenge 'type = "http-01"' '[certificate]' 'extra_names = ["*.example.com"]'
ca_mark
issue
expect_problem 2 'no CA gives a certificate for \*.example.com by http-01' 'dns-01 or dns-persist-01'
lab zone --show example.com >"$work/example"
{ cat "$work/example"; echo '@ CAA 0 issuewild ";"'; } >"$work/zone"
zone example.com <"$work/zone"
lab exec foo rm -rf $state
challenge 'type = "dns-01"' "$(rfc2136)" '[certificate]' 'extra_names = ["*.example.com"]'
issue
expect_problem 1 '\*.example.com is not ordered: the CAA records of example.com allow no CA' 'issuewild'
expect_ca_orders 0
zone example.com <"$work/example"

scene "by hook: a program puts the record there and takes it away"
domains=(example.com)
start_over
put foo /usr/local/lib/mxcert-dns 0755 <<'SH'
#!/bin/sh
printf '%s %s %s %s %s\n' "$1" "$MXCERT_EVENT" "$MXCERT_NAME" "$MXCERT_RECORD_NAME" "$(env | wc -l)" >>/var/log/dns-hook
case $1 in
  present) change="add $MXCERT_RECORD_NAME. 5 TXT $MXCERT_RECORD_VALUE" ;;
  cleanup) change="del $MXCERT_RECORD_NAME. 5 TXT $MXCERT_RECORD_VALUE" ;;
  *) exit 42 ;;
esac
printf 'server 192.0.2.53\nzone example.com\n%s\nsend\n' "$change" | knsupdate -k /etc/mxcert/hook.key
SH
put foo /etc/mxcert/hook.key 0600 <<<"hmac-sha256:mxcert-lab:$(sed -n 's/.*secret "\(.*\)".*/\1/p' "$MXCERT_LAB_DIR/share/tsig.key")"
challenge 'type = "dns-01"' 'dns = { provider = "hook", hook = "/usr/local/lib/mxcert-dns" }'
issue
expect_exit 0
expect_no_txt _acme-challenge.mx.example.com
on foo cut -d' ' -f1-4 /var/log/dns-hook
expect_same "present present mx.example.com _acme-challenge.mx.example.com
cleanup cleanup mx.example.com _acme-challenge.mx.example.com" "$stdout"

scene "a hook that fails fails the order, with what it said, and what it may have done is taken back"
lab exec foo sh -c "rm -rf $state; : >/var/log/dns-hook; sed -i 's/^case/[ \$1 = cleanup ] || { echo no such zone >\&2; exit 3; }\ncase/' /usr/local/lib/mxcert-dns"
issue
expect_problem 1 'mxcert-dns present for _acme-challenge.mx.example.com exited with status 3: no such zone' 'by hand'
expect "$lab" exec foo grep -q ^cleanup /var/log/dns-hook
expect_no_file foo $state/orders/mx.example.com.challenges.json
