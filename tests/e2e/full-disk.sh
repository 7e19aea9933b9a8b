# shellcheck shell=bash disable=SC2034,SC2154  # variables of the test and of lib.sh
# What hooks write themselves, on a disk that is full: each file is what it was, to the byte, nothing lies beside it, and the
# daemon serves what it served. With room the same event does what it is for. For tests that source this after lib.sh.

# on_small_disk DIRECTORY: what is there is now on a file system of its own, with little room; all below is about that
on_small_disk() {
  disk=$1
  lab exec "$mail_host" sh -euc 'rm -rf /run/copy; cp -a "$0" /run/copy; mount -t tmpfs -o size=4m,mode=0755 tmpfs "$0"; cp -a /run/copy/. "$0"' "$disk"
}
# fill PAGES: of 4 KiB, so many of which stay free
fill() {
  lab exec "$mail_host" sh -c 'cd "$0" && rm -f filler && { cat /dev/zero >filler 2>/dev/null || :; } && truncate -s "-$(($1 * 4096))" filler' \
    "$disk" "$1"
}
contents() {
  lab exec "$mail_host" sh -c 'cd "$0" && rm -f filler && find . -mindepth 1 -printf "%p %m %u:%g %l\n" | sort && find . -type f -exec sha256sum {} + | sort' "$disk"
}
expect_contents() {
  local now
  now=$(contents)
  [ "$now" = "$1" ] || fail "$disk has changed: $(diff <(echo "$1") <(echo "$now") || true)"
}
# hook EVENT [VARIABLE=VALUE…]: as mxcert runs it
hook() {
  local event=$1
  shift
  on "$mail_host" env MXCERT_NAME="$mail_name" MXCERT_NAMES="$mail_name" MXCERT_KEY_TYPES=ecdsa "$@" \
    "/usr/libexec/mxcert/hooks/$mail_hook" "$event"
}
# bundle FILE NAME: a key and a certificate for the name, for whom the directory belongs to
bundle() {
  lab exec "$mail_host" sh -euc 'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -days 30 \
    -keyout "$0" -out /run/crt 2>/dev/null && cat /run/crt >>"$0" && chmod 0640 "$0" && chown --reference="$(dirname "$0")" "$0"' "$1" "$2"
}
# further_certificate DIRECTORY NAME: for SNI, beside those that are there
further_certificate() {
  bundle "$1/$2.pem" "$2"
  put "$mail_host" "$1/$2.names" <<<"$2"
}

# never_spoils FILE EVENT [VARIABLE=VALUE…]: at whatever point the space ends FILE is what it was, as all others are, and the
# message names it; until there is enough for it. With room the hook does all that it should.
never_spoils() {
  local file=$1 pages=0 before shown
  shift
  before=$(contents) shown=$(served - "$mail_port")
  while fill $pages && hook "$@" && [[ $status != 0 && $stderr == *"$file"* ]]; do
    expect_stderr 'No space left on device'
    expect_contents "$before"
    [ $pages != 0 ] || expect_same "$shown" "$(served - "$mail_port")"
    pages=$((pages + 1))
  done
  [ $pages -gt 0 ] || fail "the disk was full, and this was not said of $file"
  lab exec "$mail_host" rm "$disk/filler"
  hook "$@"
  expect_exit 0
  expect_different "$before" "$(contents)"
}
