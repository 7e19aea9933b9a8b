#!/bin/bash
# Dovecot, as Debian installs it: IMAP, POP3 and ManageSieve, with STARTTLS and with TLS from the first byte.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/post.sh"

use_post dovecot
sieve_ports=(4190)
tls=/etc/dovecot/private
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

scene "Debian's Dovecot shows the snakeoil certificate: the lines to write are told, and nothing is changed"
configure
mark
mxcert issue
expect_problem 1 'mx.post.example.com: dovecot: nothing installed: Dovecot 2\.[0-9.]+ is not set up' 'configure = true'
expect_stderr_like "^ +# in $drop_in$"
expect_stderr "${cert}/etc/dovecot/mxcert.pem"
expect_stderr "${key}/etc/dovecot/mxcert.pem"
expect_untouched
expect_all_show "$snakeoil"

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

scene "key and certificate in files of its own are maintained where they are, with their owner and mode"
lab exec post sh -c 'cd "$0" && rm * && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=post.example.com -keyout dovecot.key -out dovecot.pem -days 30 2>/dev/null
  chgrp mail dovecot.key && chmod 0640 dovecot.key && chmod 0644 dovecot.pem' $tls
lab dovecot reload
within 20 all_show "$(fingerprint $tls/dovecot.pem)"
configure
mxcert deploy
expect_exit 0
expect_served_everywhere
expect_file post $tls/dovecot.key root:mail 0640
expect_file post $tls/dovecot.pem root:root 0644
expect_no_file post /etc/dovecot/mxcert.pem
expect_no_leftovers

# By default Dovecot itself ends sessions with TLS a few seconds after any reload.
echo 'shutdown_clients = no' | put post /etc/dovecot/conf.d/97-sessions.conf
lab dovecot restart

scene "a renewal keeps the key, and a session that is open survives it, where Dovecot lets it"
first=$(live_fingerprint) first_key=$(public_key)
open_session 143
say 'a NOOP'
hear 'a OK'
with_names post
mxcert issue
expect_exit 0
expect_served_everywhere
expect_different "$first" "$(live_fingerprint)"
expect_same "$first_key" "$(public_key)"
say 'b NOOP'
hear 'b OK'
say 'z LOGOUT'
hear 'z OK'

scene "a new key comes with its certificate"
with_names post mx2.post
mxcert issue --new-key
expect_exit 0
expect_served_everywhere
expect_different "$first_key" "$(public_key)"

# From here on things go wrong. What is served before is served after.
last=$(live_fingerprint)
with_names post mx2.post mx3.post

scene "a key that does not belong to the certificate: the handshakes tell, and the previous files are back"
use_hook <<'HOOK'
case $1 in
  describe) $hook describe | sed 's,/etc/dovecot/private/dovecot.key,/etc/dovecot/elsewhere.pem,' ;;
  *) exec $hook "$1" ;;
esac
HOOK
expect_rolled_back 'rolled back.*after the reload' 'issue --new-key'
expect_no_file post /etc/dovecot/elsewhere.pem

scene "a certificate that Dovecot cannot read"
use_hook <<HOOK
[ \$1 != deploy ] || echo '${cert}/etc/dovecot/nosuch.pem' >/etc/dovecot/conf.d/99-wrong.conf
[ \$1 != rollback ] || rm -f /etc/dovecot/conf.d/99-wrong.conf
exec \$hook "\$1"
HOOK
expect_rolled_back 'rolled back'

scene "a hook that fails, and a reload that does not take"
use_hook <<'HOOK'
[ $1 != deploy ] || { echo 'no reload today' >&2; exit 3; }
exec $hook "$1"
HOOK
expect_rolled_back 'rolled back.*no reload today'
use_hook <<'HOOK'
[ $1 = deploy ] || exec $hook "$1"
HOOK
hurry
expect_rolled_back 'rolled back.*after the reload .* (still )?shows'

scene "a full disk changes nothing"
lab exec post sh -c 'cp -a "$0" /run/tls && mount -t tmpfs -o size=32k tmpfs "$0" && cp -a /run/tls/. "$0" &&
  { head -c 100000 /dev/zero >"$0/filler" || :; } 2>/dev/null' $tls
with_names post mx2.post mx3.post
lab exec post sh -c 'cd "$0" && sha256sum dovecot.*' $tls >"$work/files"
mxcert deploy
expect_problem 1 'mx.post.example.com: dovecot: .*No space left on device'
expect_all_show "$last"
expect_same "$(cat "$work/files")" "$(lab exec post sh -c 'cd "$0" && sha256sum dovecot.*' $tls)"
expect_no_leftovers
lab exec post umount $tls

scene "a run that is killed while Dovecot reloads is undone by the next one, which then installs"
use_hook <<'HOOK'
$hook "$1"
[ $1 != deploy ] || [ -e /run/killed ] || { touch /run/killed; kill -KILL $PPID; }
HOOK
on post mxcert deploy
expect_different 0 "$status"
mxcert deploy
expect_exit 0
expect_stderr 'an earlier run was interrupted'
expect_served_everywhere
expect_no_leftovers

scene "Dovecot is down: installed, not verified; when it runs again, renew looks at it"
with_names post mx2.post
lab dovecot stop
mxcert rollback $mail_name
expect_problem 1 'installed, not verified: Dovecot 2\.[0-9.]+ is not running' 'start it'
mxcert renew
expect_problem 1 'is not running'
lab dovecot start
mxcert renew
expect_exit 0
expect_stdout 'deployed version'
expect_served_everywhere
mxcert renew
expect_no_output

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
