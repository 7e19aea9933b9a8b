#!/bin/bash
# dns-01 where there is much to do: a hundred names, zones with servers that lag behind or are gone.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
key=/etc/mxcert/tsig.key
second=192.0.2.99

# config [WAIT] [LINE…]: dns-01 by updates at Knot, waiting so long
config() {
  {
    standard_config example.com example.net
    echo '[challenge]
type = "dns-01"'
    echo "dns = { provider = \"rfc2136\", server = \"192.0.2.53\", key_file = \"$key\", wait = ${1:-60} }"
    printf '%s\n' "${@:2}"
  } | put foo /etc/mxcert/mxcert.toml
}
issue() { lab resolver flush; mxcert issue; }
# How many TCP connections the mail host has opened.
connections() { lab exec foo awk '/^Tcp:/ && ++line == 2 { print $6 }' /proc/net/snmp; }
# updates ZONE: how many messages have changed it
updates() { lab exec dns awk -v zone="[$1]" '$3 == zone && / DDNS, processing / { sum += $(NF - 1) } END { print sum + 0 }' /var/log/knot.log; }
challenges_told() { ca_requests | grep -c 'POST /chalZ' || true; }
has_txt() { [ -n "$(lab exec client kdig "@${2:-192.0.2.53}" +short TXT "$1")" ]; }

put foo $key 0600 <"$MXCERT_LAB_DIR/share/tsig.key"

scene "a hundred names in two zones take a handful of connections, and one update a zone"
config 60 '[certificate]' "extra_names = [$(seq -f '"h%g.example.com"' -s, 50), $(seq -f '"h%g.example.net"' -s, 49)]"
connections_before=$(connections)
com_before=$(updates example.com.) net_before=$(updates example.net.)
lab exec foo sed -i '/^\[\[deploy/,/^hook/d' /etc/mxcert/mxcert.toml
issue
expect_exit 0
on foo openssl x509 -noout -ext subjectAltName -in $state/live/mx.example.com/cert.pem
expect_same 100 "$(grep -o DNS: <<<"$stdout" | wc -l)"
used=$(($(connections) - connections_before))
# For zones, updates, name servers; afterwards for zones and updates again; and to the CA.
[ $used -le 8 ] || fail "$used connections were opened"
expect_same 2 $(($(updates example.com.) - com_before))
expect_same 2 $(($(updates example.net.) - net_before))
expect_no_leftovers
has_txt _acme-challenge.h50.example.com && fail "a record is left"

scene "a server of the zone that lags behind is waited for before the CA is told"
lab exec foo rm -rf $state
lab host add second $second 2001:db8::99 base
{ lab zone --show lab.example; echo "second A $second"; } >"$work/zone"
zone lab.example <"$work/zone"
{ lab zone --show example.com; echo '@ NS second.lab.example.'; } >"$work/zone"
zone example.com <"$work/zone"
put second /etc/knot/knot.conf <<CONF
server:
    listen: $second@53
log:
  - target: /var/log/knot.log
    any: info
key:
  - id: mxcert-lab
    algorithm: hmac-sha256
    secret: $(sed -n 's/.*secret "\(.*\)".*/\1/p' "$MXCERT_LAB_DIR/share/tsig.key")
remote:
  - id: primary
    address: 192.0.2.53
    key: mxcert-lab
zone:
  - domain: example.com.
    master: primary
CONF
put second /root/start <<'SH'
mkdir -p /run/knot && knotd -d
SH
lab exec second sh /root/start
datagrams() { lab exec second awk '/^Udp:/ && ++line == 2 { print $2 }' /proc/net/snmp; }
was_asked_again() { [ "$(datagrams)" -ge $((asked_before + 3)) ]; }
knotc() { lab exec second knotc "$@"; }
within 20 lab exec second sh -c "kdig @$second +short SOA example.com | grep -q ."
config 60
ca_mark
asked_before=$(datagrams)
lab exec foo sh -c 'setsid mxcert issue >/var/log/mxcert.out 2>&1 </dev/null & echo $! >/run/mxcert.pid'
within 30 has_txt _acme-challenge.mx.example.com
within 20 was_asked_again
expect_same 0 "$(challenges_told)"
has_txt _acme-challenge.mx.example.com $second && fail "the second server does not lag"
knotc -b zone-refresh example.com.
within 60 "$lab" exec foo sh -c '! kill -0 "$0" 2>/dev/null || grep -q "^State:.Z" "/proc/$0/status"' "$(get foo /run/mxcert.pid)"
on foo cat /var/log/mxcert.out
expect_stdout "installed and verified"
expect_not_stdout "did not show"
expect_served mx.example.com 25

scene "a server that is gone is a warning after the time that was said, and the CA is asked"
lab host kill second
lab exec foo rm -rf $state
config 1
issue
expect_exit 0
expect_stderr_like "^mxcert: warning: zone example.com: $second did not show the challenge's records within 1 s"
