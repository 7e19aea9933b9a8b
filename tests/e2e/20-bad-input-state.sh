#!/bin/bash
# The state directory: not writable, full, damaged, or in use by another run. Afterwards the same command finishes.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
configure example.com
exim_files() { lab exec foo sha256sum /etc/exim4/exim.key /etc/exim4/exim.crt; }

scene "a state directory that is read-only is told, and nothing is asked of the CA"
mark
on foo sh -c "mkdir -p $state && mount --bind $state $state && mount -o remount,bind,ro $state"
expect_exit 0
mxcert issue
expect_problem 1 "cannot create directory $state/.*Read-only file system" 'mounted read-only'
expect_no_ca_requests
expect_untouched
lab exec foo umount $state

scene "so is one that belongs to somebody else"
on foo setpriv --reuid=nobody --regid=nogroup --clear-groups mxcert issue
expect_problem 1 "cannot .*$state.*Permission denied" 'run mxcert as root'
on foo setpriv --reuid=nobody --regid=nogroup --clear-groups mxcert issue --state-dir /nosuch/dir
expect_problem 1 'cannot create directory /nosuch: Permission denied' 'run mxcert as root'
expect_no_ca_requests
expect_untouched

scene "on a full disk the run says so, at whatever point the space ends, and leaves nothing half-written"
# A small file system of its own, in which all but so many KiB are taken.
on foo sh -c "mkdir -p $state && mount -t tmpfs -o size=256k,mode=0700 tmpfs $state"
expect_exit 0
fill() {
  # shellcheck disable=SC2016  # expanded in the host
  lab exec foo sh -c 'rm -f "$0/filler"; head -c 1M /dev/zero >"$0/filler" 2>/dev/null
    truncate -s $(($(stat -c %s "$0/filler") - $1 * 1024)) "$0/filler"' $state "$1"
}
full=0
files=$(exim_files)
for free in 0 4 8 12 16 24 32 40 64; do
  fill $free
  mxcert issue
  [ "$status" != 0 ] || break
  full=$((full + 1))
  expect_problem 1 'No space left on device' 'free some space on that file system and run the same command again'
  # What fits to the end is in service, were there no space left to remember it.
  if [ "$files" != "$(exim_files)" ]; then expect_served mx.example.com 25; fi
  expect_same '' "$(lab exec foo find $state/certificates -path '*/0*' -type d ! -exec test -s '{}/certificate.json' \; -print 2>/dev/null)"
done
[ $full -ge 4 ] || fail "only $full runs met a full disk"

scene "with space again the same command finishes"
lab exec foo rm $state/filler
mxcert issue
expect_exit 0
expect_served mx.example.com 25
expect_no_leftovers
lab exec foo umount $state

scene "a renewal on a full disk leaves in service what is"
mxcert issue
expect_exit 0
lab exec foo sh -c "mv $state $state.small && mkdir -m 0700 $state && mount -t tmpfs -o size=256k,mode=0700 tmpfs $state && cp -a $state.small/. $state/"
configure example.com second.example
files=$(exim_files)
for free in 0 8 24; do
  fill $free
  mxcert issue
  [ "$status" != 0 ] || break
  expect_problem 1 'No space left on device' 'free some space'
  expect_same "$files" "$(exim_files)"
done
expect_served mx.example.com 25 192.0.2.1
lab exec foo rm -f $state/filler
mxcert issue
expect_exit 0
expect_served mx2.example.com 25
expect_no_leftovers

scene "/etc is full: the files that Exim reads are as they were"
lab exec foo sh -c "umount $state; rm -rf $state $state.small"
lab exec foo sh -c 'cp -a /etc/exim4 /run/copy && mount -t tmpfs -o size=2m,mode=0755 tmpfs /etc/exim4 && cp -a /run/copy/. /etc/exim4/'
lab exec foo sh -c 'head -c 4M /dev/zero >/etc/exim4/filler 2>/dev/null || true'
leaf=$(served - 25)
files=$(exim_files)
mxcert issue
expect_problem 1 'mx.example.com: exim: .*No space left on device' '.'
expect_same "$leaf" "$(served - 25)"
expect_same "$files" "$(exim_files)"
expect_no_leftovers
lab exec foo rm /etc/exim4/filler
ca_mark
mxcert issue
expect_exit 0
expect_ca_requests 0 'POST /' # but perhaps when to renew
expect_served mx2.example.com 25
lab exec foo umount /etc/exim4
lab exim restart
mxcert deploy
expect_exit 0

scene "a damaged account key is told, not replaced: it may be all that proves the account"
key=$(lab exec foo find $state/accounts -name key.pem)
lab exec foo cp "$key" /run/key.pem
configure example.com second.example implicit.example
lab exec foo sh -c 'head -c 100 /run/key.pem >"$0"' "$key"
mark
mxcert issue
expect_problem 1 "mx.example.com: account key $key: not a private key" 'restore it from a backup, or move .* away'
expect_no_ca_requests
expect_untouched
expect_same 100 "$(lab exec foo stat -c %s "$key")"

scene "a key that cannot be read is told, too"
lab exec foo sh -c 'rm "$0" && mkdir "$0"' "$key"
mxcert issue
expect_problem 1 "mx.example.com: cannot read $key: not a regular file"
expect_no_ca_requests
lab exec foo sh -c 'rmdir "$0" && cp -a /run/key.pem "$0"' "$key"

scene "a stored certificate whose key is damaged is not installed, and what is served stays"
live=$(lab exec foo readlink -f $state/live/mx.example.com)
lab exec foo sh -c "rm $state/orders/*" # the order of the scene before has the key, too
lab exec foo sh -c 'cp -a "$0" /run/live && echo rubbish >"$0/privkey.pem"' "$live"
configure example.com second.example
mark
mxcert deploy
expect_problem 1 "$state/live/mx.example.com/privkey.pem: not a private key" 'restore it from a backup, or .* mxcert rollback'
expect_untouched
configure example.com second.example implicit.example
mxcert issue
expect_problem 1 "$state/live/mx.example.com/privkey.pem: not a private key" 'restore it from a backup, or get a new key with --new-key'
expect_no_ca_requests
expect_untouched
configure example.com second.example
mxcert status
expect_exit 0
lab exec foo sh -c 'cp -a /run/live/. "$0"' "$live"
mxcert deploy
expect_exit 0

scene "a stored certificate that cannot be read stops no other one, and is replaced, with the key that can be read"
start_over
{ standard_config example.com second.example; printf 'configure = true\n[certificate]\npack = "per-host"\n'; } | put foo /etc/mxcert/mxcert.toml
mxcert issue
expect_exit 0
mxcert renew # asks the CA when
damaged=$(lab exec foo readlink -f $state/live/mx2.example.com)
lab exec foo sh -c 'cp -a "$0" /run/live2 && echo rubbish >"$0/cert.pem"' "$damaged"
for command in status tlsa deploy 'plan --explain mx.example.com'; do
  # shellcheck disable=SC2086
  mxcert $command
  expect_stdout mx.example.com
done
make_due mx.example.com
leaf=$(served mx2.example.com 25)
mxcert plan --json
expect_exit 0
expect_json '[.certificates[] | "\(.name) \(.action) \(.why | split(",")[0])"] == ["mx.example.com renew the CA wants it renewed", "mx2.example.com replace its stored files are damaged"]'
mxcert renew --json
expect_exit 0
expect_json '[.certificates[] | .name + " " + .result] == ["mx.example.com issued", "mx2.example.com issued"]'
expect_same "$(get foo /run/live2/privkey.pem)" "$(get foo $state/live/mx2.example.com/privkey.pem)"
expect_different "$leaf" "$(served mx2.example.com 25)"
leaf=$(served mx2.example.com 25)

scene "where its key cannot be read either, nothing is ordered, and the message says what to do"
damaged=$(lab exec foo readlink -f $state/live/mx2.example.com)
lab exec foo sh -c 'echo rubbish >"$0/cert.pem"; echo rubbish >"$0/privkey.pem"' "$damaged"
mxcert renew --json
expect_exit 1
expect_json ".errors | length == 1 and .[0].subject == \"mx2.example.com\" and .[0].code == \"key_damaged\"
  and (.[0].message | contains(\"$state/live/mx2.example.com/privkey.pem: not a private key\")) and (.[0].hint | contains(\"--new-key\"))"
expect_json '[.certificates[] | .name + " " + .result] == ["mx.example.com unchanged", "mx2.example.com failed"]'
expect_same "$leaf" "$(served mx2.example.com 25)"
lab exec foo sh -c 'cp -a /run/live2/. "$0"' "$(dirname "$damaged")/0001"
mxcert rollback mx2.example.com
expect_exit 0
mxcert deploy
expect_exit 0

scene "damaged notes are written anew"
lab exec foo sh -c 'echo "{" >"$0/state.json"; echo "[]" >"$1"' $state/certificates/mx.example.com "$(dirname "$key")/account.json"
ca_mark
mxcert issue
expect_exit 0
expect_stderr 'is damaged and ignored'
expect_ca_requests 0 'POST /' # but perhaps when to renew
mxcert renew
expect_exit 0

scene "two runs at once: the second waits for the first"
start_over
configure example.com
holder() { lab exec foo flock -x $state/lock sleep "$1"; }
mxcert issue
expect_exit 0
holder 2 &
within 5 "$lab" exec foo sh -c "! flock -n $state/lock true"
begin=$EPOCHSECONDS
mxcert issue
expect_exit 0
expect_no_stderr
[ $((EPOCHSECONDS - begin)) -ge 1 ] || fail "it did not wait"
wait

scene "and ends with 75 when that takes too long, having asked and changed nothing"
configure example.com second.example
# A run that does not get on, for its hook waits.
put foo /root/none.toml </dev/null
put foo /root/waits 0755 <<'HOOK'
#!/bin/sh
until [ -e /run/go ]; do sleep 0.1; done
HOOK
"$lab" exec foo mxcert deploy --config /root/none.toml --deploy /root/waits >"$work/first" 2>&1 &
first=$!
within 10 "$lab" exec foo sh -c "! flock -n $state/lock true"
mark
for command in issue renew deploy 'rollback mx.example.com'; do
  # shellcheck disable=SC2086
  mxcert $command --lock-timeout 1
  expect_problem 75 "another mxcert run \(process [0-9]+\) works on $state"
  expect_no_stdout
done
for command in plan status 'config check'; do
  # shellcheck disable=SC2086
  mxcert $command
  expect_exit 0
done
expect_untouched
lab exec foo touch /run/go
wait $first || true
expect_no_ca_requests
mxcert issue
expect_exit 0
expect_served mx2.example.com 25
