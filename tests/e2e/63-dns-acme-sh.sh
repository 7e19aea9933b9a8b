#!/bin/bash
# dns-01 through a dnsapi script of acme.sh's, with and without acme.sh.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
conf=/etc/mxcert/dns/acme-sh.conf

txt() { lab exec client kdig @192.0.2.53 +short TXT "$1"; }
# What the CA saw before is not what it is to see now.
issue() { lab exec foo rm -rf $state; lab exec foo sh -c ': >/var/log/dnsapi'; lab resolver flush; mxcert issue; }
# with HOOK
with() {
  { standard_config example.com
    printf '[challenge]\ntype = "dns-01"\ndns = { provider = "hook", hook = "%s" }\n' "$1"; } |
    put foo /etc/mxcert/mxcert.toml
}
# calls: the script's notes of this scene
calls() { get foo /var/log/dnsapi; }

put foo /etc/mxcert/hook.key 0600 <<<"hmac-sha256:mxcert-lab:$(sed -n 's/.*secret "\(.*\)".*/\1/p' "$MXCERT_LAB_DIR/share/tsig.key")"

# As acme.sh's scripts are: credentials from the environment or the account configuration, which they save; unset
# variables and failing commands are nothing to them.
put foo /opt/dnsapi/dns_knot.sh <<'SH'
#!/usr/bin/env sh
dns_knot_add() { _knot add "$1" "$2"; }
dns_knot_rm() { _knot del "$1" "$2"; }
_knot() {
  false
  KNOT_KEY="${KNOT_KEY:-$(_readaccountconf_mutable KNOT_KEY)}"
  [ "$KNOT_KEY" ] || { _err "no KNOT_KEY"; return 1; }
  _saveaccountconf_mutable KNOT_KEY "$KNOT_KEY"
  _debug "unset: $KNOT_NOTHING"
  [ -z "$KNOT_OVER_HTTP" ] || response="$(_get https://dns.example/)" || return 1
  echo "$1 $2" >>/var/log/dnsapi
  printf 'server 192.0.2.53\nzone example.com\n%s %s. 5 TXT %s\nsend\n' "$1" "$2" "$3" | knsupdate -k "$KNOT_KEY"
}
SH
put foo $conf 0600 <<'CONF'
PROVIDER='/opt/dnsapi/dns_knot.sh'
KNOT_KEY='/etc/mxcert/hook.key'
CONF

scene "a dnsapi script puts the record there and takes it away"
with acme-sh
issue
expect_exit 0
expect_no_stderr
expect_served mx.example.com 25
expect_same "add _acme-challenge.mx.example.com
del _acme-challenge.mx.example.com" "$(calls)"
expect_same '' "$(txt _acme-challenge.mx.example.com)"
expect_no_leftovers

scene "what the script says when it fails is told"
lab exec foo sed -i /KNOT_KEY/d $conf
issue
expect_problem 1 'acme-sh present for _acme-challenge.mx.example.com exited with status 1: no KNOT_KEY'
put foo $conf 0600 <<'CONF'
PROVIDER='/opt/dnsapi/dns_knot.sh'
KNOT_KEY='/etc/mxcert/hook.key'
KNOT_OVER_HTTP=1
CONF
issue
expect_problem 1 'dns_knot.sh needs acme.sh'

scene "credentials that others can read, and a script that others can write, are refused"
lab exec foo chmod 0644 $conf
issue
expect_problem 1 "$conf holds credentials, and others can read it: chmod 0600"
lab exec foo sh -c "chmod 0600 $conf; chmod 0666 /opt/dnsapi/dns_knot.sh"
issue
expect_problem 1 'dns_knot.sh can be written by others'
expect_same '' "$(calls)"
lab exec foo chmod 0644 /opt/dnsapi/dns_knot.sh

# How acme.sh begins and ends, and what it keeps.
scene "where acme.sh is installed, its functions and its account.conf are used, and no credentials are written there"
lab exec foo sh -c 'mkdir -p /root/.acme.sh/dnsapi && cp /opt/dnsapi/dns_knot.sh /root/.acme.sh/dnsapi/'
put foo /root/.acme.sh/acme.sh 0755 <<'SH'
#!/usr/bin/env sh
_initpath() { ACCOUNT_CONF_PATH="$LE_WORKING_DIR/account.conf"; . "$ACCOUNT_CONF_PATH"; }
_readaccountconf_mutable() { eval "printf '%s' \"\$SAVED_$1\""; }
_saveaccountconf_mutable() { echo "SAVED_$1='$2'" >>"$ACCOUNT_CONF_PATH"; }
_get() { echo "get $1" >>/var/log/dnsapi; }
_debug() { :; }
_err() { echo "$*" >&2; return 1; }
main() {
  [ -z "$1" ] && echo "Usage: acme.sh <command>" && return
  "$@"
}
main "$@"
SH
put foo /root/.acme.sh/account.conf 0600 <<<"SAVED_KNOT_KEY='/etc/mxcert/hook.key'"
lab exec foo ln -s /usr/libexec/mxcert/hooks/dns/acme-sh /etc/mxcert/dns/knot
put foo /etc/mxcert/dns/knot.conf 0600 <<'CONF'
PROVIDER=dns_knot
KNOT_OVER_HTTP=1
CONF
with /etc/mxcert/dns/knot
issue
expect_exit 0
expect_same "get https://dns.example/
add _acme-challenge.mx.example.com
get https://dns.example/
del _acme-challenge.mx.example.com" "$(calls)"
expect_same "SAVED_KNOT_KEY='/etc/mxcert/hook.key'" "$(get foo /root/.acme.sh/account.conf)"
expect_no_leftovers
