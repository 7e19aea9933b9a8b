#!/bin/bash
# Courier: SMTP, IMAP and POP3 with a file each, which it reads at each connection.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/daemon.sh"

daemon_ports=(25 465 143 993 110 995)
services='courier courier-mta courier-mta-ssl courier-imap courier-imap-ssl courier-pop courier-pop-ssl'
control() {
  # shellcheck disable=SC2016  # for the shell there
  lab exec courier sh -c 'for service in $1; do "/etc/init.d/$service" "$0" </dev/null; done >/dev/null 2>&1' "$1" "$services"
}
start_daemon() { control start; }
stop_daemon() {
  control stop
  within 60 "$lab" exec courier sh -c '! pgrep -x couriertcpd'
}
self_signed() { "$lab" tls "${mail_addresses[0]}:$1" "$(tls_on "$1")" - 2>&1 | grep 'issuer.*Automatically-generated'; }

scene "before: each service shows a certificate that Debian made"
use_host courier 23
start_daemon
within 60 is_listening
for port in "${daemon_ports[@]}"; do within 60 self_signed "$port"; done

scene "the files that the services name are replaced, and all of them show it"
configure example.org
mxcert issue
expect_exit 0
expect_stdout_like '^  courier: Courier [0-9.]+: installed and verified'
expect_live_served
for file in esmtpd imapd pop3d; do expect_file courier /etc/courier/$file.pem root:courier 0640; done
for port in 25 465; do expect_served mx.example.org $port; done
mxcert deploy
expect_exit 0
expect_stdout 'serves it already'

daemon_scenes

scene "key and certificate apart, in a service of its own"
lab exec courier sh -c 'cd /etc/courier && sed -i "s,^TLS_CERTFILE=.*,TLS_CERTFILE=/etc/courier/pop3d.crt\nTLS_PRIVATE_KEYFILE=/etc/courier/pop3d.key," pop3d-ssl'
stop_daemon
start_daemon
within 60 is_listening
mxcert deploy
expect_exit 0
expect_live_served
expect_file courier /etc/courier/pop3d.key root:courier 0640

scene "a certificate that others put there instead is replaced"
lab exec courier sh -c 'cd /etc/courier && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -keyout key -out crt 2>/dev/null && cat key crt >imapd.pem'
mxcert deploy
expect_exit 0
expect_live_served

scene "a directory that Courier cannot enter is told before anything is touched"
lab exec courier sh -c 'mkdir -m 0700 /root/tls && sed -i "s,^TLS_CERTFILE=.*,TLS_CERTFILE=/root/tls/imapd.pem," /etc/courier/imapd-ssl'
mx_zone mx mx2 mx3 mx4
mark
mxcert issue
expect_problem 1 "mx.example.org: courier: .*Courier.s user may not enter /root/tls" '.'
expect_untouched
