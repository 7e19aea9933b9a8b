#!/bin/bash
# A deployment to Postfix may end anywhere, also in what the hook does: Postfix serves the old certificate or the new one, whole,
# and the next run goes on from there.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/post.sh"
. "$(dirname "$0")/crash.sh"

use_post postfix
etc=/etc/postfix
crash_turn=1
two_files() { lab exec post postconf -e "smtpd_tls_chain_files = $etc/two/key.pem $etc/two/cert.pem"; }
crash_in_hooks
crash_scenes
