#!/bin/bash
# Installs what mxcert needs to be built and tested on Debian 12 and 13, with apt. Does nothing when nothing is missing.
# Daemons that the tests need are not installed here: they go into the lab's own layers (tests/lab).
#
#   contrib/bootstrap.sh [--build] [--lab] [--test]     default: all; --lab: what tests/lab and the tests run with,
#                                                       --test: that, and the linters
set -euo pipefail

build=(g++ cmake ninja-build ccache pkg-config libcurl4-openssl-dev libssl-dev nlohmann-json3-dev libcli11-dev
  libunbound-dev libldns-dev libidn2-dev libtomlplusplus-dev libmicrohttpd-dev libfmt-dev libspdlog-dev catch2
  ca-certificates)
lab=(jq openssl curl iproute2 util-linux procps debian-archive-keyring debootstrap)
test=("${lab[@]}" netbase git clang-format clang-tidy shellcheck mandoc)

wanted=()
[ $# -gt 0 ] || set -- --build --test
for argument; do
  case $argument in
    --build) wanted+=("${build[@]}") ;;
    --lab) wanted+=("${lab[@]}") ;;
    --test) wanted+=("${test[@]}") ;;
    *) echo "usage: contrib/bootstrap.sh [--build] [--lab] [--test]" >&2; exit 2 ;;
  esac
done

installed=$(dpkg-query --show --showformat '${Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p')
missing=()
for package in "${wanted[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "bootstrap: packages are missing, and this is neither root nor has it sudo; hint: as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "bootstrap: installing ${missing[*]}" >&2
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "bootstrap: apt failed" >&2
  exit 1
fi
