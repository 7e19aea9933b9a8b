#!/bin/bash
# What the hooks for Postfix and Dovecot write themselves, on a disk that is full.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/full-disk.sh"

use_post postfix
postconf() { "$lab" exec post postconf "$@" || fail "postconf $*"; }
sni=/etc/postfix/mxcert-sni
stock=$(get post /etc/postfix/main.cf | sha256sum)
on_small_disk /etc/postfix
bundle /etc/postfix/mxcert.pem $mail_name

scene "Postfix: lines for main.cf, the only copy of somebody's configuration"
never_spoils /etc/postfix/main.cf deploy MXCERT_CONFIGURE=1
expect_same /etc/postfix/mxcert.pem "$(postconf -h smtpd_tls_chain_files)"

scene "Postfix: and lines that are taken away, which takes as much room"
never_spoils /etc/postfix/main.cf rollback MXCERT_CONFIGURE=1
expect_same "$stock" "$(get post /etc/postfix/main.cf | sha256sum)"

scene "Postfix: the list of names that are not shown by SNI"
lab exec post mkdir -m 0700 $sni
further_certificate $sni mx2.post.example.com
postconf -e "tls_server_sni_maps = hash:$sni/table"
hook deploy MXCERT_ROLE=sni MXCERT_NAME=mx2.post.example.com
expect_exit 0
never_spoils $sni/default deploy
expect_same $mail_name "$(get post $sni/default | sed 1d)"

scene "Postfix: the table for SNI, by each way in which postmap makes one"
for type in hash cdb lmdb; do
  postconf -e "tls_server_sni_maps = $type:$sni/table"
  hook deploy MXCERT_ROLE=sni MXCERT_NAME=mx2.post.example.com
  expect_exit 0
  further_certificate $sni mx3.post.example.com
  never_spoils $sni/table deploy MXCERT_ROLE=sni MXCERT_NAME=mx3.post.example.com
  expect "$lab" exec post postmap -F -q mx3.post.example.com "$type:$sni/table"
  expect_stdout 'BEGIN'
  lab exec post sh -c "rm $sni/mx3.*"
done

scene "Postfix: the run that a full disk has stopped leaves what was there, and with room the next one is done"
lab exec post rm -r $sni /etc/postfix/mxcert.pem
postconf -X tls_server_sni_maps
{ standard_config; echo 'configure = true'; } | sed 's,^hook = .*,hook = "/root/hook",' | put post /etc/mxcert/mxcert.toml
put post /root/hook 0755 <<HOOK
#!/bin/sh
[ \$1 != deploy ] || [ -e /run/room ] || { cat /dev/zero >/etc/postfix/filler; } 2>/dev/null
exec /usr/libexec/mxcert/hooks/postfix "\$@"
HOOK
before=$(contents) shown=$(served - 25)
mxcert issue
expect_problem 1 'mx.post.example.com: .*cannot write /etc/postfix/main.cf: .*No space left on device'
expect_contents "$before"
expect_same "$shown" "$(served - 25)"
lab exec post touch /run/room
mxcert issue
expect_exit 0
expect_served $mail_name 25
lab exec post umount /etc/postfix
lab postfix restart

mail_hook=dovecot mail_port=143
sni=/etc/dovecot/mxcert-sni drop_in=/etc/dovecot/conf.d/99-mxcert.conf
on_small_disk /etc/dovecot
bundle /etc/dovecot/mxcert.pem $mail_name

scene "Dovecot: lines in a file of their own, which is new"
never_spoils $drop_in deploy MXCERT_CONFIGURE=1
lines=$(get post $drop_in)

scene "Dovecot: the blocks for SNI, and the list of names that have none"
lab exec post mkdir -m 0700 $sni
further_certificate $sni mx2.post.example.com
never_spoils $sni/names.conf deploy MXCERT_ROLE=sni MXCERT_NAME=mx2.post.example.com
further_certificate $sni mx3.post.example.com
never_spoils $sni/names.conf deploy MXCERT_ROLE=sni MXCERT_NAME=mx3.post.example.com
never_spoils $sni/default deploy

scene "Dovecot: lines that are added to ours, and taken away again"
never_spoils $drop_in deploy MXCERT_ROLE=sni MXCERT_NAME=mx2.post.example.com MXCERT_CONFIGURE=1
expect_different "$lines" "$(get post $drop_in)"
lab exec post sh -c "rm $sni/mx3.*"
never_spoils $drop_in rollback MXCERT_ROLE=sni MXCERT_NAME=mx2.post.example.com MXCERT_CONFIGURE=1
expect_same "$lines" "$(get post $drop_in)"
lab exec post umount /etc/dovecot
