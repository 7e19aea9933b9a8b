#!/bin/bash
# Sendmail, which takes a key that its group cannot read, and a list of two.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/daemon.sh"

daemon_ports=(25 587)
start_daemon() { lab exec sendmail /etc/init.d/sendmail start </dev/null >/dev/null 2>&1; }
stop_daemon() {
  lab exec sendmail /etc/init.d/sendmail stop </dev/null >/dev/null 2>&1
  within 60 is_gone
}
is_gone() { ! is_listening; }
# add_to_mc LINES: before the mailers, as the hook says
add_to_mc() {
  get sendmail /etc/mail/sendmail.mc | awk -v lines="$1" '/^MAILER_DEFINITIONS/ { print lines } { print }' >"$work/mc"
  put sendmail /etc/mail/sendmail.mc <"$work/mc"
  lab exec sendmail make -C /etc/mail sendmail.cf >/dev/null 2>&1
}

scene "Sendmail serves no TLS: the lines to write are told, and nothing is changed"
use_host sendmail 22
get sendmail /etc/mail/sendmail.mc | sed 's/, Addr=127.0.0.1//' >"$work/mc"
put sendmail /etc/mail/sendmail.mc <"$work/mc"
# Whatever else this machine has to do, and however often we look.
add_to_mc "define(\`confREFUSE_LA', \`1000')dnl
define(\`confCONNECTION_RATE_THROTTLE', \`0')dnl"
start_daemon
within 60 is_listening
configure example.org
mark
mxcert issue
expect_problem 1 'mx.example.org: sendmail: .*nothing installed: Sendmail [^ ]* is not set up for TLS' 'write these lines'
expect_stderr_like "^ +# in /etc/mail/sendmail.mc, before MAILER_DEFINITIONS"
expect_stderr_like "^ +define\(.confSERVER_CERT', ./etc/mail/tls/mxcert.crt'\)dnl$"
expect_untouched
lines=$(sed -n "s/^ *\(define(.*\)$/\1/p" <<<"$stderr")

scene "with these lines it is installed, Sendmail reloads, and every port shows it"
add_to_mc "$lines"
ca_mark
mxcert issue
expect_exit 0
expect_stdout 'installed and verified'
expect_ca_orders 0
expect_file sendmail /etc/mail/tls/mxcert.key root:root 0600
expect_file sendmail /etc/mail/tls/mxcert.crt root:root 0644
for port in 25 587; do expect_served mx.example.org $port "${mail_addresses[0]}"; done
mxcert deploy
expect_exit 0
expect_stdout 'serves it already'

daemon_scenes

scene "a key that others can read is not left so, unless Sendmail was told to take it"
lab exec sendmail chmod 0640 /etc/mail/tls/mxcert.key
mxcert deploy
expect_exit 0
expect_file sendmail /etc/mail/tls/mxcert.key root:root 0600
add_to_mc "define(\`confDONT_BLAME_SENDMAIL', defn(\`confDONT_BLAME_SENDMAIL')\`,GroupReadableKeyFile')dnl"
lab exec sendmail chmod 0640 /etc/mail/tls/mxcert.key
mx_zone mx mx2 mx3 mx4
mxcert issue
expect_exit 0
expect_file sendmail /etc/mail/tls/mxcert.key root:root 0640
expect_live_served

scene "a configuration that Sendmail does not understand is told before anything is touched"
lab exec sendmail sed -i 's/^O Timeout.ident.*/O Timeout.ident=never/' /etc/mail/sendmail.cf
mx_zone mx mx2 mx3 mx4 mx5
mark
mxcert issue
expect_problem 1 'mx.example.org: sendmail: .*/etc/mail/sendmail.cf: line [0-9]+: Invalid time unit' '.'
expect_untouched

scene "Debian's key for receiving and sending is left alone: the certificate for sending would not fit a new one"
lab exec sendmail sed -i -e '/confSERVER_/d; /confCACERT/d' /etc/mail/sendmail.mc
add_to_mc "include(\`/etc/mail/tls/starttls.m4')dnl"
before=$(etc_of_mail_host)
mxcert deploy
expect_problem 1 'mx.example.org: sendmail: .*nothing installed' 'write these lines'
expect_same "$before" "$(etc_of_mail_host)"
