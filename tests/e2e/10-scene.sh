#!/bin/bash
# The main job, end to end: a mail host that calls itself foo.example.com gets the certificate for mx.example.com, the
# name that senders verify.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
live=$state/live/mx.example.com

# leaf OPTION…: of the live certificate
leaf() { lab exec foo openssl x509 -noout -in "$live/cert.pem" "$@"; }
live_fingerprint() { leaf -fingerprint -sha256 | sed 's/.*=//'; }
expect_served_everywhere() {
  local address port sni
  for address in "${mail_addresses[@]}"; do
    for port in 25 465; do
      for sni in - mx.example.com; do expect_same "$1" "$(served "$sni" "$port" "$address")"; done
    done
  done
}

scene "before: senders are shown a certificate that Exim made for itself, on every port and address"
for port in 25 465; do expect_self_signed $port; done
for address in "${mail_addresses[@]}"; do
  on client openssl s_client -starttls smtp -connect "$address:25" -verify_hostname mx.example.com -verify_return_error
  expect_different 0 "$status"
done

scene "plan finds the MX host's name, not the name that the server calls itself"
configure
ca_mark
mxcert plan
expect_exit 0
expect_stdout 'certificate mx.example.com'
expect_stdout_like '^ *to do +issue: there is no certificate yet'
expect_stdout_like 'example.com, example.net, example.org'
expect_not_stdout foo.example.com
mxcert plan --json
expect_exit 0
expect_json '.version == 1 and [.domains[].domain] == ["example.com", "example.net", "example.org"]'
expect_json '[.domains[] | .status == "ok" and .dnssec == "secure" and .source == "config"] | all'
expect_json '[.domains[].targets[] | .host == "mx.example.com" and .owner == "ours"
  and .addresses == ["192.0.2.1", "2001:db8::1"] and .canonical == null and .implicit == false] | all'
expect_json '.certificates == [{name: "mx.example.com", default: true, names: ["mx.example.com"], action: "issue",
  why: .certificates[0].why, not_after: null}]'
expect_no_file foo $state/accounts
expect_no_ca_requests

scene "issue --dry-run says what it would do, and does nothing"
mxcert issue --dry-run
expect_exit 0
expect_stdout_like '^mx.example.com: would issue 1 name'
expect_no_file foo $state/accounts
expect_no_ca_requests
expect_self_signed 25

scene "issue gets the certificate, installs it and proves that Exim serves it"
mxcert issue
expect_exit 0
expect_no_stderr
expect_stdout_like '^mx.example.com: issued version 0001 for 1 name, valid until '
expect_stdout_like '^  exim: Exim [0-9.]+: installed and verified \([0-9]+ handshakes\)'
expect_ca_orders 1

scene "after: every sender that looks for the MX host's name is satisfied, and the banner is as it was"
for port in 25 465; do
  expect_served mx.example.com $port
  expect_names mx.example.com $port
done
expect_served_everywhere "$(live_fingerprint)"
on client bash -c 'exec 3<>/dev/tcp/192.0.2.1/25; head -n 1 <&3; printf "EHLO client.lab.example\r\n" >&3; head -n 1 <&3'
expect_stdout_like '^220 foo.example.com ESMTP Exim'
expect_stdout '250-foo.example.com Hello client.lab.example'
first=$(live_fingerprint)
first_key=$(leaf -pubkey)

scene "only Exim can read the key where Exim reads it, only root in the state directory"
for file in exim.key exim.crt; do expect_file foo /etc/exim4/$file root:Debian-exim 0640; done
for directory in . accounts certificates certificates/mx.example.com certificates/mx.example.com/0001 live orders tmp; do
  expect_file foo $state/$directory root:root 0700
done
for file in privkey.pem bundle.pem certificate.json; do expect_file foo "$live/$file" root:root 0600; done
on foo find $state -type f -name '*key*' -perm /077
expect_no_output
on foo readlink $live
expect_same ../certificates/mx.example.com/0001 "$stdout"
expect_no_leftovers

scene "a second issue says that nothing is due, a renew says nothing, and neither asks the CA for more than when to renew"
ca_mark
mxcert issue
expect_ca_requests 0 'POST /'
ca_mark
expect_exit 0
expect_no_stderr
expect_stdout_like '^mx.example.com: nothing is due, valid until '
expect_stdout_like '^ *to do +nothing to do: it has every name'
for _ in 1 2; do
  mxcert renew
  expect_exit 0
  expect_no_output
done
mxcert renew --json
expect_exit 0
expect_no_output
expect_no_ca_requests
expect_served_everywhere "$first"

scene "status tells what is stored, who serves it and when it is due"
mxcert status
expect_exit 0
expect_stdout_like '^mx.example.com$'
expect_stdout_like '^ +served by +exim, seen at 20'
expect_not_stdout failure
mxcert status --json
expect_exit 0
expect_json '.certificates[0] | .name == "mx.example.com" and .names == ["mx.example.com"]
  and .certificate_version == "0001" and .failure == null'
expect_json '.certificates[0].deployments | length == 1 and .[0].target == "exim" and .[0].state == "verified"'
expect_json '(.certificates[0] | (.not_before | fromdate) < (.renew_at | fromdate)
  and (.renew_at | fromdate) < (.not_after | fromdate)) and .errors == [] and .warnings == []'
expect_json ".certificates[0].fingerprint == \"$(tr -d : <<<"${first,,}")\""

scene "a domain with another MX name on the same host leads to one new certificate, with both names and the same key"
configure example.com example.net example.org second.example
ca_mark
mxcert issue --json
expect_exit 0
expect_json '.certificates | length == 1 and .[0].action == "replace" and .[0].result == "issued"
  and .[0].names == ["mx.example.com", "mx2.example.com"] and .[0].certificate_version == "0002"'
expect_ca_orders 1
for port in 25 465; do
  expect_names "mx.example.com mx2.example.com" $port
  expect_served mx2.example.com $port
done
expect_served_everywhere "$(live_fingerprint)"
expect_different "$first" "$(live_fingerprint)"
expect_same "$first_key" "$(leaf -pubkey)"
second=$(live_fingerprint)

scene "rollback puts the version before into service, without asking the CA"
ca_mark
mxcert rollback mx.example.com
expect_exit 0
expect_stdout_like '^mx.example.com: rolled back to version 0001'
expect_served_everywhere "$first"
expect_same "$first" "$(live_fingerprint)"

scene "deploy installs the live version again when somebody has replaced the files, and else touches nothing"
on foo sh -c 'cat '"$state"'/certificates/mx.example.com/0002/fullchain.pem >/etc/exim4/exim.crt && /etc/init.d/exim4 reload'
expect_exit 0
within 5 expect_same "$second" "$(served - 25)"
mxcert deploy
expect_exit 0
expect_stdout_like '^mx.example.com: deployed version 0001'
expect_stdout 'installed and verified'
expect_served_everywhere "$first"
mxcert deploy mx.example.com --json
expect_exit 0
expect_json '.certificates[0].deployments == [{target: "exim", result: "unchanged",
  message: .certificates[0].deployments[0].message}]'
expect_no_ca_requests
expect_served_everywhere "$first"

scene "renew, too, gets the name that is missing, with the same key, and says so once"
ca_mark
mxcert renew
expect_exit 0
expect_stdout_like '^mx.example.com: issued version 0003 for 2 names'
expect_ca_orders 1
expect_served_everywhere "$(live_fingerprint)"
expect_served mx2.example.com 25
expect_same "$first_key" "$(leaf -pubkey)"
ca_mark
mxcert renew
expect_exit 0
expect_no_output
expect_ca_requests 0 'POST /'

scene "--new-key changes the key, at the next order"
mxcert rollback mx.example.com
mxcert rollback mx.example.com
expect_exit 0
expect_same "$first" "$(live_fingerprint)"
mxcert issue --new-key
expect_exit 0
expect_served_everywhere "$(live_fingerprint)"
expect_different "$first_key" "$(leaf -pubkey)"

scene "issue needs no configuration file: options say it all"
on foo rm /etc/mxcert/mxcert.toml
mxcert issue --domain example.com --domain second.example --email postmaster@example.com --agree-tos --ca "$("$lab" pebble dir)" \
  --ca-trust "$("$lab" ca-trust)" --deploy exim --state-dir /var/lib/other
expect_exit 0
expect_no_stderr
live=/var/lib/other/live/mx.example.com
expect_served_everywhere "$(live_fingerprint)"
expect_names "mx.example.com mx2.example.com" 25
expect_served mx.example.com 465

scene "the configuration and options add up: a domain is an option, its name an IDN"
configure example.net
mxcert plan --json --domain bücher.example
expect_exit 0
expect_json '.domains | length == 2 and .[1].domain == "bücher.example" and .[1].ascii == "xn--bcher-kva.example"
  and .[1].status == "ok" and .[1].source == "command line" and .[1].targets[0].host == "mx.example.com"'

scene "mail domains come from the files that the configuration names, one a line"
standard_config | sed 's,^list = .*,files = ["/etc/exim4/relay_domains"],' | put foo /etc/mxcert/mxcert.toml
put foo /etc/exim4/relay_domains <<'DOMAINS'
# domains that we relay for
second.example   # mx2

bücher.example
DOMAINS
mxcert issue --state-dir /var/lib/third --json
expect_exit 0
expect_json '.certificates | length == 1 and .[0].names == ["mx.example.com", "mx2.example.com"]'
expect_served mx2.example.com 465
mxcert plan --state-dir /var/lib/third --json
expect_json '[.domains[] | .ascii, .source] ==
  ["second.example", "/etc/exim4/relay_domains", "xn--bcher-kva.example", "/etc/exim4/relay_domains"]'
expect_json '.certificates[0].action == "none"'
