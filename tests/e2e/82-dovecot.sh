#!/bin/bash
# Dovecot, as Debian installs it: IMAP, POP3 and ManageSieve, with STARTTLS and with TLS from the first byte.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/post.sh"

use_post dovecot
sieve_ports=(4190)
daemon='Dovecot 2\.[0-9.]+'
tls=/etc/dovecot/private key_file=dovecot.key cert_file=dovecot.pem
drop_in=/etc/dovecot/conf.d/99-mxcert.conf
# In the words of its version
case $(lab exec post dovecot --version) in
  2.3*) cert='ssl_cert = <' key='ssl_key = <' client_cert='ssl_client_cert = <' ;;
  *)
    cert='ssl_server_cert_file = ' key='ssl_server_key_file = ' client_cert='ssl_client_cert_file = '
    sieve_ports+=(2000) # ManageSieve's old port, which Debian's configuration of 2.4 has
    ;;
esac
ports=(143 993 110 995 "${sieve_ports[@]}")
snakeoil=$(fingerprint /etc/ssl/certs/ssl-cert-snakeoil.pem)

scene_of_snakeoil "${cert}/etc/dovecot/mxcert.pem" "${key}/etc/dovecot/mxcert.pem"
expect_stderr_like "^ +# in $drop_in$"

scene "with these lines the certificate is served on every port, and nothing else in /etc has changed"
sed -n 's/^ *\(ssl.*mxcert.pem\)$/\1/p' <<<"$stderr" | put post $drop_in
before=$(etc_of_mail_host)
mxcert issue
expect_exit 0
expect_stdout_like '^  dovecot: Dovecot 2\.[0-9.]+: installed and verified \([0-9]+ handshakes\)'
expect_served_everywhere
expect_file post /etc/dovecot/mxcert.pem root:root 0600
expect_same "$(grep -v '^/etc/dovecot ' <<<"$before")" "$(etc_of_mail_host | grep -v '^/etc/dovecot\(/mxcert.pem\)\? ')"
expect_no_leftovers
lab exec post rm $drop_in
lab dovecot reload
mxcert rollback $mail_name
lab exec post rm -f /etc/dovecot/mxcert.pem

scene "configure = true writes them to a file of its own, and rollback takes it away"
before=$(etc_of_mail_host | grep -v '^/etc/dovecot/conf.d ')
allow_configure
mxcert deploy
expect_exit 0
expect_served_everywhere
expect_file post $drop_in root:root 0644
mxcert issue
expect_stdout 'nothing is due'
mxcert rollback $mail_name
expect_exit 0
expect_stdout_like '^mx.post.example.com: withdrawn'
expect_no_file post $drop_in
expect_no_file post /etc/dovecot/mxcert.pem
expect_same "$(grep -v '^/etc/dovecot ' <<<"$before")" "$(etc_of_mail_host | grep -v '^/etc/dovecot\(/conf.d\)\? ')"
within 20 all_show "$snakeoil"

scene "a configuration that does not read conf.d is not written to"
lab exec post sh -c 'cp -p /etc/dovecot/dovecot.conf /run/ && doveconf -n >/run/own.conf && sed -e "s/^ssl_dh.*//" -e "s/^ssl_key.*/ssl_key = <\/etc\/dovecot\/private\/dovecot.key/" /run/own.conf >/etc/dovecot/dovecot.conf'
lab dovecot restart
mark
mxcert deploy
expect_problem 1 'is not set up' 'write these lines, then'
expect_stderr '# in /etc/dovecot/dovecot.conf'
expect_untouched
lab exec post cp -p /run/dovecot.conf /etc/dovecot/dovecot.conf
lab dovecot restart

name_own_files() { :; } # it does as it comes
scene_of_own_files

# By default Dovecot itself ends sessions with TLS a few seconds after any reload.
echo 'shutdown_clients = no' | put post /etc/dovecot/conf.d/97-sessions.conf
lab dovecot restart
use_session() {
  say 'a NOOP'
  hear 'a OK'
}
end_session() {
  say 'z LOGOUT'
  hear 'z OK'
}
scenes_of_renewals

break_configuration() {
  cat <<HOOK
[ \$1 != deploy ] || echo '${cert}/etc/dovecot/nosuch.pem' >/etc/dovecot/conf.d/99-wrong.conf
[ \$1 != rollback ] || rm -f /etc/dovecot/conf.d/99-wrong.conf
HOOK
}
broken='rolled back'
keep_processes() { :; }
scenes_of_mishaps

scene "a protocol with a certificate of its own keeps it, and that is told"
lab exec post sh -c 'cd /etc/dovecot && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=users.example.com -keyout users.key -out users.crt -days 30 2>/dev/null'
printf 'protocol pop3 {\n  %s/etc/dovecot/users.crt\n  %s/etc/dovecot/users.key\n}\n' "$cert" "$key" | put post /etc/dovecot/conf.d/98-users.conf
lab dovecot reload
users=$(fingerprint /etc/dovecot/users.crt)
shows_users() { [ "$(served - 995)" = "$users" ]; }
within 20 shows_users
describe env
expect_same "$(printf '%s\n' 143 993 "${sieve_ports[@]}")" "$(jq '.listeners[].port' <<<"$stdout" | awk '!seen[$0]++')"
expect_json '.warnings | length == 1 and (.[0] | test("pop3.*own"))'
mxcert rollback $mail_name
expect_exit 0
ports=(143 993 "${sieve_ports[@]}")
expect_served_everywhere
expect_same "$users" "$(served - 110)"
lab exec post rm /etc/dovecot/conf.d/98-users.conf

scene "where Dovecot also shows it to others, that is told"
echo "${client_cert}/etc/dovecot/private/dovecot.pem" | put post /etc/dovecot/conf.d/98-client.conf
describe env
expect_json '.warnings | length == 1 and (.[0] | test("^ssl_client_cert(_file)? is /etc/dovecot/private/dovecot.pem.*clientAuth"))'
