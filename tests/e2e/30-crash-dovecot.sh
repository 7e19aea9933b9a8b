#!/bin/bash
# A deployment to Dovecot may end anywhere, also in what the hook does: Dovecot serves the old certificate or the new one, whole,
# and the next run goes on from there.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/post.sh"
. "$(dirname "$0")/crash.sh"

use_post dovecot
etc=/etc/dovecot
crash_turn=0
two_files() {
  local key=ssl_key cert=ssl_cert from='<'
  case $(lab exec post dovecot --version) in 2.3*) ;; *) key=ssl_server_key_file cert=ssl_server_cert_file from='' ;; esac
  printf '%s\n' "$key = $from$etc/two/key.pem" "$cert = $from$etc/two/cert.pem" | put post $etc/conf.d/98-two.conf
}
crash_in_hooks
crash_scenes
