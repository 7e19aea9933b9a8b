#!/bin/bash
# Whatever a CA answers: mxcert ends within its deadline, says what was wrong and what to do, in words that no terminal
# obeys, and nothing was stored as live or installed. The ways to misbehave are lines of tests/hostile/cases.
. "$(dirname "$0")/lib.sh"

results=$MXCERT_LAB_DIR/share/hostile-results
mkdir -p "$results"
cut -s -d'|' -f1,4,5 "$hostile/cases" | tr -d ' ' | grep -v '^#' | awk '{ print $0 "|" 20000 + NR }' >"$results/runs"
# Where TLS goes wrong before there is a directory, the port says how.
tls_runs=(untrusted:1 expired:2 wrong-name:3 not-tls:4 silent:5)

# One line "NAME|SECONDS|CODE|VALIDATION_PORT[|PORT]" for each run; six at a time. The CA looks for tokens where mxcert listens.
put foo /root/run-all <<'RUN'
#!/bin/bash
results=$1 trust=$2
run() {
  local out=$results/$1 began=$EPOCHREALTIME
  mxcert issue --json --state-dir "/root/hostile/$1" --domain example.com --domain second.example \
    --email postmaster@example.com --agree-tos --ca "https://ca.lab.example:$3/$4/$1/dir" --ca-trust "$trust" \
    --timeout "$2" --listen "192.0.2.1:$4" $5 >"$out.stdout" 2>"$out.stderr" </dev/null
  echo "$? $(((${EPOCHREALTIME/./} - ${began/./}) / 1000))" >"$out.end"
  (cd "/root/hostile/$1" && find live tmp certificates -mindepth 1 -path 'certificates/*/0*' -o -mindepth 1 -not -path 'certificates*') >"$out.stored" 2>&1
}
while IFS='|' read -r name seconds code port ca_port; do
  while [ "$(jobs -rp | wc -l)" -ge 6 ]; do wait -n; done
  # What is issued is not installed: everything else would be.
  case $code in -) to='' ;; *) to='--deploy exim' ;; esac
  run "$name" "$seconds" "${ca_port:-14100}" "$port" "$to" &
done
wait
RUN

scene "a hundred ways to misbehave, one run each"
start_hostile_ca
mark
{
  cat "$results/runs"
  for tls in "${tls_runs[@]}"; do echo "tls-${tls%:*}|4|x|2100${tls#*:}|1410${tls#*:}"; done
} | "$lab" exec foo bash /root/run-all "$results" "$hostile_folder/trust.pem"
expect_untouched

# trim TEXT: into $trimmed
trim() {
  trimmed=${1#"${1%%[![:space:]]*}"}
  trimmed=${trimmed%"${trimmed##*[![:space:]]}"}
}

# expect_result NAME SECONDS CODE MESSAGE
expect_result() {
  local ms
  [ -e "$results/$1.end" ] || fail "it never ended"
  read -r status ms <"$results/$1.end"
  stdout=$(tr -d '\0' <"$results/$1.stdout")
  stderr=$(tr -d '\0' <"$results/$1.stderr")
  { sed 's/^/  | /' "$results/$1.stdout" | cut -c1-3000; sed 's/^/  ! /' "$results/$1.stderr" | cut -c1-3000 | cat -v; } >>"$transcript"
  [ "$ms" -lt $((($2 + 15) * 1000)) ] || fail "it took $ms ms"
  ! LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80\xae' "$results/$1.stderr" "$results/$1.stdout" ||
    fail "something that a terminal obeys was printed"
  if [ "$3" = - ]; then
    expect_exit 0
    expect_json '.certificates[0].result == "issued"'
    return
  fi
  expect_exit 1
  expect_json "any(.errors[]; (.code | test(\"^$3\$\")) and (.message | test(\"$4\")))
    and all(.errors[]; .hint != \"\" and (.message | length < 4000 and (contains(\"\n\") | not)))
    and .certificates[0].result == \"failed\" and .certificates[0].certificate_version == null"
  [ ! -s "$results/$1.stored" ] || fail "stored: $(cat "$results/$1.stored")"
}

failures=0
while IFS='|' read -r name where does seconds code message; do
  for column in name where does seconds code message; do
    trim "${!column}"
    printf -v "$column" '%s' "$trimmed"
  done
  case $name in '' | '#'*) continue ;; esac
  scene "$name: $where: $does"
  (expect_result "$name" "$seconds" "$code" "$message") || { ((failures += 1)); scene_name=''; }
done <"$hostile/cases"

for tls in untrusted:ca_not_trusted expired:ca_not_trusted wrong-name:ca_not_trusted not-tls:ca_connection_broken silent:ca_timeout; do
  scene "TLS: ${tls%:*}"
  (expect_result "tls-${tls%:*}" 4 "${tls#*:}" '') || { ((failures += 1)); scene_name=''; }
done

scene "an order that the CA spoiled for good does not stand in the way of the next run"
sed -n 's/^once-/&/p' "$results/runs" | awk -F'|' -v OFS='|' '{ $3 = "-"; print }' >"$work/again"
[ -s "$work/again" ]
"$lab" exec foo bash /root/run-all "$results" "$hostile_folder/trust.pem" <"$work/again"
while IFS='|' read -r name seconds _; do (expect_result "$name" "$seconds" - '') || ((failures += 1)); done <"$work/again"
[ "$failures" = 0 ] || { scene_name=''; exit 1; }
