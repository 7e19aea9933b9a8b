#!/bin/bash
# Makes a machine of tests/machines somebody's mail server: installed before mxcert comes, with a configuration that is
# not the packages' own, and running. Runs inside.
#
#   mail.sh install exim|postfix      once
#   mail.sh start                     what is installed
set -euo pipefail

# The machine shares its network with that which it is on: an address that nobody else uses.
address=127.25.0.1

install_packages() {
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 0755 /usr/sbin/policy-rc.d
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install openssl "$@"
  rm /usr/sbin/policy-rc.d
}

own_certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=mail.example.net" -keyout "$1.key" -out "$1.crt" 2>/dev/null
}

# Another flavour of Exim, with a smarthost, split configuration, and what somebody wrote for it.
install_exim() {
  debconf-set-selections <<'PRESEED'
exim4-config exim4/dc_eximconfig_configtype select mail sent by smarthost; received via SMTP or fetchmail
exim4-config exim4/mailname string mail.example.net
exim4-config exim4/dc_local_interfaces string 127.25.0.1
exim4-config exim4/dc_other_hostnames string example.net
exim4-config exim4/dc_smarthost string smarthost.example.net
exim4-config exim4/use_split_config boolean true
exim4-config exim4/dc_localdelivery select Maildir format in home directory
PRESEED
  echo mail.example.net >/etc/mailname
  install_packages exim4-daemon-heavy
  own_certificate /etc/exim4/own
  chgrp Debian-exim /etc/exim4/own.key
  chmod 0640 /etc/exim4/own.key
  cat >/etc/exim4/conf.d/main/000_own <<'MACROS'
MAIN_TLS_ENABLE = yes
MAIN_TLS_CERTIFICATE = /etc/exim4/own.crt
MAIN_TLS_PRIVATEKEY = /etc/exim4/own.key
MAIN_HARDCODE_PRIMARY_HOSTNAME = mail.example.net
daemon_smtp_ports = 25 : 587
MACROS
  echo "root: somebody@example.net" >>/etc/aliases
}

# The machine's MTA is Postfix, with services of its own; Dovecot has a password file and a certificate of its own.
install_postfix() {
  debconf-set-selections <<'PRESEED'
postfix postfix/main_mailer_type select Internet Site
postfix postfix/mailname string mail.example.net
PRESEED
  echo mail.example.net >/etc/mailname
  install_packages postfix postfix-lmdb dovecot-imapd dovecot-lmtpd
  own_certificate /etc/postfix/own
  postconf -e myhostname=mail.example.net inet_interfaces=loopback-only mydestination=example.net \
    smtpd_tls_cert_file=/etc/postfix/own.crt smtpd_tls_key_file=/etc/postfix/own.key smtpd_tls_security_level=encrypt \
    virtual_mailbox_domains=example.org virtual_transport=lmtp:unix:private/dovecot-lmtp
  postconf -MX smtp/inet
  postconf -M "$address:smtp/inet=$address:smtp inet n - y - - smtpd" \
    "$address:submissions/inet=$address:submissions inet n - y - - smtpd -o smtpd_tls_wrappermode=yes"
  echo 'somebody:{PLAIN}secret' >/etc/dovecot/own-users
  cat >/etc/dovecot/conf.d/99-own.conf <<CONF
listen = $address
ssl = required
auth_mechanisms = plain login
CONF
}

start() {
  local name started='' count=0
  for name in exim4 postfix dovecot; do
    [ -e "/etc/init.d/$name" ] || continue
    "/etc/init.d/$name" start >/dev/null 2>&1 </dev/null
    started=yes
  done
  [ -n "$started" ] || return 0
  until bash -c "exec 3<>/dev/tcp/$address/25" 2>/dev/null; do
    [ $((count += 1)) -le 300 ] ||
      { echo "machines: the machine's own mail server does not listen on $address:25" >&2; exit 1; }
    sleep 0.1
  done
}

case ${1:-} in
  install) "install_$2" ;;
  start) start ;;
  *) echo "usage: mail.sh install exim|postfix, mail.sh start" >&2; exit 2 ;;
esac
