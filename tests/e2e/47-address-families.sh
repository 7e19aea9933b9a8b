#!/bin/bash
# The CA by IPv4 and by IPv6: whichever works is used, and one that leads nowhere holds nothing up.
. "$(dirname "$0")/lib.sh"

v4=192.0.2.14 v6=2001:db8::14
# black_hole ADDRESS: what the mail host sends there is not answered in any way
black_hole() { lab exec foo ip neigh replace "$1" lladdr 02:00:00:00:00:99 dev eth0 nud permanent; }
reachable() { lab exec foo ip neigh del "$1" dev eth0; }
# ca_has ADDRESS…: what the CA's name leads to
ca_has() {
  local address
  {
    lab zone --show lab.example | grep -v '^ca '
    for address; do if [[ $address == *:* ]]; then echo "ca AAAA $address"; else echo "ca A $address"; fi; done
  } >"$work/zone"
  zone lab.example <"$work/zone"
}
# expect_issued: within less time than the dead address would take to be given up. A new name each time.
count=0
expect_issued() {
  mxcert issue --extra-name "h$((count += 1)).example.com" --host-name "h*.example.com" --timeout 20
  expect_exit 0
  expect_stdout "issued version"
}
# The CA looks for the answers by the family that is not a black hole; what it has once looked at it does not again.
lab pebble restart PEBBLE_AUTHZREUSE=100
lab zone --show example.com >"$work/example"
{ cat "$work/example"; for i in 1 2 3; do echo "h$i A 192.0.2.1"; done; echo 'h4 AAAA 2001:db8::1'; } >"$work/zone"
zone example.com <"$work/zone"
configure example.com

scene "the CA has an IPv6 address only"
ca_has $v6
expect_issued

scene "the CA has an IPv4 address only"
ca_has $v4
expect_issued

scene "the CA has both, and IPv6 leads nowhere"
ca_has $v4 $v6
black_hole $v6
expect_issued

scene "the CA has both, and IPv4 leads nowhere"
reachable $v6
black_hole $v4
expect_issued
