#!/bin/bash
# What may go wrong between the files and the daemon: what is served before and after, by openssl, and that nothing else has
# changed. (Daemons that are down, hooks that fail to describe: 20-bad-input-deploy. Runs that are killed: 30-crash.)
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
# All of /etc but for our configuration: names, kinds, modes, owners and contents.
tree() {
  lab exec foo sh -c "find /etc -mindepth 1 -name mxcert -prune -o -printf '%p %y %m %u:%g %l\n' | sort
    find /etc -name mxcert -prune -o -type f -print0 | sort -z | xargs -0 sha256sum"
}
without_certificate() { grep -vE ' ?/etc/exim4/exim\.(key|crt)( |$)'; }
live() { lab exec foo openssl x509 -noout -fingerprint -sha256 -in "$state/live/mx.example.com/cert.pem" | sed 's/.*=//'; }
deployment() { state_of | jq -r '.deployments | to_entries[0].value.'"$1"; }
expect_live() { for port in 25 465; do expect_same "$(live)" "$(served - $port)"; done; }
# configure_hook: Exim's hook, but for what standard input says of its events
configure_hook() {
  { echo '#!/bin/sh'; cat; echo 'exec /usr/libexec/mxcert/hooks/exim "$@"'; } | put foo /root/hook 0755
  standard_config example.com | sed 's,^hook = .*,hook = "/root/hook",' | put foo /etc/mxcert/mxcert.toml
}
# expect_rolled_back REASON: all is as `mark` found it, and the version is not in service
expect_rolled_back() {
  expect_problem 1 "mx.example.com: .*$1" "${2:-what was served before still is}"
  expect_same "$marked_tree" "$(tree)"
  expect_same "$marked_shown" "$(leaves)"
  expect_no_leftovers
  expect_same failed "$(deployment state)"
}
make_live() { lab exec foo ln -sfn "../certificates/mx.example.com/$1" $state/live/mx.example.com; }
leaves() { echo "$(served - 25) $(served mx.example.com 25) $(served - 465)"; }
mark_all() { mark; marked_tree=$(tree) marked_shown=$(leaves); }

scene "nothing under /etc changes but the files that Exim already named"
configure example.com
before=$(tree)
expect_self_signed 25
mxcert issue
expect_exit 0
expect_live
expect_served mx.example.com 25
expect_served mx.example.com 465
expect_same "$(without_certificate <<<"$before")" "$(tree | without_certificate)"
expect_different "$before" "$(tree)"

scene "sessions that are open when Exim reloads go on, in the clear and under TLS"
first=$(live)
put client /root/session 0755 <<'SESSION'
#!/bin/bash
# session FLAG: EHLO, and when FLAG is there NOOP and QUIT
set -eu
exec 3<>/dev/tcp/192.0.2.1/25
read -r line <&3 && echo "$line"
printf 'EHLO client.lab.example\r\n' >&3
while read -r line <&3 && echo "$line" && [[ $line == 250-* ]]; do :; done
touch "$1.ready"
until [ -e "$1" ]; do sleep 0.1; done
for word in NOOP QUIT; do printf '%s\r\n' $word >&3; read -r line <&3; echo "$word: $line"; done
SESSION
put client /root/tls-session 0755 <<'SESSION'
#!/bin/bash
# tls-session FLAG: the same, within TLS
{ until [ -e "$1" ]; do sleep 0.1; done; printf 'NOOP\r\nQUIT\r\n'; } |
  openssl s_client -connect 192.0.2.1:465 -quiet 2>/dev/null
SESSION
flag=$MXCERT_LAB_DIR/share/reloaded
rm -f "$flag" "$flag.ready"
"$lab" exec client /root/session "$flag" >"$work/plain" 2>&1 &
plain=$!
"$lab" exec client /root/tls-session "$flag" >"$work/tls" 2>&1 &
tls=$!
within 10 test -e "$flag.ready"
within 10 grep -q '^220' "$work/tls"
configure example.com second.example
mxcert issue
expect_exit 0
expect_different "$first" "$(live)"
expect_live
touch "$flag"
wait $plain || fail "the session in the clear: $(cat "$work/plain")"
wait $tls || fail "the session under TLS: $(cat "$work/tls")"
grep -q '^NOOP: 250' "$work/plain" || fail "$(cat "$work/plain")"
grep -q '^QUIT: 221' "$work/plain" || fail "$(cat "$work/plain")"
grep -q '^250 OK' "$work/tls" || fail "$(cat "$work/tls")"
grep -q '^221' "$work/tls" || fail "$(cat "$work/tls")"

scene "the version before is always there to go back to, and is served then"
mxcert rollback mx.example.com
expect_exit 0
expect_same "$first" "$(live)"
expect_live

scene "a key that belongs to another certificate does not get as far as Exim"
mark_all
lab exec foo sh -c "cd $state/live/mx.example.com/ && cp -p privkey.pem /root/privkey.pem && cp -p bundle.pem /root/bundle.pem &&
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 >privkey.pem"
mxcert deploy
expect_problem 1 'mx.example.com: .*(another key|does not belong)'
expect_untouched
expect_same "$marked_tree" "$(tree)"
lab exec foo sh -c "cd $state/live/mx.example.com/ && cp -p /root/privkey.pem privkey.pem"

scene "a key and a certificate that do not belong together, put where Exim reads them, are put right"
lab exec foo sh -c 'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 >/run/other && cat /run/other >/etc/exim4/exim.key'
lab exec foo sh -c 'kill -HUP "$(cat /run/exim4/exim.pid)"'
mxcert deploy
expect_exit 0
expect_live
expect_same "$marked_tree" "$(tree)"

scene "a hook that fails to deploy is answered with the files of before"
make_live 0002
configure_hook <<'HOOK'
[ "$1" != deploy ] || { echo "no bus" >&2; exit 3; }
HOOK
mark_all
mxcert deploy
expect_rolled_back 'rolled back.*hook hook deploy exited with status 3: no bus' 'run it by hand'

scene "so are files that Exim does not read, and renew tries it again, more and more seldom"
configure_hook <<'HOOK'
[ "$1" != describe ] || { /usr/libexec/mxcert/hooks/exim describe | sed 's,/exim4/exim\.,/exim4/unread.,g'; exit; }
HOOK
hurry
mark_all
mxcert deploy
expect_rolled_back 'rolled back.*after the reload .*without SNI.* shows mx.example.com, valid until'
mxcert renew
expect_rolled_back 'rolled back.*after the reload'
mxcert renew
expect_problem 1 'not tried again before'
configure_hook </dev/null
mxcert deploy
expect_exit 0
expect_live
expect_names "mx.example.com mx2.example.com" 465

scene "names that another certificate has had here are not lost unasked"
lab exec foo sh -euc 'cd /run && openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=other CA" -keyout ca.key -out ca.crt -days 30 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -subj "/CN=other" -keyout o.key -out o.csr 2>/dev/null
  printf "subjectAltName=DNS:mx.example.com,DNS:imap.example.com\n" >o.ext
  openssl x509 -req -in o.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile o.ext -days 30 -out o.crt 2>/dev/null
  cat o.key >/etc/exim4/exim.key && cat o.crt >/etc/exim4/exim.crt'
lab exim restart
mark_all
mxcert deploy
expect_problem 1 'mx.example.com: .*without SNI shows mx.example.com and 1 name more.*, and holds imap.example.com, which this certificate lacks' \
  'extra_names; if nobody needs them: mxcert deploy --drop-names mx.example.com'
expect_same "$marked_tree" "$(tree)"
expect_same "$marked_shown" "$(leaves)"
mxcert deploy --drop-names mx.example.com
expect_exit 0
expect_live

scene "a trusted certificate is not replaced by one of a public CA that this host does not trust"
lab exec foo sh -euc 'cd /run
  printf "subjectAltName=DNS:mx.example.com,DNS:mx2.example.com\n" >o.ext
  openssl x509 -req -in o.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile o.ext -days 30 -out o.crt 2>/dev/null
  cat o.key >/etc/exim4/exim.key && cat o.crt >/etc/exim4/exim.crt
  cp ca.crt /usr/local/share/ca-certificates/other.crt && update-ca-certificates 2>/dev/null'
lab exim restart
record=$(get foo $state/live/mx.example.com/certificate.json)
edit_json $state/live/mx.example.com/certificate.json '.directory = "https://acme-v02.api.letsencrypt.org/directory"'
mark_all
mxcert deploy
expect_problem 1 'mx.example.com: .*without SNI shows mx.example.com and 1 name more.*, which is trusted by this host, and this certificate is not: unable to get' \
  'mxcert deploy --allow-untrusted mx.example.com'
expect_same "$marked_tree" "$(tree)"
expect_same "$marked_shown" "$(leaves)"
mxcert deploy --allow-untrusted
expect_exit 0
expect_stderr_like '^mxcert: warning: mx.example.com: senders that verify may not trust it, since this host does not: unable to get'
expect_live
put foo $state/live/mx.example.com/certificate.json 0600 <<<"$record"

scene "a disk that is full changes nothing"
lab exec foo sh -euc 'cd /etc/exim4 && mkdir small && mount -t tmpfs -o size=64k,mode=0755 tmpfs small && cp -p exim.key exim.crt small/
  cat >>exim4.conf.localmacros <<MACROS
MAIN_TLS_CERTIFICATE = /etc/exim4/small/exim.crt
MAIN_TLS_PRIVATEKEY = /etc/exim4/small/exim.key
MACROS
  cat /dev/zero >small/filler 2>/dev/null || :'
lab exim restart
make_live 0001
mark_all
mxcert deploy
expect_problem 1 'mx.example.com: .*No space left on device'
expect_same "$marked_tree" "$(tree)"
expect_same "$marked_shown" "$(leaves)"
expect_no_leftovers
lab exec foo rm /etc/exim4/small/filler
mxcert deploy
expect_exit 0
expect_live
expect "$lab" exec foo cmp /etc/exim4/small/exim.crt $state/live/mx.example.com/fullchain.pem

scene "nor does a place where Exim could not read its key"
lab exec foo chmod 0700 /etc/exim4/small
make_live 0002
mark_all
mxcert deploy
expect_problem 1 'mx.example.com: .*may not enter /etc/exim4/small'
expect_same "$marked_tree" "$(tree)"
expect_same "$marked_shown" "$(leaves)"
lab exec foo chmod 0755 /etc/exim4/small
mxcert deploy
expect_exit 0
expect_live

scene "a hook that hangs is ended after its time, and what it had to deploy is taken back"
lab exec foo sh -c 'mkdir /srv/hanging; echo before >/srv/hanging/tls.pem'
put foo /root/hangs 0755 <<'HOOK'
#!/bin/sh
case $1 in
describe) echo '{ "files": [{ "path": "/srv/hanging/tls.pem", "content": "bundle" }] }' ;;
deploy) sleep 100000 & echo $! >/run/hanging.pid; wait ;;
esac
HOOK
{ standard_config example.com | sed 's,^hook = .*,hook = "/root/hangs",'; echo 'timeout = 3'; } | put foo /etc/mxcert/mxcert.toml
mxcert deploy
expect_problem 1 'rolled back.*hook hangs deploy did not end within 3 s' '/root/hangs deploy'
on foo sh -c 'kill -0 "$(cat /run/hanging.pid)"'
expect_different 0 "$status"
expect_same before "$(get foo /srv/hanging/tls.pem)"
