#!/bin/bash
# A run may end anywhere: the next one goes on from there, with the same key and the same order where there was one, and
# Exim serves the old certificate or the new one, whole.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crash.sh"

state=/var/lib/mxcert

# What there is now, to begin from again and again.
keep() { lab exec foo sh -c "rm -rf /root/kept; mkdir /root/kept; cp -a $state /etc/exim4 /root/kept/"; }
begin_again() {
  lab exec foo sh -c "rm -rf $state; cp -a /root/kept/mxcert $state; cp -a /root/kept/exim4/exim.key /root/kept/exim4/exim.crt /etc/exim4/
    ls -A /etc/exim4 | grep mxcert | sed 's,^,/etc/exim4/,' | xargs -r rm"
}
order_under_way() { lab exec foo sh -c "cat $state/orders/mx.example.com.json 2>/dev/null || true" | jq -r .url; }
# Without its order nobody has heard of the key.
key_of_order() { lab exec foo sh -c "cd $state/orders && test -e mx.example.com.json && cat mx.example.com.key || true" 2>/dev/null; }
key_of_live() { lab exec foo cat $state/live/mx.example.com/privkey.pem; }
order_of_live() { lab exec foo cat $state/live/mx.example.com/certificate.json | jq -r .order; }
live_fingerprint() { lab exec foo openssl x509 -noout -fingerprint -sha256 -in $state/live/mx.example.com/cert.pem | sed 's/.*=//'; }


# goes_on [COMMAND…]: a clean run now finishes, with the order and the key that the one before left
goes_on() {
  local order key
  order=$(order_under_way)
  key=$(key_of_order)
  [ $# -gt 0 ] || set -- issue
  mxcert "$@"
  expect_exit 0
  expect_no_leftovers
  expect_same "$(live_fingerprint)" "$(served - 25)"
  if [ -n "$order" ]; then expect_same "$order" "$(order_of_live)"; fi
  if [ -n "$key" ]; then expect_same "$key" "$(key_of_live)"; fi
}
expect_orders_at_most() {
  [ "$(ca_orders)" -le "$1" ] || fail "$(ca_orders) orders were made: $(ca_requests)"
}

# One look is enough here, and many of them take long.
configure_for() {
  { standard_config "$@"; echo 'verify = ["192.0.2.1:25"]'; } | put foo /etc/mxcert/mxcert.toml
}

lab pebble restart PEBBLE_AUTHZREUSE=100

scene "the first certificate: killed before any of its changes, the next run finishes with at most one order more"
configure_for example.com
lab exec foo mkdir -p $state
keep
count_changes issue
[ "$changes" -gt 30 ] || fail "only $changes changes were counted"
for at in $(steps 2 "$changes" 5); do
  begin_again
  ca_mark
  crash_at "$at" issue
  expect_exit 137
  goes_on
  expect_orders_at_most 2
done

scene "another certificate in its place: killed anywhere, also between the files that Exim reads, it is all there in the end"
begin_again
mxcert issue
expect_exit 0
keep
key=$(key_of_live)
configure_for example.com second.example
count_changes issue
for at in $(steps 3 "$changes" 5); do
  begin_again
  ca_mark
  crash_at "$at" issue
  expect_exit 137
  goes_on
  expect_orders_at_most 2
  expect_same "$key" "$(key_of_live)"
  expect_names "mx.example.com mx2.example.com" 25
done

scene "interrupted or terminated it ends by itself, and the next run goes on"
for at in $(steps 4 "$changes" 13); do
  for by in 2 15; do
    begin_again
    signal=$by crash_at "$at" issue
    case $status in
      0) ;;
      1) expect_stderr interrupted ;;
      *) fail "exit status is $status" ;;
    esac
    goes_on
  done
done

scene "a roll back that is killed leaves what deploy puts right"
begin_again
mxcert issue
expect_exit 0
keep
count_changes rollback mx.example.com
for at in $(steps 2 "$changes" 5); do
  begin_again
  crash_at "$at" rollback mx.example.com
  expect_exit 137
  goes_on deploy
done

scene "a certificate for each of two keys: killed anywhere, both are there in the end, for at most one order more"
lab exec foo rm -rf $state
lab exec foo mkdir -p $state
configure_for example.com
get foo /etc/mxcert/mxcert.toml | { cat; printf '[certificate]\nkeys = ["ecdsa-p256", "rsa-2048"]\n'; } |
  put foo /etc/mxcert/two-keys.toml
lab exec foo mv /etc/mxcert/two-keys.toml /etc/mxcert/mxcert.toml
keep
count_changes issue
for at in $(steps 2 "$changes" 7); do
  begin_again
  ca_mark
  crash_at "$at" issue
  expect_exit 137
  goes_on
  expect_orders_at_most 3
  expect_same "$(lab exec foo openssl x509 -noout -pubkey -in $state/live/mx.example.com/rsa/cert.pem)" \
    "$(lab exec foo openssl pkey -pubout -in $state/live/mx.example.com/rsa/privkey.pem)"
done

# under_way: an order has been made and the CA was told of it
under_way() { [ -n "$(order_under_way)" ]; }
# kill_under_way SIGNAL: ends the run as soon as that is so. All in the host: the CA may be done in a moment.
kill_under_way() {
  lab exec foo timeout 20 sh -c "until jq -e '.url != \"\"' $state/orders/mx.example.com.json >/dev/null 2>&1; do
      sleep 0.01; done; kill -$1 \"\$(cat /run/mxcert.pid)\"" || fail 'no order was made in time'
}

scene "ended while the CA validates, the next run continues the same order with the same key"
configure_for example.com
lab pebble restart PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=3 PEBBLE_AUTHZREUSE=0
for how in KILL INT TERM; do
  lab exec foo rm -rf $state
  ca_mark
  "$lab" exec foo sh -c 'mxcert issue & echo $! >/run/mxcert.pid; wait $!' >"$work/ended" 2>&1 &
  kill_under_way "$how"
  wait $! || true
  under_way || fail "the run was over already: $(cat "$work/ended")"
  expect_same '' "$(lab exec foo sh -c "ls -A $state/live")"
  goes_on
  expect_ca_orders 1
  expect_served mx.example.com 25 192.0.2.1
done

scene "the CA has lost everything meanwhile: the next run registers again and gets its certificate with the same key"
lab exec foo rm -rf $state
"$lab" exec foo sh -c 'mxcert issue & echo $! >/run/mxcert.pid; wait $!' >"$work/ended" 2>&1 &
kill_under_way KILL
wait $! || true
key=$(key_of_order)
order=$(order_under_way)
lab pebble restart
mxcert issue
expect_exit 0
expect_stderr 'registering again'
expect_served mx.example.com 25 192.0.2.1
expect_same "$key" "$(key_of_live)"
expect_different "$order" "$(order_of_live)"
expect_no_leftovers
