# shellcheck shell=bash
# The other mail host, post: Debian's Postfix and Dovecot as their packages configure them. `lab post` starts it, for
# tests that want it.

post_start() {
  load_layers postfix
  host_start post post.example.com 192.0.2.2 2001:db8::2 postfix
  host_install_stage post
  post_configure
  postfix_control start
  dovecot_control start
}

# What the package asks at installation, and the services that an administrator switches on for users; the
# certificates stay those that the packages found.
post_configure() {
  host_exec post postconf -e 'myhostname = post.example.com' 'mydestination = $myhostname, localhost'
  host_exec post postconf -M \
    'submission/inet=submission inet n - y - - smtpd -o smtpd_tls_security_level=encrypt' \
    'submissions/inet=submissions inet n - y - - smtpd -o smtpd_tls_wrappermode=yes'
}

postfix_control() { daemon_control postfix 25 "${1:-}"; }
dovecot_control() { daemon_control dovecot 143 "${1:-}"; }

# daemon_control NAME PORT ACTION: through Debian's own init script
daemon_control() {
  local name=$1 port=$2 log=$lab_dir/log/$1 count=0
  case $3 in
    start | stop | restart | reload) ;;
    *) die "$name start|stop|restart|reload" ;;
  esac
  # Into a file: a daemon that keeps its standard error would keep a pipe open.
  host_exec post "/etc/init.d/$name" "$3" >"$log" 2>&1 </dev/null || die "$name $3: $(cat "$log")"
  [ "$3" != stop ] || return 0
  until host_exec post bash -c "exec 3<>/dev/tcp/192.0.2.2/$port" 2>/dev/null; do
    [ $((count += 1)) -le 600 ] || die "$name does not listen: $(cat "$log")"
    sleep 0.05
  done
}
