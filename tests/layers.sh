#!/bin/bash
# Checks that every #include keeps to the layers that ARCHITECTURE.md draws, that the headers of libraries are seen only
# where they belong, and that some things are called only by the function of ours that is there for them. Prints
# file:line for what does not; exit status 1 then.
#
#   tests/layers.sh
set -euo pipefail
set -f # patterns are compared, not expanded

cd "$(dirname "$0")/.."

# What the files of a folder may include besides their own.
declare -A may_use=(
  [base]=''
  [pki]='base'
  [dns]='base'
  [acme]='base'
  [mx]='pki dns base'
  [solve]='store pki dns base'
  [store]='pki dns base'
  [deploy]='pki dns base'
  [config]='deploy solve mx pki dns base'
  [report]='deploy mx store pki dns base'
  [issue]='report config acme solve mx store pki dns base'
  [app]='issue report config acme deploy solve mx store pki dns base'
  [main]='app config base'
)

# Which files may include a library, or a header of ours that brings one along. What begins like none of these may be
# included anywhere.
declare -A only_in=(
  [curl/]='acme/curl_transport.cc'
  [openssl/]='src/pki/*.cc src/pki/openssl.h acme/jose.cc src/deploy/tls_probe.cc src/solve/tls_alpn_listener.cc'
  [openssl/types.h]='src/pki/key.h' # declares names, brings nothing along
  [pki/openssl.h]='src/pki/*.cc src/pki/x509_builder.h src/deploy/tls_probe.cc src/solve/tls_alpn_listener.cc'
  [pki/x509_builder.h]='src/pki/*.cc'
  [unbound.h]='src/dns/unbound_resolver.cc'
  [idn2.h]='src/dns/idna.cc'
  [microhttpd.h]='src/solve/http01_listener.cc'
  [ldns/]='src/dns/update.cc src/dns/exchange.cc'
  [toml++/]='src/config/toml_section.h src/config/toml_section.cc'
  [config/toml_section.h]='src/config/*.cc'
  [CLI/]='src/config/cli.cc'
  [nlohmann/]='acme/*.cc src/*.cc src/report/json.h src/store/json.h'
  [report/json.h]='src/report/*.cc src/app/*.cc'
  [store/json.h]='src/store/*.cc'
  [spdlog/]='src/base/log.cc'
)

# Which files may call what a regular expression matches.
declare -A called_in=(
  # Waits that heed no stop, or no deadline: base/wait.h and Clock::sleep_for do. The listener's thread has its own end.
  ['(^|[^[:alnum:]_:])::(p?poll|p?select|epoll_wait|(u|nano)?sleep|getaddrinfo|getnameinfo)\(|this_thread::sleep']='src/base/wait.cc src/solve/tls_alpn_listener.cc'
  # What these throw is no Error: base/files.h has what is needed of std::filesystem but path, and JSON is read and
  # written where its exceptions are caught, do not come, or are about what we wrote ourselves.
  ['(^|[^[:alnum:]_])(fs|filesystem)::([^p]|p[^a])']='src/base/files.cc'
  ['json::parse\(']='acme/messages.cc acme/jose.cc src/store/json.cc src/deploy/description.cc src/deploy/journal.cc'
  ['\.dump\([0-9]*\)']='src/deploy/journal.cc'
)

violations=0
violation() {
  echo "$1: $2" >&2
  ((violations += 1))
}

layer_of() {
  case $1 in
    src/main.cc:*) layer=main ;;
    *) layer=${1#src/} layer=${layer%%/*} ;;
  esac
}

# check_layer FILE:LINE HEADER
check_layer() {
  local layer used=${2%%/*}
  layer_of "$1"
  if [ ! -v "may_use[$layer]" ]; then
    violation "$1" "$layer/ is not among the layers of tests/layers.sh"
  elif [[ $2 != */* || $2 == *..* || ! -v "may_use[$used]" ]]; then
    violation "$1" "\"$2\" does not begin with the folder of a layer"
  elif [[ $used != "$layer" && " ${may_use[$layer]} " != *" $used "* ]]; then
    violation "$1" "$layer/ may not include \"$2\", only: ${may_use[$layer]:-itself}"
  fi
}

# check_place FILE:LINE HEADER
check_place() {
  local file=${1%%:*} beginning pattern restricted=''
  for beginning in "${!only_in[@]}"; do
    [[ $2 == "$beginning"* ]] || continue
    restricted=yes
    for pattern in ${only_in[$beginning]}; do
      # shellcheck disable=SC2053  # a pattern
      if [[ $file == $pattern ]]; then return; fi
    done
  done
  [ -z "$restricted" ] || violation "$1" "$2 does not belong here: see only_in in tests/layers.sh"
}

# check_caller FILE:LINE PATTERN
check_caller() {
  local file=${1%%:*} allowed
  for allowed in ${called_in[$2]}; do
    if [ "$file" = "$allowed" ]; then return; fi
  done
  violation "$1" "only for ${called_in[$2]}: see called_in in tests/layers.sh"
}

for calls in "${!called_in[@]}"; do
  while read -r place; do
    check_caller "$place" "$calls"
  done < <(grep -rnE --include='*.h' --include='*.cc' "$calls" src acme | cut -d: -f1,2)
done

while IFS=$'\t' read -r place bracket header; do
  # In angle brackets or not, our folders are ours.
  if [ "$bracket" = '"' ] || [ -v "may_use[${header%%/*}]" ]; then check_layer "$place" "$header"; fi
  check_place "$place" "$header"
done < <(grep -rnE --include='*.h' --include='*.cc' '^[[:space:]]*#[[:space:]]*include' src acme |
  sed -E 's/^([^:]+:[0-9]+):[^<"]*([<"])([^>"]*).*/\1\t\2\t\3/')

[ "$violations" = 0 ] || exit 1
