#!/bin/bash
# Finding the MX hosts of many mail domains and their addresses: `mxcert plan` side by side with adnshost (adns-tools),
# which asks the same questions, in a lab of its own (tests/lab):
#
#   tests/bench/plan.sh [--runs N] [--domains "10000 100000"] [--build DIR] [--keep]
#
#   --runs N    the median of N runs is shown (3)
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

keep='' runs=3 build='' domains=(10000 100000)
while [ $# -gt 0 ]; do
  case $1 in
    --keep) keep=yes ;;
    --runs) runs=${2:?}; shift ;;
    --domains) read -ra domains <<<"${2:?}"; shift ;;
    --build) build=$(cd "${2:?}" && pwd); shift ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done

on_bench() { "$lab" exec bench "$@"; }

# ---- the lab ------------------------------------------------------------------------------------------------------

# d1.own.example, d2.own.example, … have an MX host each; d1.shared.example, … all have the same one. The hosts are
# somebody else's, so that it is looking that is measured. Nothing is signed: adnshost does not validate.
zone() {
  seq "$2" | awk -v own="$([ "$1" = own ] && echo yes)" '
    BEGIN { if (!own) print "mx A 192.0.2.99\nmx AAAA 2001:db8::99" }
    own { printf "d%d MX 10 mx.d%d\nmx.d%d A 192.0.2.99\nmx.d%d AAAA 2001:db8::99\n", $1, $1, $1, $1; next }
    { printf "d%d MX 10 mx\n", $1 }'
}
names() { seq "$2" | sed "s/.*/d&.$1.example/"; }

lab_start() {
  local kind most
  most=$(printf '%s\n' "${domains[@]}" | sort -n | tail -n 1)
  "$lab" up
  "$lab" install "$build"
  "$lab" host add bench 192.0.2.77 2001:db8::77 clients
  for kind in own shared; do zone $kind "$most" | "$lab" zone --insecure $kind.example; done
  on_bench mkdir -p /bench
}

# ---- measuring ----------------------------------------------------------------------------------------------------

command_mxcert() { echo "exec mxcert plan --json --config /bench/mxcert.toml"; }
command_adnshost() { echo 'exec adnshost --asynch --type mx --pipe </bench/domains'; }

prepare() {
  names "$1" "$2" | on_bench tee /bench/domains >/dev/null
  printf 'state_dir = "/bench/state"\n[domains]\nfiles = ["/bench/domains"]\n' | on_bench tee /bench/mxcert.toml >/dev/null
  "$lab" resolver flush
}

# Domains for which an address of the MX host was found, in what a client printed.
found_mxcert() { on_bench jq '[.domains[] | select(.targets[0].addresses | length > 0)] | length' /bench/out; }
found_adnshost() { on_bench grep -cE ' MX 10 .* (INET |ok)' /bench/out || true; }

# measure CLIENT KIND DOMAINS: "wall user+system MiB found"; empty when nothing was found
measure() {
  local found
  prepare "$2" "$3"
  "command_$1" | on_bench tee /bench/command >/dev/null
  on_bench time -q -f '%e %U %S %M' -o /bench/result timeout 1800 sh -c 'exec sh /bench/command >/bench/out 2>/bench/err' || true
  found=$("found_$1") || found=0
  if [ "${found:-0}" -gt 0 ]; then
    on_bench awk -v found="$found" '{ printf "%.2f %.2f %.1f %d\n", $1, $2 + $3, $4 / 1024, found }' /bench/result
  else
    say "$1 failed with $3 domains: $(on_bench tail -n 1 /bench/err)"
  fi
}

row() {
  local run measured=''
  for ((run = 1; run <= runs; run++)); do
    say "$1, $3 domains ($2): run $run of $runs"
    measured+=$(measure "$1" "$2" "$3")$'\n'
  done
  measured=$(medians 4 <<<"$measured")
  if [ -z "$measured" ]; then
    echo "$1|failed"
    return
  fi
  if [ "$1" = mxcert ]; then reference=$measured; fi
  echo "$measured $reference" | awk -v client="$1" -v domains="$3" '
    function times(value, base) { return base > 0 ? sprintf("%.1fx", value / base) : "" }
    { printf "%s|%.1f s|%s|%d|%.1f s|%s|%.0f MiB|%s|%d\n", client, $1, times($1, $6), domains / $1, $2, times($2, $7),
             $3, times($3, $8), $4 }'
}

table() {
  local client reference='0 0 0 0 0'
  printf '\n%s domains, %s\n\n' "$2" "$([ "$1" = own ] && echo 'each with an MX host of its own' || echo 'all with the same MX host')"
  {
    echo 'client|wall||domains/s|CPU||memory||found'
    for client in mxcert adnshost; do row "$client" "$1" "$2" >"$rows"; cat "$rows"; done
  } | align
}

finish() {
  rm -f "$rows"
  if [ -n "$keep" ]; then say "the lab is up: MXCERT_LAB_DIR=$MXCERT_LAB_DIR $lab exec bench …"; else "$lab" down; fi
}

if [ -z "$build" ]; then
  build=$repo/build/release
  (cd "$repo" && cmake --preset release && cmake --build "$build" --target mxcert) >&2
fi
rows=$(mktemp)
trap finish EXIT
trap 'exit 130' INT TERM
lab_start
for count in "${domains[@]}"; do
  for kind in own shared; do table $kind "$count"; done
done
