#!/bin/bash
# The lab itself: a test that fails elsewhere shall not have failed because of the ground it stands on.
. "$(dirname "$0")/lib.sh"

ask() { on client kdig +dnssec "$@"; expect_exit 0; }

scene "the three domains' mail goes to mx.example.com, and DNSSEC proves it"
for domain in example.com example.net example.org; do
  ask "$domain" MX
  expect_stdout_like 'MX.10 mx.example.com.'
  expect_stdout_like 'Flags:.* ad'
done
ask mx.example.com A
expect_stdout_like 'A.192.0.2.1$'
ask mx.example.com AAAA
expect_stdout_like 'AAAA.2001:db8::1$'

scene "a bogus zone is SERVFAIL to a validating resolver, and readable with checking disabled"
ask bogus.example MX
expect_stdout 'status: SERVFAIL'
ask +cdflag bogus.example MX
expect_stdout 'status: NOERROR'

scene "an unsigned zone is answered, and not called authentic"
ask insecure.example MX
expect_stdout_like 'MX.10 mx.insecure.example.'
expect_not_stdout ' ad;'

scene "a zone whose server fails is SERVFAIL"
ask servfail.example MX
expect_stdout 'status: SERVFAIL'

scene "names that do not exist are denied with proof"
ask nosuch.example MX
expect_stdout 'status: NXDOMAIN'
expect_stdout_like 'Flags:.* ad'

scene "a zone can be replaced, and is put back by a reset"
zone example.net <<<'@ MX 20 mx2.example.com.'
ask example.net MX
expect_stdout_like 'MX.20 mx2.example.com.'
expect_stdout_like 'Flags:.* ad'
zone --bogus new.example <<<'@ MX 10 mx.example.com.'
ask new.example MX
expect_stdout 'status: SERVFAIL'
reset
ask example.net MX
expect_stdout_like 'MX.10 mx.example.com.'
ask new.example MX
expect_stdout 'status: NXDOMAIN'

scene "nothing in a host is this machine's, which may be somebody's mail server"
on foo sh -c '! command -v cmake && ! dpkg-query --show cmake && ls -A /home /dev'
expect_exit 0
expect_same '/dev: fd full null ptmx pts random shm stderr stdin stdout tty urandom zero /home:' "$(xargs <<<"$stdout")"

scene "nothing leads out of the lab"
on foo curl -sS --connect-timeout 2 http://198.51.100.1/
expect_exit 7
on foo getent hosts debian.org
expect_exit 2

scene "Pebble answers its directory under a name that its HTTPS proves"
on foo curl -sS --fail --cacert "$("$lab" ca-trust)" "$("$lab" pebble dir)"
expect_exit 0
expect_json 'has("newOrder") and has("newAccount") and has("newNonce")'
run "$lab" ca-root
expect_exit 0
expect_stdout 'BEGIN CERTIFICATE'

scene "Pebble takes new settings, and forgets them at the next restart"
lab pebble restart '{"externalAccountBindingRequired": true, "externalAccountMACKeys": {"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}}'
on foo curl -sS --cacert "$("$lab" ca-trust)" "$("$lab" pebble dir)"
expect_json '.meta.externalAccountRequired == true'
lab pebble restart
on foo curl -sS --cacert "$("$lab" ca-trust)" "$("$lab" pebble dir)"
expect_json '.meta.externalAccountRequired != true'

scene "Exim calls itself foo.example.com and shows its self-signed certificate on every port and address"
on client bash -c 'exec 3<>/dev/tcp/192.0.2.1/25; head -n 1 <&3; printf "EHLO client.lab.example\r\n" >&3; head -n 1 <&3'
expect_stdout_like '^220 foo.example.com ESMTP Exim'
expect_stdout '250-foo.example.com Hello client.lab.example'
for address in "${mail_addresses[@]}"; do
  for port in 25 465; do
    run "$lab" tls "$address:$port"
    expect_exit 0
    expect_stdout 'issuer   CN = foo.example.com'
  done
done

scene "Exim takes mail for the three domains and for no other"
on client bash -c 'exec 3<>/dev/tcp/192.0.2.1/25; printf "EHLO client.lab.example\r\nMAIL FROM:<>\r\n" >&3
  for domain in example.com example.net example.org lab.example; do printf "RCPT TO:<postmaster@%s>\r\n" $domain >&3; done
  printf "QUIT\r\n" >&3; cat <&3'
expect_same 3 "$(grep -c '^250 Accepted' <<<"$stdout")"
expect_stdout '550 relay not permitted'

for mode in split plain; do
  scene "Exim with a configuration of kind $mode"
  lab exim-setup $mode
  expect_self_signed 25
  expect_self_signed 465
done

scene "Exim without TLS set up makes a certificate on the fly and does not listen on 465"
lab exim-setup notls
on foo exim -bP tls_certificate
expect_same 'tls_certificate = ' "$stdout"
run "$lab" tls 192.0.2.1:465
expect_exit 1
expect_stderr 'Connection refused'

scene "a reset gives back the mail host as it was"
on foo sh -c 'rm -r /etc/exim4; touch /var/lib/leftover'
reset
expect_self_signed 25
expect_no_file foo /var/lib/leftover
