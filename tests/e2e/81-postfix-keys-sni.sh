#!/bin/bash
# Postfix with an ECDSA and an RSA key, and with certificates that are chosen by SNI: the hook alone, with openssl for the client.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/post.sh"

use_post postfix
postconf() { "$lab" exec post postconf "$@" || fail "postconf $*"; }
main_cf() { get post /etc/postfix/main.cf | sha256sum; }
ports=(25 465 587)
stock=$(main_cf)

scene "an ECDSA and an RSA key in one file, each shown to who wants it"
make_pems $mail_name
install_by_hand MXCERT_CONFIGURE=1
within 20 shows_made -
hook rollback MXCERT_CONFIGURE=1
expect_same "$stock" "$(main_cf)"
postconf -e 'smtpd_tls_chain_files = /etc/postfix/mxcert.pem'
stock=$(main_cf)
install_by_hand
within 20 shows_made -
note_default

scene "further certificates are shown by SNI, from a table that only root can read"
make_pems mx2.post.example.com mx4.post.example.com
hook describe MXCERT_ROLE=sni
expect_json '.configured == false and (.missing_configuration | test("tls_server_sni_maps = hash:/etc/postfix/mxcert-sni/table"))'
install_by_hand MXCERT_ROLE=sni MXCERT_CONFIGURE=1
for name in mx2 mx4; do within 20 shows_made $name.post.example.com; done
for name in - $mail_name; do shows_default "$name" || fail "the default certificate is not shown to $name"; done
expect_file post /etc/postfix/mxcert-sni root:root 0700
for file in table table.db mx2.post.example.com.pem; do expect_file post /etc/postfix/mxcert-sni/$file root:root 0600; done
hook describe MXCERT_ROLE=sni
expect_json '.configured and .missing_configuration == ""'

scene_of_more_for_sni

scene "rollback makes the table of what is there again; the lines stay as long as another certificate needs them"
lab exec post rm /etc/postfix/mxcert-sni/mx2.post.example.com.pem
hook rollback MXCERT_ROLE=sni
within 20 shows_default mx2.post.example.com
hook_names=mx3.post.example.com
install_by_hand MXCERT_ROLE=sni
within 20 shows_made mx3.post.example.com
hook_names=mx2.post.example.com
hook rollback MXCERT_ROLE=sni MXCERT_CONFIGURE=1
expect_different "$stock" "$(main_cf)"
hook_names=mx3.post.example.com
hook rollback MXCERT_ROLE=sni MXCERT_CONFIGURE=1
expect_same "$stock" "$(main_cf)"
within 20 shows_default mx3.post.example.com

scene "with the last one the table and its directory go, but an empty table stays as long as main.cf names it"
expect_no_file post /etc/postfix/mxcert-sni/table.db
lab exec post sh -c 'rm /etc/postfix/mxcert-sni/*.pem /etc/postfix/mxcert-sni/*.names'
hook rollback MXCERT_ROLE=sni
expect_no_file post /etc/postfix/mxcert-sni
postconf -e 'tls_server_sni_maps = hash:/etc/postfix/mxcert-sni/table'
install_by_hand MXCERT_ROLE=sni
within 20 shows_made mx3.post.example.com
lab exec post sh -c 'rm /etc/postfix/mxcert-sni/*.pem /etc/postfix/mxcert-sni/*.names'
hook rollback MXCERT_ROLE=sni
expect "$lab" exec post postmap -s hash:/etc/postfix/mxcert-sni/table
expect_no_stdout
within 20 shows_default mx3.post.example.com
expect_same "$(postconf -h tls_server_sni_maps)" hash:/etc/postfix/mxcert-sni/table

scene "a table of any type that Postfix has, as main.cf names it"
make_pems mx3.post.example.com
for type in cdb lmdb btree; do
  postconf -e "tls_server_sni_maps = $type:/etc/postfix/mxcert-sni/table"
  install_by_hand MXCERT_ROLE=sni
  within 20 shows_made mx3.post.example.com
done

# And by mxcert, from the first run on
reset
use_post postfix
daemon_files() { main_cf; }
scenes_of_two_hosts
