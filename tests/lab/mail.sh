# shellcheck shell=bash
# The mail host: Debian's Exim as its package configures it, and a client that looks at it from outside.

mail_start() {
  exim_configure "${MXCERT_LAB_EXIM:-unsplit}"
  host_install_stage foo
  exim_control start
}

# lab exim-setup MODE: configures the running host anew
exim_setup() {
  exim_control stop
  exim_configure "$1"
  exim_control start
}

# What an administrator writes who follows /usr/share/doc/exim4-base/README.Debian.gz, section 2.2.2, with a
# self-signed certificate, listening on 25 and 465.
exim_configure() {
  local tls='MAIN_TLS_ENABLE = yes
tls_on_connect_ports = 465
daemon_smtp_ports = 25 : 465'
  host_exec foo rm -f /etc/exim4/exim4.conf /etc/exim4/exim4.conf.localmacros /etc/exim4/conf.d/main/000_local
  case $1 in
    unsplit)
      exim_split false
      exim_write /etc/exim4/exim4.conf.localmacros <<<"$tls"
      ;;
    split)
      exim_split true
      exim_write /etc/exim4/conf.d/main/000_local <<<"$tls"
      ;;
    notls) exim_split false ;;
    # A configuration of the administrator's own, which Debian's update-exim4.conf leaves alone.
    plain)
      exim_write /etc/exim4/exim4.conf <<'CONF'
primary_hostname = foo.example.com
domainlist local_domains = @ : example.com : example.net : example.org
daemon_smtp_ports = 25 : 465
tls_on_connect_ports = 465
tls_advertise_hosts = *
tls_certificate = /etc/exim4/exim.crt
tls_privatekey = /etc/exim4/exim.key
acl_smtp_rcpt = acl_rcpt
begin acl
acl_rcpt:
  accept domains = +local_domains
  deny message = relay not permitted
begin routers
local:
  driver = accept
  domains = +local_domains
  transport = spool
begin transports
spool:
  driver = appendfile
  file = /var/mail/$local_part_data
CONF
      ;;
    *) die "exim-setup unsplit|split|plain|notls" ;;
  esac
}

exim_split() { host_exec foo sed -i "s/^dc_use_split_config=.*/dc_use_split_config='$1'/" /etc/exim4/update-exim4.conf.conf; }
exim_write() { host_exec foo sh -c 'cat >"$0"' "$1"; }

# Through Debian's own init script.
exim_control() {
  case $1 in
    start | stop | restart | reload)
      local output
      output=$(host_exec foo /etc/init.d/exim4 "$1" 2>&1) || die "exim $1: $output"
      ;;
    *) die "exim start|stop|restart|reload" ;;
  esac
  [ "$1" = stop ] || exim_wait
}

exim_wait() {
  local count=0
  until host_exec foo bash -c 'exec 3<>/dev/tcp/192.0.2.1/25' 2>/dev/null; do
    [ $((count += 1)) -le 600 ] || die "exim does not listen: $(host_exec foo tail -n 5 /var/log/exim4/mainlog /var/log/exim4/paniclog)"
    sleep 0.05
  done
}

# lab tls ADDRESS:PORT [starttls|implicit] [SNI|-]: what the client host is shown
tls_probe() {
  local target=${1:?address:port} how=${2:-} sni=${3:--} options=() output
  if [ -z "$how" ]; then
    case ${target##*:} in 465 | 993 | 995 | 443 | 14000 | 15000) how=implicit ;; *) how=starttls ;; esac
  fi
  case $how-${target##*:} in
    starttls-143) options+=(-starttls imap) ;;
    starttls-110) options+=(-starttls pop3) ;;
    starttls-4190 | starttls-2000) options+=(-starttls sieve) ;;
    starttls-*) options+=(-starttls smtp -name client.lab.example) ;;
    implicit-*) ;;
    *) die "starttls or implicit, not $how" ;;
  esac
  if [ "$sni" = - ]; then options+=(-noservername); else options+=(-servername "$sni"); fi
  output=$(host_exec client timeout 15 openssl s_client -connect "$target" "${options[@]}" </dev/null 2>&1 | tr -d "\0") || true
  grep -q 'BEGIN CERTIFICATE' <<<"$output" ||
    die "tls $target: no certificate shown: $(grep -iE 'error|refused|didn.t|timed|unable' <<<"$output" | head -n 2 | tr '\n' ' ')"
  openssl x509 -noout -nameopt oneline -subject -issuer -enddate -ext subjectAltName -fingerprint -sha256 <<<"$output" 2>/dev/null |
    sed -n -e 's/^subject=/subject  /p' -e 's/^issuer=/issuer   /p' -e 's/^notAfter=/until    /p' \
      -e 's/^ *DNS:/names    DNS:/p' -e 's/^sha256 Fingerprint=/sha256   /ip'
}
