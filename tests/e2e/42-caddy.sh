#!/bin/bash
# Another ACME server than Pebble and Boulder: Caddy's, which is smallstep's. Its certificates live for twelve hours.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
caddy=https://caddy.lab.example/acme/local/directory
root=$MXCERT_LAB_DIR/share/caddy-root.pem

lab host add caddy 192.0.2.15 2001:db8::15 caddy
put caddy /etc/caddy/Caddyfile <<'CADDYFILE'
{
  admin off
  skip_install_trust
  storage file_system /var/lib/caddy
}
https://caddy.lab.example {
  tls internal
  acme_server
}
CADDYFILE
"$lab" exec caddy setsid caddy run --config /etc/caddy/Caddyfile >"$work/caddy.log" 2>&1 </dev/null &
root_is_there() { lab exec caddy cat /var/lib/caddy/pki/authorities/local/root.crt >"$root"; }
within 20 root_is_there
within 20 "$lab" exec foo curl --silent --fail --cacert "$root" $caddy

# expect_satisfied NAME PORT: a sender that trusts Caddy's root
expect_satisfied() {
  local starttls=()
  [ "$2" = 465 ] || starttls=(-starttls smtp)
  expect "$lab" exec client openssl s_client -connect "192.0.2.1:$2" "${starttls[@]}" -brief -servername "$1" \
    -verify_hostname "$1" -verify_return_error -CAfile "$root"
}

scene "Caddy issues for two names, and Exim serves it"
standard_config example.com second.example | sed "s,^directory.*,directory = \"$caddy\"," | sed "s,^trust.*,trust = \"$root\"," |
  put foo /etc/mxcert/mxcert.toml
mxcert issue --json
expect_exit 0
expect_json '.errors == [] and (.certificates[0] | .result == "issued" and .names == ["mx.example.com", "mx2.example.com"])'
for port in 25 465; do
  expect_satisfied mx.example.com $port
  expect_satisfied mx2.example.com $port
done
expect_file foo $state/accounts/caddy.lab.example/acme/local/directory/key.pem root:root 0600
expect_no_leftovers

scene "nothing is due, and a third name is a new certificate by the same account"
mxcert renew
expect_exit 0
expect_no_output
account=$(lab exec foo jq -r .account $state/live/mx.example.com/certificate.json)
mxcert issue --domain implicit.example
expect_exit 0
expect_satisfied implicit.example 25
expect_same "$account" "$(lab exec foo jq -r .account $state/live/mx.example.com/certificate.json)"

scene "a name that Caddy cannot validate is told, and the others get their certificate"
zone elsewhere.example <<<'@ MX 10 mx
mx A 192.0.2.200'
mxcert issue --json --domain elsewhere.example --domain implicit.example --host-name mx.elsewhere.example --state-dir /var/lib/other
expect_exit 1
expect_json 'any(.errors[]; .code == "name_refused" and .subject == "mx.elsewhere.example")'
expect_json '.certificates[0].result == "issued" and (.certificates[0].names | sort) == ["implicit.example", "mx.example.com", "mx2.example.com"]'

