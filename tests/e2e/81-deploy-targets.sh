#!/bin/bash
# Several certificates and several targets: which certificate goes where, who is shown what, and what becomes of one that
# the plan has no use for any more.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
live() { lab exec foo openssl x509 -noout -fingerprint -sha256 -in "$state/live/$1.p.example/cert.pem" | sed 's/.*=//'; }
deployment() { get foo "$state/certificates/$1.p.example/state.json" | jq -r ".deployments[\"$2\"].$3"; }
# expect_shown NAME|- CERTIFICATE: on each port, who asks for NAME is shown the live version of CERTIFICATE
expect_shown() {
  for port in 25 465; do expect_same "$(live "$2")" "$(served "$1" "$port")"; done
}
# configured HOST…: these hosts, the first for most domains, and a second target that takes all but the first; with $takes
# both take only these
takes=
configured() {
  local host records='' domains=() all_but_first='"h2.p.example", "h3.p.example"'
  for host; do
    records+="$host A 192.0.2.1"$'\n'"$host AAAA 2001:db8::1"$'\n'"for-$host MX 10 $host"$'\n'
    domains+=("for-$host.p.example")
  done
  zone p.example <<<"${records}more MX 10 $1"
  {
    standard_config "${domains[@]}" more.p.example
    cat <<TOML
configure = true
${takes:+certificates = [$takes]}

[[deploy]]
hook = "files"
certificates = [${takes:-$all_but_first}]
files = [{ path = "/etc/copies/{name}.pem", content = "bundle", group = "mail", mode = "0640" }]
reload = ["touch", "/run/copied"]

[certificate]
pack = "per-host"
TOML
  } | put foo /etc/mxcert/mxcert.toml
}

scene "of three certificates one is shown to who says no name, and the others to who asks for theirs"
lab exim-setup unsplit
lab exec foo mkdir /etc/copies
own=$(lab exec foo sha256sum /etc/exim4/exim.key /etc/exim4/exim.crt)
configured h1 h2 h3
mxcert issue
expect_exit 0
expect_shown - h1
for host in h1 h2 h3; do expect_shown "$host.p.example" $host; done
expect_same "verified null" "$(deployment h1 exim state) $(deployment h1 exim by_sni)"
expect_same "verified true" "$(deployment h2 exim state) $(deployment h2 exim by_sni)"

scene "a target that takes some has its own default one, and files where the configuration lists them"
expect_no_file foo /etc/copies/h1.p.example.pem
for host in h2 h3; do
  expect_file foo /etc/copies/$host.p.example.pem root:mail 0640
  expect "$lab" exec foo cmp /etc/copies/$host.p.example.pem $state/live/$host.p.example/bundle.pem
done
lab exec foo test -e /run/copied
expect_same "null null" "$(deployment h1 files state) $(deployment h2 files by_sni)"
expect_same true "$(deployment h3 files by_sni)"

scene "all of that is in service: renew has nothing to say"
ca_mark
mxcert renew
expect_exit 0
expect_no_output
expect_ca_orders 0
mxcert deploy
expect_exit 0
expect_stdout_like '^h1.p.example: deployed version 0001'

scene "the default one is not taken away while others are there; one of these is, and alone"
mxcert rollback h1.p.example
expect_problem 1 'it is the default one there, beside h2.p.example, h3.p.example' 'mxcert rollback h2.p.example'
expect_shown - h1
mxcert rollback h3.p.example
expect_exit 0
expect_shown - h1
expect_shown h3.p.example h1
expect_shown h2.p.example h2
expect_no_file foo /etc/copies/h3.p.example.pem
mxcert renew
expect_no_stdout
expect_shown h3.p.example h1
mxcert deploy h3.p.example
expect_exit 0
expect_shown h3.p.example h3

scene "a certificate that the plan has no use for any more is taken away, and the others stay"
configured h1 h2
mxcert issue --prune
expect_exit 0
expect_shown h3.p.example h1
expect_shown h2.p.example h2
expect_shown - h1
expect_no_file foo /etc/copies/h3.p.example.pem
expect_same null "$(deployment h3 exim state)"
mxcert deploy h3.p.example
expect_problem 1 'the plan has no use for h3.p.example any more'
mxcert renew
expect_exit 0
expect_no_output

scene "a target whose patterns name nothing is told"
get foo /etc/mxcert/mxcert.toml | sed 's/"h2.p.example", "h3.p.example"/"h9.p.example"/' >"$work/toml"
put foo /etc/mxcert/mxcert.toml <"$work/toml"
mxcert issue
expect_exit 0
expect_stderr_like 'files takes none of the certificates that there are: h1.p.example, h2.p.example'

scene "a target's default certificate changes: who sends no SNI sees the new one, who asks for the old one's names still that"
takes='"h2.p.example", "h3.p.example"'
configured h1 h2 h3
mxcert issue
expect_exit 0
expect_shown - h2
expect_shown h2.p.example h2
expect_shown h3.p.example h3
takes='"h3.p.example", "h2.p.example"'
configured h1 h2 h3
mxcert issue
expect_exit 0
expect_shown - h3
expect_shown h3.p.example h3
expect_shown h2.p.example h2
expect_same "verified true" "$(deployment h2 exim state) $(deployment h2 exim by_sni)"
expect_same "verified null" "$(deployment h3 exim state) $(deployment h3 exim by_sni)"
expect_same null "$(deployment h1 exim state)"
on foo ls /etc/exim4/mxcert-sni
expect_same "default h2.p.example.names h2.p.example.pem map" "$(xargs <<<"$stdout")"
for host in h2 h3; do expect "$lab" exec foo cmp /etc/copies/$host.p.example.pem $state/live/$host.p.example/bundle.pem; done
mxcert renew
expect_exit 0
expect_no_stdout

scene "the further one is taken away, and then the default one: what was there before mxcert came is there again"
mxcert rollback h2.p.example
expect_exit 0
expect_shown h2.p.example h3
expect_no_file foo /etc/exim4/mxcert-sni
mxcert rollback h3.p.example
expect_exit 0
expect_stdout_like '^h3.p.example: withdrawn'
for port in 25 465; do expect_self_signed $port; done
expect_same "$own" "$(lab exec foo sha256sum /etc/exim4/exim.key /etc/exim4/exim.crt)"
on foo sh -c 'find /etc/exim4 /etc/copies -name "*mxcert*" -o -name "*p.example*"; grep -rl mxcert /etc/exim4 /var/lib/exim4'
expect_no_stdout
mxcert renew
expect_no_stdout
expect_self_signed 25
