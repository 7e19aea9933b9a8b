#!/bin/bash
# Dovecot with an ECDSA and an RSA key, and with certificates that are chosen by SNI: the hook alone, with openssl for the client.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/post.sh"

use_post dovecot
drop_in=/etc/dovecot/conf.d/99-mxcert.conf
ports=(143 993 110 995 4190)
case $(lab exec post dovecot --version) in 2.3*) ;; *) ports+=(2000) ;; esac # ManageSieve's old port
etc_dovecot() { lab exec post find /etc/dovecot -path '*mxcert-sni*' -o -name 'mxcert*.pem' -o -type f -exec sha256sum {} +; }
stock=$(etc_dovecot)

scene "an ECDSA and an RSA key in two files, each shown to who wants it"
make_pems $mail_name
install_by_hand MXCERT_CONFIGURE=1
within 20 shows_made -
expect_file post /etc/dovecot/mxcert+2.pem root:root 0600
note_default
drop_in_text=$(get post $drop_in)

scene "further certificates are shown by SNI, from blocks that the drop-in includes"
make_pems mx2.post.example.com mx4.post.example.com
install_by_hand MXCERT_ROLE=sni MXCERT_CONFIGURE=1
for name in mx2 mx4; do within 20 shows_made $name.post.example.com; done
for name in - $mail_name; do shows_default "$name" || fail "the default certificate is not shown to $name"; done
for file in mx2.post.example.com.pem mx2.post.example.com+2.pem; do expect_file post /etc/dovecot/mxcert-sni/$file root:root 0600; done
hook describe MXCERT_ROLE=sni
expect_json '.configured and .missing_configuration == ""'

scene_of_more_for_sni

scene "one with a single key never has the default certificate's second key"
make_pems mx5.post.example.com
install_by_hand MXCERT_ROLE=sni MXCERT_KEY_TYPES=ecdsa
shows_mx5() { [ "$(shown_to ecdsa mx5.post.example.com 143)" = "${made[ecdsa]}" ]; }
within 20 shows_mx5
expect_same '' "$(shown_to rsa mx5.post.example.com 143)"
hook rollback MXCERT_ROLE=sni MXCERT_CONFIGURE=1
lab exec post sh -c 'rm /etc/dovecot/mxcert-sni/mx5.*'

scene "rollback makes the blocks of what is there again; the lines stay as long as another certificate needs them"
lab exec post sh -c 'rm /etc/dovecot/mxcert-sni/mx2.*'
hook rollback MXCERT_ROLE=sni
within 20 shows_default mx2.post.example.com
hook rollback MXCERT_ROLE=sni MXCERT_CONFIGURE=1
expect_different "$drop_in_text" "$(get post $drop_in)"
hook_names=mx3.post.example.com
hook rollback MXCERT_ROLE=sni MXCERT_CONFIGURE=1
expect_same "$drop_in_text" "$(get post $drop_in)"
within 20 shows_default mx3.post.example.com
expect_no_file post /etc/dovecot/mxcert-sni/names.conf
lab exec post sh -c 'rm /etc/dovecot/mxcert-sni/*.pem /etc/dovecot/mxcert-sni/*.names'
hook rollback MXCERT_ROLE=sni
expect_no_file post /etc/dovecot/mxcert-sni
hook_names=$mail_name
hook rollback MXCERT_CONFIGURE=1
expect_same "$stock" "$(etc_dovecot)"

# And by mxcert, from the first run on
reset
use_post dovecot
daemon_files() { etc_dovecot; }
scenes_of_two_hosts
