#!/bin/bash
# First issuance by mxcert and by Debian's other ACME clients, side by side, in a lab of its own (tests/lab):
#
#   tests/bench/issue.sh [--quick] [--runs N] [--names "1 10 100"] [--rtt "0 50"] [--clients "mxcert certbot"]
#                        [--build DIR] [--keep]
#
#   --quick     leave out what takes minutes: lego and dehydrated with more than 10 names
#   --runs N    the median of N runs is shown (3); one run of what takes long
#   --build     measure what is built there, as it is, in a folder of this repository; without, build/release is built first
#   --keep      leave the lab up, for a closer look
#
# Needs root. README.md tells how to read what it prints.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
lab=$repo/tests/lab/lab
export MXCERT_LAB_DIR=${MXCERT_LAB_DIR:-/run/mxcert-lab-bench}
. "$here/lib.sh"

quick='' keep='' runs=3 build=''
names=(1 10 100) round_trips=(0 50) clients=(mxcert certbot lego dehydrated uacme)
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=yes ;;
    --keep) keep=yes ;;
    --runs) runs=${2:?}; shift ;;
    --names) read -ra names <<<"${2:?}"; shift ;;
    --rtt) read -ra round_trips <<<"${2:?}"; shift ;;
    --clients) read -ra clients <<<"${2:?}"; shift ;;
    --build) build=$(cd "${2:?}" && pwd); shift ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done

on_bench() { "$lab" exec bench "$@"; }

# ---- the lab ------------------------------------------------------------------------------------------------------

# Host bench has every client; d1.bench.example to d100.bench.example have their MX there, each under its own name.
address=192.0.2.77
most_names=$(printf '%s\n' "${names[@]}" | sort -n | tail -n 1)
mx_hosts() { local i; for ((i = 1; i <= $1; i++)); do echo "mx.d$i.bench.example"; done; }
mail_domains() { local i; for ((i = 1; i <= $1; i++)); do echo "d$i.bench.example"; done; }
zone() { local i; for ((i = 1; i <= $1; i++)); do printf 'd%d MX 10 mx.d%d\nmx.d%d A %s\n' "$i" "$i" "$i" "$address"; done; }

lab_start() {
  "$lab" up
  "$lab" install "$build"
  "$lab" host add bench "$address" 2001:db8::77 clients
  zone "$most_names" | "$lab" zone bench.example
  on_bench mkdir -p /bench/webroot/.well-known/acme-challenge
  on_bench tee /bench/ca-bundle.pem <"$("$lab" ca-trust)" >/dev/null
}

# A port of the CA for each round trip time. Pebble makes its URLs from the Host header: they lead through it too.
ca_port() { if [ "$1" = 0 ]; then echo 14000; else echo $((20000 + $1)); fi; }
directory() { echo "https://ca.lab.example:$(ca_port "$1")/dir"; }
proxy_start() {
  [ "$1" != 0 ] || return 0
  # shellcheck disable=SC2016  # expanded in the host
  "$lab" exec ca sh -c 'setsid "$@" >/dev/null 2>&1 </dev/null &' sh "$build/delay_proxy" "$(ca_port "$1")" 14000 "$1"
}

ca_restart() { "$lab" pebble restart PEBBLE_VA_NOSLEEP=1 PEBBLE_AUTHZREUSE=0 PEBBLE_WFE_NONCEREJECT=0; }
ca_requests() { "$lab" exec ca grep -c ' -> calling handler' /var/log/pebble.log || true; }

# ---- the clients --------------------------------------------------------------------------------------------------
#
# Each makes an account and gets one certificate with a P-256 key for the names, by http-01, from scratch.
# command_CLIENT NAMES ROUND_TRIP writes the script that is measured to stdout; prepare_CLIENT what has to be there before.

trust=/bench/ca-bundle.pem
state=/bench/state
email=postmaster@bench.example
name_options() { mx_hosts "$2" | sed "s/^/$1 /" | tr '\n' ' '; }

# The only one to look for the names itself: DNS lookups, validated, are part of its time.
prepare_mxcert() {
  on_bench tee /bench/mxcert.toml >/dev/null <<CONFIG
contact   = ["$email"]
agree_tos = true
state_dir = "$state"
[ca]
directory = "$(directory "$2")"
trust     = "$trust"
[domains]
list = [$(mail_domains "$1" | sed 's/.*/"&",/' | tr '\n' ' ')]
[certificate]
keys = ["ecdsa-p256"]
CONFIG
}
command_mxcert() { echo "exec mxcert issue --config /bench/mxcert.toml"; }

prepare_certbot() { :; }
command_certbot() {
  echo "REQUESTS_CA_BUNDLE=$trust exec certbot certonly --non-interactive --agree-tos --email $email --no-eff-email \
    --standalone --key-type ecdsa --elliptic-curve secp256r1 --server $(directory "$2") \
    --config-dir $state --work-dir $state --logs-dir $state $(name_options -d "$1")"
}

prepare_lego() { :; }
command_lego() {
  echo "LEGO_CA_CERTIFICATES=$trust exec lego --accept-tos --email $email --http --key-type ec256 \
    --server $(directory "$2") --path $state $(name_options -d "$1") run"
}

# Needs a web server, which is not measured. The account key is RSA, as certbot's.
prepare_dehydrated() {
  on_bench tee /bench/dehydrated.conf >/dev/null <<CONFIG
CA="$(directory "$2")"
CONTACT_EMAIL=$email
BASEDIR=$state
WELLKNOWN=/bench/webroot/.well-known/acme-challenge
KEY_ALGO=prime256v1
KEYSIZE=2048
CURL_OPTS="--cacert $trust"
CONFIG
  web_server_start
}
command_dehydrated() {
  echo "dehydrated --config /bench/dehydrated.conf --register --accept-terms &&
    exec dehydrated --config /bench/dehydrated.conf --cron $(name_options -d "$1")"
}

# The same, and a hook that writes the file.
prepare_uacme() {
  # shellcheck disable=SC2016  # the hook's own
  printf '#!/bin/sh\n%s\n%s\n' '[ "$2" = http-01 ] || exit 1' \
    '[ "$1" != begin ] || printf %s "$5" >"/bench/webroot/.well-known/acme-challenge/$4"' |
    on_bench tee /bench/uacme-hook >/dev/null
  on_bench chmod 0755 /bench/uacme-hook
  on_bench cp "$trust" /usr/local/share/ca-certificates/lab.crt
  on_bench update-ca-certificates >/dev/null 2>&1
  web_server_start
}
command_uacme() {
  echo "uacme --yes --confdir $state --type EC --acme-url $(directory "$2") new $email &&
    exec uacme --yes --confdir $state --type EC --bits 256 --acme-url $(directory "$2") --hook /bench/uacme-hook \
    issue $(mx_hosts "$1" | tr '\n' ' ')"
}

web_server_start() {
  # shellcheck disable=SC2016  # expanded in the host
  on_bench sh -c 'setsid busybox httpd -f -p "$0:80" -h /bench/webroot >/dev/null 2>&1 </dev/null &
    echo $! >/run/webserver.pid' "$address"
}
# shellcheck disable=SC2016  # expanded in the host
web_server_stop() { on_bench sh -c '[ ! -e /run/webserver.pid ] || { kill "$(cat /run/webserver.pid)"; rm /run/webserver.pid; }'; }

# Takes seconds for each name: one after the other, with a fixed sleep. One run shows it well enough.
is_slow() { case $1 in lego | dehydrated) [ "$2" -ge 10 ] ;; *) return 1 ;; esac; }
takes_minutes() { is_slow "$1" "$2" && [ "$2" -gt 10 ]; }

# ---- measuring ----------------------------------------------------------------------------------------------------

# measure CLIENT NAMES ROUND_TRIP: "wall user+system MiB requests", seconds; empty when it did not get the certificate
measure() {
  local before after
  on_bench rm -rf "$state" /bench/result
  on_bench mkdir -m 0700 "$state"
  ca_restart
  "prepare_$1" "$2" "$3"
  "command_$1" "$2" "$3" | on_bench tee /bench/command >/dev/null
  before=$(ca_requests)
  # As under cron: no terminal, nothing of ours in the environment.
  if on_bench time -q -f '%e %U %S %M' -o /bench/result timeout 1800 sh /bench/command >"$log" 2>&1 </dev/null; then
    after=$(ca_requests)
    # shellcheck disable=SC2016  # awk's
    on_bench awk -v requests=$((after - before)) '{ printf "%.2f %.2f %.1f %d\n", $1, $2 + $3, $4 / 1024, requests }' /bench/result
  else
    say "$1 failed with $2 names: $(tail -n 1 "$log")"
  fi
  web_server_stop
}

# row CLIENT NAMES ROUND_TRIP: one line of the table, cells between bars. Also remembers mxcert's own for the ratios.
row() {
  local count=$runs run measured=''
  if [ -n "$quick" ] && takes_minutes "$1" "$2"; then
    echo "$1|left out"
    return
  fi
  if is_slow "$1" "$2"; then count=1; fi
  for ((run = 1; run <= count; run++)); do
    say "$1, $2 names, $3 ms: run $run of $count"
    measured+=$(measure "$1" "$2" "$3")$'\n'
  done
  measured=$(medians 4 <<<"$measured")
  if [ -z "$measured" ]; then
    echo "$1|failed"
    return
  fi
  if [ "$1" = mxcert ]; then
    reference=$measured
    echo "$measured" >"$reference_file"
  fi
  echo "$measured $reference" | awk -v client="$1" -v names="$2" '
    function times(value, base) { return base > 0 ? sprintf("%.1fx", value / base) : "" }
    { printf "%s|%.2f s|%s|%.2f s|%s|%.0f MiB|%s|%d|%.1f|%d\n", client, $1, times($1, $6), $2, times($2, $7),
             $3, times($3, $8), $4, $4 / names, $5 }'
}

# How long finding the names takes, which the other clients leave to the administrator.
plan_seconds() {
  prepare_mxcert "$1" 0
  on_bench rm -rf "$state"
  on_bench mkdir -m 0700 "$state"
  on_bench time -q -f %e -o /bench/result mxcert plan --config /bench/mxcert.toml >"$log" 2>&1 </dev/null || true
  on_bench cat /bench/result
}

# What one signed request takes at least: the median of some answers over a connection that is there, in seconds.
round_trip_seconds() {
  local url
  url=$(directory "$1" | sed 's,/dir$,/nonce-plz,')
  # shellcheck disable=SC2046  # one URL for each request
  on_bench curl -sS --cacert "$trust" --head -o /dev/null -w '%{num_connects} %{time_pretransfer} %{time_starttransfer}\n' \
    $(for ((i = 0; i < 20; i++)); do printf '%s -o /dev/null ' "$url"; done) |
    awk '$1 == 0 { print $3 - $2 }' | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# Processor time that the CA has used, in seconds.
ca_processor_time() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$1/stat"; }

# What the CA takes for itself, without any delay: "REQUESTS VALIDATION", seconds. Its processor time for all requests
# until the last challenge is shown, on all cores; and from there to the certificate, by what mxcert tells of its steps.
ca_seconds() {
  local pebble before
  prepare_mxcert "$1" 0
  on_bench rm -rf "$state"
  on_bench mkdir -m 0700 "$state"
  ca_restart
  pebble=$(pgrep -x -P "$("$lab" host pid ca)" pebble)
  before=$(ca_processor_time "$pebble")
  on_bench mxcert -v issue --config /bench/mxcert.toml 2>&1 >/dev/null </dev/null |
    while read -r line; do
      case $line in
        *'the CA validates'*) echo "$EPOCHREALTIME $(ca_processor_time "$pebble")" ;;
        *'has issued'*) echo "$EPOCHREALTIME" ;;
      esac
    done |
    awk -v before="$before" -v cores="$(nproc)" 'NR == 1 { began = $1; used = $2 - before }
      END { printf "%.3f %.3f\n", used / cores, $1 - began }'
}

# limit NAMES ROUND_TRIP WALL: the least time that one connection and 2 requests a name plus 30 allow. Those 30 leave 22
# for nonces, and each request needs one: no more than 22 are under way at once.
limit() {
  local rounds=$((2 + 4 + 2 * (($1 + 21) / 22) + 4)) ca  # see README.md
  read -ra ca <<<"$(ca_seconds "$1")"
  awk -v rounds="$rounds" -v trip="$(round_trip_seconds "$2")" -v plan="$(plan_seconds "$1")" -v requests="${ca[0]}" \
    -v validation="${ca[1]}" -v wall="$3" 'BEGIN {
      limit = plan + rounds * trip + requests + validation
      printf "The limit is %.2f s: finding the names %.2f s, %d round trips of %.1f ms %.2f s, the CA'\''s processor time for " \
             "the requests %.2f s, its validation and signing %.2f s. ",
             limit, plan, rounds, trip * 1000, rounds * trip, requests, validation
      printf "mxcert takes %.2f times that.\n", wall / limit }'
}

table() {
  printf '\n%s names, round trip to the CA %s ms\n\n' "$1" "$2"
  local client reference='0 0 0 0 0'
  : >"$reference_file" # without mxcert's own figures there is no limit to compare
  {
    echo 'client|wall||CPU||memory||requests|a name|runs'
    for client in "${clients[@]}"; do row "$client" "$1" "$2" >"$rows"; cat "$rows"; done
  } | align
  # The rows are made in a process of their own: what is read here is what mxcert's left behind.
  if [ -s "$reference_file" ]; then
    echo
    limit "$1" "$2" "$(cut -d ' ' -f 1 "$reference_file")"
  fi
  if [ -n "$quick" ] && [ "$1" -gt 10 ]; then printf '\nleft out: what takes minutes (--quick)\n'; fi
}

finish() {
  rm -f "$log" "$rows" "$reference_file"
  if [ -n "$keep" ]; then say "the lab is up: MXCERT_LAB_DIR=$MXCERT_LAB_DIR $lab exec bench …"; else "$lab" down; fi
}

if [ -z "$build" ]; then
  build=$repo/build/release
  (cd "$repo" && cmake --preset release && cmake --build "$build" --target mxcert delay_proxy) >&2
fi
log=$(mktemp) rows=$(mktemp) reference_file=$(mktemp)
trap finish EXIT
trap 'exit 130' INT TERM
lab_start
for round_trip in "${round_trips[@]}"; do proxy_start "$round_trip"; done
for round_trip in "${round_trips[@]}"; do
  for count in "${names[@]}"; do table "$count" "$round_trip"; done
done
