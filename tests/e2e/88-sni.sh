#!/bin/bash
# More MX names than one certificate may hold: the default certificate and further ones that Exim shows by SNI, from the plan
# to what each sender sees.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
map=/etc/exim4/mxcert-sni/map
# domains NUMBER…: of s.example, each with an MX host of its own, which is foo
domains() {
  local number records='' list=()
  for number; do
    records+="d$number MX 10 h$number"$'\n'"h$number A 192.0.2.1"$'\n'"h$number AAAA 2001:db8::1"$'\n'
    list+=("d$number.s.example")
  done
  zone s.example <<<"$records"
  {
    standard_config "${list[@]}"
    printf '%s\n' "${deploy_line:-configure = false}" '[certificate]' 'max_names = 3' "${certificate_line:-reuse_key = true}"
  } | put foo /etc/mxcert/mxcert.toml
}
fingerprint() { lab exec foo openssl x509 -noout -in "$state/live/$1.s.example/${2:-}cert.pem" -fingerprint -sha256 | sed 's/.*=//'; }
# expect_shows CERTIFICATE HOST…|-: this one is shown to who asks for these hosts, or for nothing; on port 465 only the last
# is tried
expect_shows() {
  local host name wanted
  wanted=$(fingerprint "$1")
  for host in "${@:2}"; do
    name=$host.s.example
    [ "$host" != - ] || name=-
    expect_same "$name $wanted" "$name $(served "$name" 25)"
  done
  expect_same "$name 465 $wanted" "$name 465 $(served "$name" 465)"
}
# expect_sender HOST…: who wants to deliver to the host, says so by SNI, and trusts the CA, is satisfied
expect_sender() {
  local host
  "$lab" ca-root >"$MXCERT_LAB_DIR/share/ca-root.pem" 2>"$work/ca-root"
  for host; do
    expect "$lab" exec client openssl s_client -connect '[2001:db8::1]:25' -starttls smtp -name client.lab.example -brief \
      -servername "$host.s.example" -verify_hostname "$host.s.example" -verify_return_error -CAfile "$MXCERT_LAB_DIR/share/ca-root.pem"
  done
}

scene "the default certificate is in service; for the others the lines to write are told, and nothing is changed"
domains 1 2 3 4 5 6 7
mxcert issue
expect_exit 1
expect_stdout_like '^h1.s.example: issued version 0001 for 3 names'
expect_stderr_like '^mxcert: error: h4.s.example: exim: nothing installed: '
expect_stderr_like '^mxcert: error: h7.s.example: exim: nothing installed: '
expect_stderr_like '^ +# in /etc/exim4/exim4.conf.localmacros, at its end$'
expect_stderr_like '^ +MAIN_TLS_CERTIFICATE == .*lookup\{\$\{lc:\$tls_in_sni\}\}lsearch\{/etc/exim4/mxcert-sni/map\}'
expect_shows h1 - h1 h3
expect_no_file foo /etc/exim4/mxcert-sni
on foo grep -r mxcert /etc/exim4/exim4.conf.localmacros
expect_no_output

scene "configure = true: every name is served by SNI, the default one without, and all of that is proven"
deploy_line='configure = true'
domains 1 2 3 4 5 6 7
ca_mark
mxcert issue
expect_exit 0
expect_ca_orders 0
expect_shows h1 - h1 h2 h3
expect_shows h4 h4 h5 h6
expect_shows h7 h7
expect_sender h1 h2 h3 h4 h5 h6 h7
expect_file foo $map root:Debian-exim 0640
expect_file foo /etc/exim4/mxcert-sni/h4.s.example.pem root:Debian-exim 0640
expect_no_leftovers
mxcert renew
expect_exit 0
expect_no_output
mxcert deploy --json
expect_exit 0
expect_json '[.certificates[].deployments[].result] == ["unchanged", "unchanged", "unchanged"]'

scene "a renewal of one changes what its names show, and nothing else"
before=$(fingerprint h7)
domains 1 2 3 4 5 6 7 8
mxcert issue
expect_exit 0
expect_stdout_like '^h7.s.example: issued version 0002 for 2 names'
expect_not_stdout 'h4.s.example: issued'
expect_different "$before" "$(fingerprint h7)"
expect_shows h7 h7 h8
expect_shows h4 h4 h6
expect_shows h1 - h1
expect_sender h8

scene "rollback of one changes what its names show, and nothing else"
mxcert rollback h7.s.example
expect_exit 0
expect_stdout_like '^h7.s.example: rolled back to version 0001'
expect_same "$before" "$(fingerprint h7)"
expect_shows h7 h7
expect_shows h1 - h1 h8
expect_shows h4 h5
mxcert issue
expect_exit 0
expect_shows h7 h7 h8

scene "rollback of the first version takes a certificate out of service: its names show the default one, the others as before"
mxcert rollback h4.s.example
expect_exit 0
expect_stdout_like '^h4.s.example: withdrawn'
expect_shows h1 - h4 h5 h6
expect_shows h7 h7 h8
expect_no_file foo /etc/exim4/mxcert-sni/h4.s.example.pem
mxcert issue
expect_exit 0
expect_shows h4 h4 h5 h6

scene "one further certificate that the CA refuses does not stop the others"
all_hosts=(1 2 3 4 5 6 7 8 9 91 92 93 94)
lab pebble restart '{"domainBlocklist": ["h91.s.example", "h92.s.example", "h93.s.example"]}'
domains "${all_hosts[@]}"
mxcert issue
expect_exit 1
expect_stderr_like '^mxcert: error: h91.s.example: '
expect_shows h7 h7 h8 h9
expect_shows h94 h94
expect_shows h1 - h1 h91
expect_shows h4 h4
lab pebble restart
mxcert issue
expect_exit 0
expect_sender h91 h92 h93
expect_shows h91 h91 h93
expect_shows h1 -

scene "a file for SNI whose key is another one's takes nothing else down: deploy puts it right"
lab exec foo sh -c 'cd /etc/exim4/mxcert-sni && { sed "/END PRIVATE/q" h7.s.example.pem && sed "1,/END PRIVATE/d" h4.s.example.pem; } >/run/mixed && cat /run/mixed >h4.s.example.pem'
expect_shows h1 - h1
expect_shows h7 h7
mxcert deploy
expect_exit 0
expect_shows h4 h4 h5

scene "with two keys each is shown to who takes nothing else, by SNI and without"
# expect_key SNI|- SIGNATURES CERTIFICATE: of the store
expect_key() {
  local name=(-servername "$1.s.example") found
  [ "$1" != - ] || name=(-noservername)
  found=$("$lab" exec client openssl s_client -connect 192.0.2.1:25 -starttls smtp -sigalgs "$2" "${name[@]}" </dev/null 2>/dev/null |
    openssl x509 -noout -fingerprint -sha256) || found=nothing
  expect_same "$1 $2 $(fingerprint "${3%%/*}" "${3#*/}")" "$1 $2 ${found#*=}"
}
certificate_line='keys = ["ecdsa-p256", "rsa-2048"]'
domains "${all_hosts[@]}"
mxcert issue
expect_exit 0
for shown in "- h1" "h2 h1" "h5 h4" "h94 h94"; do
  expect_key "${shown% *}" ECDSA+SHA256 "${shown#* }/"
  expect_key "${shown% *}" rsa_pss_rsae_sha256:RSA+SHA256 "${shown#* }/rsa/"
done
expect_file foo /etc/exim4/mxcert-sni/h4.s.example+2.pem root:Debian-exim 0640
mxcert renew
expect_exit 0
expect_no_output
