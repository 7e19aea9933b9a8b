#!/bin/bash
# OpenSMTPD: which has no reload and shows nothing but what it was started with.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/daemon.sh"

daemon_ports=(25 465)
start_daemon() { lab exec opensmtpd /etc/init.d/opensmtpd start </dev/null >/dev/null 2>&1; }
stop_daemon() {
  lab exec opensmtpd pkill -x smtpd
  within 60 "$lab" exec opensmtpd sh -c '! pgrep -x smtpd'
}
# smtpd_conf LISTEN: the stock configuration with these lines
smtpd_conf() {
  printf '%s\n' 'table aliases file:/etc/aliases' "$1" 'action "local" mbox alias <aliases>' \
    'match from any for domain "example.org" action "local"' | put opensmtpd /etc/smtpd.conf
}

scene "smtpd serves no TLS: the lines to write are told, and nothing is changed"
use_host opensmtpd 24
[ "$(lab exec opensmtpd smtpd -h 2>&1 | sed -n 's/^version: OpenSMTPD \([0-9]*\).*/\1/p')" -ge 7 ] ||
  skip "needs OpenSMTPD 7: no other can do TLS with OpenSSL 3"
smtpd_conf 'listen on eth0'
start_daemon
within 60 is_listening
configure example.org
mark
mxcert issue
expect_problem 1 'mx.example.org: opensmtpd: .*nothing installed: OpenSMTPD [^ ]* is not set up for TLS' 'write these lines'
expect_stderr_like '^ +# in /etc/smtpd.conf$'
expect_stderr_like '^ +pki mxcert cert "/etc/smtpd-mxcert.crt"$'
expect_stderr_like '^ +pki mxcert key "/etc/smtpd-mxcert.key"$'
expect_stderr_like '^ +listen on eth0 tls pki mxcert$'
expect_untouched

scene "with these lines it is installed, smtpd is started anew, and every port shows it"
smtpd_conf 'pki mxcert cert "/etc/smtpd-mxcert.crt"
pki mxcert key "/etc/smtpd-mxcert.key"
listen on eth0 tls pki mxcert
listen on eth0 port 465 smtps pki mxcert'
ca_mark
mxcert issue
expect_exit 0
expect_stdout 'installed and verified'
expect_ca_orders 0
expect_file opensmtpd /etc/smtpd-mxcert.key root:root 0600
expect_file opensmtpd /etc/smtpd-mxcert.crt root:root 0644
for port in 25 465; do expect_served mx.example.org $port; done
mxcert deploy
expect_exit 0
expect_stdout 'serves it already'

daemon_scenes

scene "a configuration that smtpd does not take is told before anything is touched"
get opensmtpd /etc/smtpd.conf >"$work/smtpd.conf"
{ cat "$work/smtpd.conf" && echo 'listen to me'; } | put opensmtpd /etc/smtpd.conf
mx_zone mx mx2 mx3 mx4
mark
mxcert issue
expect_problem 1 'mx.example.org: opensmtpd: .*/etc/smtpd.conf:[0-9]+: syntax error' '.'
expect_untouched
put opensmtpd /etc/smtpd.conf <"$work/smtpd.conf"
mxcert deploy
expect_exit 0
expect_live_served

# described ROLE NAME: what the hook says
described() { lab exec opensmtpd env MXCERT_ROLE="$1" MXCERT_NAME="$2" MXCERT_KEY_TYPES="ecdsa rsa" /usr/libexec/mxcert/hooks/opensmtpd describe >"$work/describe"; }
expect_described() { jq -e "$1" "$work/describe" >/dev/null || fail "not true: $1: $(cat "$work/describe")"; }

scene "macros, included files, comments and lines that go on are read as smtpd does"
put opensmtpd /etc/smtpd-pki.conf <<'CONF'
pki first cert $crt
pki "first" key "/etc/tls/first.key"
pki mx.second.example cert "/etc/tls/second.crt"
pki mx.second.example key "/etc/tls/second.key"
pki unused cert "/etc/tls/unused.crt"
CONF
smtpd_conf 'crt = "/etc/tls/first.crt"   # comment
include "/etc/smtpd-pki.conf"
# listen on eth0 tls pki unused
listen on eth0 \
  tls pki first pki mx.second.example'
described default first.example
expect_described '.configured and [.files[].path] == ["/etc/tls/first.key", "/etc/tls/first.crt"]'
expect_described '.warnings == ["OpenSMTPD shows one key: the certificate with the other one is not installed"]'

scene "a certificate for SNI is a pki of its own, which listeners name after the first"
described sni mx.second.example
expect_described '.configured and [.files[].path] == ["/etc/tls/second.key", "/etc/tls/second.crt"]'
described sni mx.third.example
expect_described '.configured == false and .configurable == false'
expect_described '.missing_configuration | contains("pki mx.third.example cert \"/etc/smtpd-mx.third.example.crt\"")'
