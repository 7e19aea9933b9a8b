#!/bin/bash
# More names than one certificate may have: which name is on which certificate, and that it stays there.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
hosts() { for number; do echo "h$number A 192.0.2.1"; echo "h$number AAAA 2001:db8::1"; done; }
domains=()
# domain NAME HOST…: of p.example
domain() {
  domains+=("$1.p.example")
  for host in "${@:2}"; do records+="$1 MX 10 $host"$'\n'; done
}
# configured LIMIT [LINE]: of the zone's domains; nothing is installed
configured() {
  zone p.example <<<"$records$(hosts 1 2 3 4 5 6 7 8 9)"
  {
    standard_config "${domains[@]}" | sed '/^\[\[deploy\]\]/,$d'
    printf '[certificate]\nmax_names = %s\n%s\n' "$1" "${2:-}"
  } | put foo /etc/mxcert/mxcert.toml
}
# stored: each certificate with the names of its live version, the default one with a star
stored() {
  lab exec foo mxcert status --json | jq -r '[.certificates[] | select(.names and (.unplanned | not))
    | (if .default then "*" else "" end) + .name + ": " + (.names | sort | join(" "))] | sort | join("; ")' |
    sed 's/\.p\.example//g'
}
# planned: the same of what plan --json says
planned() {
  jq -r '[.certificates[] | (if .default then "*" else "" end) + .name + ": " + (.names | sort | join(" "))] | join("; ")' \
    <<<"$stdout" | sed 's/\.p\.example//g'
}

scene "the names that most domains use are on the default certificate, the others on further ones, with one warning"
records=''
domain a1 h1; domain a2 h1; domain a3 h1
domain b1 h2; domain b2 h2
for number in 3 4 5 6 7 8; do domain "c$number" "h$number"; done
configured 3
mxcert plan --json
expect_exit 0
expect_same '*h1: h1 h2 h3; h4: h4 h5 h6; h7: h7 h8' "$(planned)"
expect_json '[.warnings[] | select(.code == "sni_needed")] | length == 1
  and .[0].subject == "h1.p.example" and (.[0].message | test("3 of 8 names.*no SNI.*Postfix"))'
mxcert plan
expect_stdout_like '^certificate h1.p.example, the default one$'
expect_stdout_like '^certificate h4.p.example$'
ca_mark
mxcert issue --json
expect_exit 0
expect_ca_orders 3
expect_json '[.certificates[] | .name + " " + .result] == ["h1.p.example issued", "h4.p.example issued", "h7.p.example issued"]'
expect_same '*h1: h1 h2 h3; h4: h4 h5 h6; h7: h7 h8' "$(stored)"
for name in h1 h4 h7; do expect_file foo "$state/live/$name.p.example/privkey.pem" root:root 0600; done
on foo jq -c .default $state/certificates/{h1,h4,h7}.p.example/state.json
expect_same "true false false" "$(xargs <<<"$stdout")"
mxcert status
expect_stdout_like '^ +role +the default one: all that senders see that send no SNI$'
expect_stdout_like '^ +role +shown by SNI$'

scene "nothing is due for any of them, and the plan is the same as before"
ca_mark
mxcert issue
expect_exit 0
expect_ca_orders 0
mxcert renew
expect_exit 0
expect_no_output

scene "a domain more changes one certificate: the one that has room"
domain d9 h9
domain a4 h8
configured 3
ca_mark
mxcert issue --json
expect_exit 0
expect_ca_orders 1
expect_json '[.certificates[] | select(.action != "none") | .name] == ["h7.p.example"]'
expect_same '*h1: h1 h2 h3; h4: h4 h5 h6; h7: h7 h8 h9' "$(stored)"

scene "the default certificate stays that, though most domains use a name of another one by now"
for number in 1 2 3 4 5 6; do domain "e$number" h9; done
configured 3
mxcert plan --json
expect_same '*h1: h1 h2 h3; h4: h4 h5 h6; h7: h7 h8 h9' "$(planned)"
expect_json '[.certificates[].action] == ["none", "none", "none"]'

scene "one certificate that fails does not stop the others"
on foo rm -r $state
lab pebble restart '{"domainBlocklist": ["h4.p.example", "h5.p.example", "h6.p.example"]}'
records='' domains=()
domain a1 h1; domain a2 h1; domain a3 h2; domain a4 h2; domain a5 h3; domain a6 h3
for number in 4 5 6 7 8; do domain "c$number" "h$number"; done
configured 3
mxcert issue --json
expect_exit 1
expect_json '[.certificates[] | .result] == ["issued", "failed", "issued"]'
expect_same '*h1: h1 h2 h3; h7: h7 h8' "$(stored)"
lab pebble restart
mxcert issue
expect_exit 0
expect_same '*h1: h1 h2 h3; h4: h4 h5 h6; h7: h7 h8' "$(stored)"

scene "when certificates may have fewer names, a name leaves only when another certificate has it"
lab pebble restart '{"domainBlocklist": ["h3.p.example"]}'
configured 2
mxcert plan --json
expect_same '*h1: h1 h2; h3: h3 h6; h4: h4 h5; h7: h7 h8' "$(planned)"
expect_json '[.certificates[].action] == ["none", "issue", "none", "none"]'
mxcert renew # gets h6, and asks the CA when to renew
make_due h1.p.example
mxcert issue --json
expect_exit 1
expect_json '[.errors[].subject] == ["h3.p.example"]'
expect_json '[.warnings[] | select(.code == "name_moving") | .subject] == ["h3.p.example"]'
expect_json '[.certificates[] | .name + " " + .result] | sort == ["h1.p.example unchanged", "h3.p.example unchanged",
  "h4.p.example unchanged", "h7.p.example unchanged"]'
expect_same '*h1: h1 h2 h3; h3: h6; h4: h4 h5 h6; h7: h7 h8' "$(stored)"
lab pebble restart
mxcert issue --json
expect_exit 0
expect_json '[.certificates[] | select(.result == "issued") | .name] == ["h3.p.example", "h1.p.example"]'
expect_same '*h1: h1 h2; h3: h3 h6; h4: h4 h5 h6; h7: h7 h8' "$(stored)"
mxcert plan --json
expect_same '*h1: h1 h2; h3: h3 h6; h4: h4 h5; h7: h7 h8' "$(planned)"
expect_json '[.certificates[].action] == ["none", "none", "none", "none"]'

scene "when all fit on the default certificate again they go there, and the further ones are not renewed any more"
configured 100
mxcert issue --json
expect_exit 0
expect_json '[.warnings[] | select(.code == "certificate_unplanned") | .subject] == ["h3.p.example", "h4.p.example", "h7.p.example"]'
expect_same '*h1: h1 h2 h3 h4 h5 h6 h7 h8' "$(stored)"
mxcert status
expect_stdout_like '^ +role +not renewed: no name is planned for it$'
ca_mark
mxcert issue --json
expect_exit 0
expect_json '.certificates | length == 1 and .[0].action == "none"'
expect_ca_orders 0

scene "per host: each host has a certificate of its own, and the default one is that of most domains"
on foo rm -r $state
records='' domains=()
domain a1 h1; domain a2 h2; domain a3 h2; domain a4 h3
configured 100 $'pack = "per-host"\nextra_names = ["h9.p.example"]'
mxcert issue --json
expect_exit 0
expect_json '[.certificates[].name] == ["h2.p.example", "h1.p.example", "h3.p.example"]'
expect_same '*h2: h2 h9; h1: h1; h3: h3' "$(stored)"
domain a5 h3; domain a6 h3; domain a7 h4
configured 100 'extra_names = ["h9.p.example"]'
mxcert plan --json --pack per-host
expect_same '*h2: h2 h9; h1: h1; h3: h3; h4: h4' "$(planned)"
expect_json '[.certificates[].action] == ["none", "none", "none", "issue"]'
mxcert plan --json --pack per-domain
expect_problem 2 '--pack: per-domain is no way to pack names' 'per-host'
mxcert config check
expect_stdout_like '^certificate.pack +shared$'
