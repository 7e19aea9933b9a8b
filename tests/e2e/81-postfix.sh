#!/bin/bash
# Postfix, as Debian installs it: what the hook makes of its configuration, and that a real Postfix serves what mxcert
# says, on every port, and what it served before when that does not work.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/post.sh"

use_post postfix
ports=(25 465 587)
daemon='Postfix 3\.[0-9.]+'
tls=/etc/postfix/tls key_file=key.pem cert_file=cert.pem

postconf() { "$lab" exec post postconf "$@" || fail "postconf $*"; }
snakeoil=$(fingerprint /etc/ssl/certs/ssl-cert-snakeoil.pem)
main_cf() { get post /etc/postfix/main.cf | sha256sum; }
stock=$(main_cf)

scene_of_snakeoil "postconf -e 'smtpd_tls_chain_files = /etc/postfix/mxcert.pem'"

scene "with these lines the certificate is served on every port, and nothing else in /etc has changed"
hint=$(grep -o 'postconf -e .*' <<<"$stderr")
lab exec post sh -c "$hint"
before=$(etc_of_mail_host)
mxcert issue
expect_exit 0
expect_stdout_like '^  postfix: Postfix 3\.[0-9.]+: installed and verified'
expect_served_everywhere
expect_file post /etc/postfix/mxcert.pem root:root 0600
expect_same "$before" "$(etc_of_mail_host | grep -v '^/etc/postfix\(/mxcert.pem\)\? ' | cat - <(grep '^/etc/postfix ' <<<"$before") | sort)"
expect_no_leftovers
mxcert rollback $mail_name
expect_exit 0
expect_no_file post /etc/postfix/mxcert.pem
postconf -X smtpd_tls_chain_files
lab postfix reload

scene "configure = true writes them, rollback takes them away byte for byte, also where the last line does not end"
for ending in '' 'x = y'; do
  printf %s "$ending" | lab exec post tee -a /etc/postfix/main.cf >/dev/null
  stock=$(main_cf)
  allow_configure
  mxcert issue
  expect_exit 0
  expect_served_everywhere
  on post tail -n 3 /etc/postfix/main.cf
  expect_stdout_like '^smtpd_tls_chain_files = /etc/postfix/mxcert.pem$'
  expect_stdout 'BEGIN mxcert'
  on post postconf -n
  expect_not_stderr overriding
  mxcert issue
  expect_stdout 'nothing is due'
  mxcert rollback $mail_name
  expect_exit 0
  expect_stdout_like '^mx.post.example.com: withdrawn'
  expect_same "$stock" "$(main_cf)"
  expect_no_file post /etc/postfix/mxcert.pem
  within 20 all_show "$snakeoil"
done
lab exec post sed -i '/^x = y/d' /etc/postfix/main.cf

scene "where TLS is off for all services it is switched on, and rollback switches it off"
postconf -X smtpd_tls_security_level
postconf -MX submissions/inet
postconf -P submission/inet/smtpd_tls_security_level=none
lab postfix restart
stock=$(main_cf)
configure
mxcert deploy
expect_problem 1 'is not set up'
expect_stderr "postconf -e 'smtpd_tls_chain_files = /etc/postfix/mxcert.pem' 'smtpd_tls_security_level = may'"
allow_configure
mxcert deploy
expect_exit 0
expect_served $mail_name 25
mxcert rollback $mail_name
expect_exit 0
expect_same "$stock" "$(main_cf)"
postconf -e 'smtpd_tls_security_level = may'
postconf -M 'submissions/inet=submissions inet n - y - - smtpd -o smtpd_tls_wrappermode=yes'
postconf -P submission/inet/smtpd_tls_security_level=encrypt
lab postfix restart

name_own_files() { postconf -e 'smtpd_tls_cert_file = /etc/postfix/tls/cert.pem' 'smtpd_tls_key_file = /etc/postfix/tls/key.pem'; }
scene_of_own_files

use_session() {
  say NOOP
  hear '250 2.0.0 Ok'
}
end_session() {
  say QUIT
  hear 221
}
scenes_of_renewals

break_configuration() {
  cat <<'HOOK'
[ $1 != deploy ] || { umask 0; postconf -e 'smtpd_tls_chain_files = /etc/postfix/nosuch.pem'; postfix reload; exit 0; }
[ $1 != rollback ] || postconf -X smtpd_tls_chain_files
HOOK
}
broken='rolled back.*after the reload'
# A process of Postfix that has served a hundred sessions makes room for one that reads the files again.
keep_processes() {
  postconf -e 'max_use = 100000'
  lab postfix reload
}
scenes_of_mishaps

scene "postscreen on port 25, whose TLS is made by tlsproxy"
lab exec post sed -i -e 's/^smtp .*smtpd$/#&/' -e 's/^#\(smtp .*postscreen\)$/\1/' -e 's/^#\(smtpd .*pass .*smtpd\)$/\1/' \
  -e 's/^#\(tlsproxy .*tlsproxy\)$/\1/' -e 's/^#\(dnsblog .*dnsblog\)$/\1/' /etc/postfix/master.cf
postconf -e 'postscreen_greet_wait = 1s' 'postscreen_access_list = static:none'
lab postfix restart
mxcert rollback $mail_name
expect_exit 0
expect_stdout 'installed and verified'
expect_served_everywhere

scene "a service with a certificate of its own in master.cf keeps it, and that is told"
lab exec post sh -c 'cd /etc/postfix && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=users.example.com -keyout users.pem -out users.crt -days 30 2>/dev/null
  cat users.crt >>users.pem; chmod 0600 users.pem'
postconf -P submission/inet/smtpd_tls_chain_files=/etc/postfix/users.pem
lab postfix reload
users=$(fingerprint /etc/postfix/users.crt)
shows_users() { [ "$(served - 587)" = "$users" ]; }
within 20 shows_users
describe env
expect_json '[.listeners[].port] | unique == [25, 465]'
expect_json '.warnings | length == 1 and (.[0] | test("submission.*own"))'
mxcert issue
expect_exit 0
expect_stdout 'installed and verified'
ports=(25 465)
expect_served_everywhere
expect_same "$users" "$(served - 587)"
postconf -PX submission/inet/smtpd_tls_chain_files

scene "where Postfix also shows it when it sends, that is told"
postconf -e 'smtp_tls_cert_file = $smtpd_tls_cert_file'
describe env
expect_json '.warnings | length == 1 and (.[0] | test("^smtp_tls_cert_file is /etc/postfix/tls/cert.pem.*clientAuth"))'
