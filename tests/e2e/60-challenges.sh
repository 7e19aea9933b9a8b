#!/bin/bash
# Every way to show the CA that a name is ours but by the DNS (61-dns-challenges.sh), alone and mixed; and nothing of it
# is left, however a run ends.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
webroot=/srv/www

# challenge LINE…: standard_config with these lines as [challenge], and whatever tables they open
challenge() { { standard_config "${domains[@]}"; printf '%s\n' '[challenge]' "$@"; } | put foo /etc/mxcert/mxcert.toml; }
domains=(example.com)

# web_server start|stop: one that has port 80, shows $webroot and logs what it is asked
web_server() {
  case $1 in
    start)
      lab exec foo sh -c 'mkdir -p "$0"; cd "$0"
        setsid python3 -m http.server --bind :: 80 >/var/log/web.log 2>&1 </dev/null & echo $! >/run/web.pid' "$webroot"
      within 10 "$lab" exec foo bash -c 'exec 3<>/dev/tcp/127.0.0.1/80'
      ;;
    stop) lab exec foo sh -c 'kill "$(cat /run/web.pid)"' ;;
  esac
}
expect_empty() {
  local found
  found=$(lab exec foo find "$1" -mindepth 1)
  [ -z "$found" ] || fail "left behind: $found"
}
# start_and_wait SIGNAL-TIME CONDITION…: mxcert issue in the background, until CONDITION holds; its pid in $running
start_until() {
  lab exec foo sh -c 'setsid mxcert issue >/var/log/mxcert.out 2>&1 </dev/null & echo $! >/run/mxcert.pid'
  within 30 "$@"
  running=$(get foo /run/mxcert.pid)
}
end_by() {
  lab exec foo kill "-$1" "$running"
  within 30 "$lab" exec foo sh -c '! kill -0 "$0" 2>/dev/null || grep -q "^State:.Z" "/proc/$0/status"' "$running"
}

command -v python3 >/dev/null || skip "there is no python3 for a web server"

scene "http-01 by a webroot: the web server that has port 80 shows the tokens, and nothing of them is left"
web_server start
challenge "webroot = \"$webroot\""
mxcert config check
expect_stdout_like "^challenge.webroot +$webroot"
mxcert issue
expect_exit 0
expect_served mx.example.com 25
on foo grep -c 'GET /.well-known/acme-challenge/.* 200' /var/log/web.log
expect_exit 0
expect_empty $webroot
expect_no_leftovers

scene "without a configuration the webroot is an option"
reset
web_server start
mxcert issue --domain example.com --email postmaster@example.com --agree-tos --ca "$("$lab" pebble dir)" \
  --ca-trust "$("$lab" ca-trust)" --deploy exim --webroot $webroot
expect_exit 0
expect_empty $webroot

scene "a link in the way is not followed: nothing is written where it leads, and the link stays"
reset
web_server start
lab exec foo sh -c "mkdir -p /srv/elsewhere && ln -s /srv/elsewhere $webroot/.well-known"
challenge "webroot = \"$webroot\""
mxcert issue
expect_problem 1 "$webroot/.well-known is not a directory" '.'
expect_empty /srv/elsewhere
expect test -n "$(lab exec foo readlink $webroot/.well-known)"
lab exec foo rm $webroot/.well-known

scene "a webroot that does not exist costs no order"
challenge 'webroot = "/srv/nowhere"'
ca_mark
mxcert issue
expect_problem 1 'cannot open the webroot /srv/nowhere' '.'
expect_ca_orders 0

scene "a challenge that fails leaves nothing in the webroot"
web_server stop
challenge "webroot = \"$webroot\""
mxcert issue
expect_exit 1
expect_empty $webroot
expect_no_file foo $state/orders/mx.example.com.challenges.json

scene "interrupted while the CA looks, nothing is left; killed there, the next run takes it away"
lab pebble restart PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=8
web_server start
for signal in INT KILL; do
  start_until "$lab" exec foo sh -c "ls $webroot/.well-known/acme-challenge/*"
  end_by $signal
  if [ $signal = KILL ]; then
    expect test -n "$(lab exec foo find $webroot -type f)"
    expect test -n "$(get foo $state/orders/mx.example.com.challenges.json)"
    lab pebble restart
    challenge 'listen = ["192.0.2.1:8088"]' # another way now: the old one is cleaned up all the same
    mxcert issue
  fi
  expect_empty $webroot
  expect_no_file foo $state/orders/mx.example.com.challenges.json
done

scene "a port that every user may have is warned about"
expect_stderr_like '^mxcert: warning: 192.0.2.1:8088: while mxcert does not run'

scene "what nothing that is configured can take away is told, before the plan too"
lab exec foo sh -c 'echo "{\"version\":1,\"traces\":[{\"method\":\"dns-01\",\"name\":\"mx.example.com\",
  \"where\":\"_acme-challenge.mx.example.com\",\"value\":\"text\"}]}" >"$0"' $state/orders/mx.example.com.challenges.json
mxcert issue
expect_stderr_like '^mxcert: warning: what met a challenge is left behind \(_acme-challenge.mx.example.com text\)'
expect_stderr 'hint: remove it by hand'

scene "tls-alpn-01 by our own listener, with port 80 taken"
reset
web_server start
challenge 'type = "tls-alpn-01"'
mxcert config check
expect_stdout_like '^challenge.listen +port 443 on every address'
mxcert issue
expect_exit 0
expect_served mx.example.com 25
on client openssl s_client -connect 192.0.2.1:443 -alpn acme-tls/1
expect_stderr 'refused' # nobody listens afterwards

scene "several ways on one certificate: each name goes the way that the first pattern for it has"
reset
web_server start
domains=(example.com second.example)
challenge "webroot = \"$webroot\"" '[[challenge.for]]' 'names = ["mx?.example.com"]' 'type = "tls-alpn-01"'
mxcert issue
expect_exit 0
expect_served mx.example.com 25
expect_served mx2.example.com 25
tokens=$(lab exec foo grep -o 'GET /.well-known/acme-challenge/[^ ]* HTTP/1.1" 200' /var/log/web.log | sort -u | wc -l)
expect_same 1 "$tokens" # of the two names
expect_empty $webroot

scene "port 443 is taken: no order is made, and the message names who has it"
reset
domains=(example.com)
lab exec foo sh -c 'setsid python3 -m http.server --bind :: 443 >/dev/null 2>&1 </dev/null & echo $! >/run/web.pid'
within 10 "$lab" exec foo bash -c 'exec 3<>/dev/tcp/127.0.0.1/443'
challenge 'type = "tls-alpn-01"'
ca_mark
mxcert issue
expect_problem 1 'cannot listen on .*443: already in use by python3' 'python3'
expect_ca_orders 0
