# shellcheck shell=bash
# DNS: Knot serves a signed root, the top-level domains and the test zones; Unbound resolves and validates from that
# root. A zone is a body in $zones/NAME.zone and a kind of delegation in $zones/NAME.kind:
#   secure (signed, DS in the parent), insecure (unsigned, no DS), bogus (signed, a DS that does not match),
#   servfail (the server answers SERVFAIL), silent (delegated to an address where nobody is: resolving takes long)
# All of it lies in the shared directory, so that it can be written here and read in host dns.

knot_dir=$share/knot
knot_conf=$knot_dir/knot.conf
zones=$knot_dir/zones
resolver_conf=$share/unbound.conf
name_server=ns.lab.example
# With it every zone may be changed (RFC 2136).
tsig_key=$share/tsig.key

dns_setup() {
  mkdir -p "$zones" "$knot_dir"/{served,ds}
  [ -e "$tsig_key" ] || tsig_key_make
  dns_load_scene
  dns_write
  host_exec dns keymgr -c "$knot_conf" . dnskey >"$share/root.key"
  echo ". 3600000 NS $name_server.
$name_server. 3600000 A 192.0.2.53
$name_server. 3600000 AAAA 2001:db8::53" >"$share/root.hints"
  resolver_write
  knot_control start
  unbound_control start
}

tsig_key_make() {
  (umask 077; printf 'key "mxcert-lab" {\n  algorithm hmac-sha256;\n  secret "%s";\n};\n' \
    "$(head -c 32 /dev/urandom | base64 -w 0)" >"$tsig_key")
}

dns_reset() {
  if [ -e "$knot_dir/changed" ]; then
    host_kill dns
    rm -rf "$knot_dir"
    host_start_dns
    dns_setup
  else
    knot_control start
    unbound_control start
    unbound_control flush
  fi
}

# The zones as the repository has them; a first line "; delegation: KIND" says how the parent knows the zone.
dns_load_scene() {
  local file kind
  for file in "$here"/zones/*.zone; do
    kind=$(sed -n '1s/^; delegation: //p' "$file")
    zone_put "$(basename "$file" .zone)" "$kind" <"$file"
  done
}

# zone_put NAME KIND < body: notes the zone, and the top-level domain above it if that is not there yet
zone_put() {
  cat >"$zones/$1.zone"
  echo "${2:-secure}" >"$zones/$1.kind"
  local above
  for above in "${1##*.}" root; do
    [ -e "$zones/$above.zone" ] || zone_put "$above" secure </dev/null
  done
}

zone_names() { (cd "$zones" && printf '%s\n' *.zone | sed 's/\.zone$//'); }
zone_kind() { cat "$zones/$1.kind"; }
# What Knot has and can answer for.
knot_zones() {
  local name
  for name in $(zone_names); do
    if zone_is_answered "$name"; then zone_origin "$name"; fi
  done
}
zone_is_answered() { case $(zone_kind "$1") in servfail | silent) return 1 ;; esac; }
zone_origin() { if [ "$1" = root ]; then echo .; else echo "$1."; fi; }

# The nearest zone above.
zone_parent() {
  local name=$1
  while [[ $name == *.* ]]; do
    name=${name#*.}
    [ -e "$zones/$name.zone" ] && { echo "$name"; return; }
  done
  echo root
}

# Writes knot.conf, makes missing keys, and writes all zones.
dns_write() {
  local name
  knot_write_conf
  keys_make
  for name in $(zone_names); do zone_write "$name"; done
}

knot_write_conf() {
  local name signing
  {
    cat <<CONF
server:
    rundir: /run/knot
    pidfile: knot.pid
    listen: [192.0.2.53@53, 2001:db8::53@53]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 2
control:
    listen: knot.sock
log:
  - target: /var/log/knot.log
    any: info
database:
    storage: /var/lib/knot
    journal-db-max-size: 100M
    kasp-db-max-size: 20M
    timer-db-max-size: 5M
key:
  - id: mxcert-lab
    algorithm: hmac-sha256
    secret: $(sed -n 's/.*secret "\(.*\)".*/\1/p' "$tsig_key")
acl:
  - id: update
    key: mxcert-lab
    action: [update, transfer]
policy:
  - id: lab
    algorithm: ecdsap256sha256
    single-type-signing: on
    manual: on
template:
  - id: default
    storage: $knot_dir/served
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
    semantic-checks: off
    acl: update
    dnssec-policy: lab
zone:
CONF
    for name in $(zone_names); do
      case $(zone_kind "$name") in
        silent) continue ;;
        insecure | servfail) signing=off ;;
        *) signing=on ;;
      esac
      printf '  - domain: %s\n    file: %s\n    dnssec-signing: %s\n' "$(zone_origin "$name")" "$name.zone" "$signing"
    done
  } >"$knot_conf"
}

# One key per signed zone, and its DS in $knot_dir/ds.
keys_make() {
  local name missing=()
  for name in $(zone_names); do
    [ -e "$knot_dir/ds/$name" ] || missing+=("$(zone_origin "$name")" "$knot_dir/ds/$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  host_exec dns bash -euc 'conf=$0
    while [ $# -gt 0 ]; do
      keymgr -c "$conf" "$1" generate algorithm=ecdsap256sha256 ksk=yes zsk=yes >/dev/null
      keymgr -c "$conf" "$1" ds >"$2"
      shift 2
    done' "$knot_conf" "${missing[@]}"
}

# zone_write NAME: the body with SOA, NS and the delegations to the zones below
zone_write() {
  local name=$1 child file=$knot_dir/served/$1.zone
  case $(zone_kind "$name") in
    # A zone that Knot has to serve and cannot load.
    servfail | silent) rm -f "$file"; return ;;
  esac
  {
    cat <<HEAD
\$ORIGIN $(zone_origin "$name")
\$TTL 5
@ SOA $name_server. hostmaster.lab.example. 1 3600 600 604800 5
@ NS $name_server.
HEAD
    for child in $(zone_names); do
      [ "$child" != root ] && [ "$(zone_parent "$child")" = "$name" ] && zone_delegate "$child"
    done
    echo "\$ORIGIN $(zone_origin "$name")"
    cat "$zones/$name.zone"
  } >"$file.tmp"
  mv "$file.tmp" "$file"
}

zone_delegate() {
  case $(zone_kind "$1") in
    silent) echo "$1. NS nobody.lab.example."; return ;;
  esac
  echo "$1. NS $name_server."
  case $(zone_kind "$1") in
    secure) awk '$5 == 2' "$knot_dir/ds/$1" ;;
    bogus) awk '$5 == 2 { gsub(/^..../, "dead", $6); print }' "$knot_dir/ds/$1" ;;
  esac
  if [[ .$name_server == *."$1" ]]; then
    echo "$name_server. A 192.0.2.53"
    echo "$name_server. AAAA 2001:db8::53"
  fi
}

# lab zone [--KIND] ZONE [FILE|-]
zone_command() {
  local kind=secure name file
  case ${1:-} in
    --show) cat "$zones/${2%.}.zone"; return ;;
    --secure | --insecure | --bogus | --servfail | --silent) kind=${1#--}; shift ;;
  esac
  name=${1:?zone} file=${2:--}
  name=${name%.}
  [[ $name =~ ^[a-z0-9_-]+(\.[a-z0-9_-]+)*$ ]] || die "not a zone name: $name"
  switch_running || die "not up in $lab_dir; hint: lab up"
  touch "$knot_dir/changed"

  local known='' answered
  if [ -e "$zones/$name.kind" ]; then known=$(zone_kind "$name"); fi
  if [ "$file" = - ]; then zone_put "$name" "$kind"; else zone_put "$name" "$kind" <"$file"; fi
  if [ "$known" = "$kind" ] && zone_is_answered "$name"; then
    zone_write "$name"
    host_exec dns knotc -c "$knot_conf" -b zone-reload "$name." >/dev/null ||
      die "zone $name: $(host_exec dns grep -F "[$name.]" /var/log/knot.log | tail -n 3)"
  else
    dns_write
    host_exec dns knotc -c "$knot_conf" reload >/dev/null
    mapfile -t answered < <(knot_zones)
    host_exec dns knotc -c "$knot_conf" -b zone-reload "${answered[@]}" >/dev/null
    if [ "$kind" = servfail ]; then
      host_exec dns knotc -c "$knot_conf" -b -f zone-purge +expire +journal "$name." >/dev/null
    fi
    knot_wait
  fi
  unbound_control flush
}

knot_control() {
  case $1 in
    start)
      host_runs dns /run/knot/knot.pid && return
      host_exec dns mkdir -p /run/knot
      host_exec dns knotd -c "$knot_conf" -d
      knot_wait
      ;;
    stop) host_stop_daemon dns /run/knot/knot.pid ;;
    *) die "dns start|stop" ;;
  esac
}

# Until every zone is answered with authority.
knot_wait() {
  local zone question=() count=0
  for zone in $(knot_zones); do question+=("$zone" SOA); done
  until [ "$(host_exec dns kdig @192.0.2.53 +short +time=1 +retry=0 "${question[@]}" 2>/dev/null | grep -c .)" = $((${#question[@]} / 2)) ]; do
    [ $((count += 1)) -le 600 ] || die "knot does not answer: $(host_exec dns tail -n 5 /var/log/knot.log)"
    sleep 0.05
  done
}

resolver_write() {
  cat >"$resolver_conf" <<CONF
server:
    interface: 192.0.2.54
    interface: 2001:db8::54
    access-control: 0.0.0.0/0 allow
    access-control: ::/0 allow
    username: ""
    chroot: ""
    directory: "/"
    pidfile: /run/unbound.pid
    logfile: /var/log/unbound.log
    use-syslog: no
    val-log-level: 2
    num-threads: 1
    root-hints: $share/root.hints
    trust-anchor-file: $share/root.key
    trust-anchor-signaling: no
    do-daemonize: yes
    qname-minimisation: yes
    prefetch: no
    # The CA looks through this resolver, and as its own would, for records that somebody just looked for in vain.
    cache-max-negative-ttl: 0
    aggressive-nsec: no
    serve-expired: no
    infra-cache-min-rtt: 50
remote-control:
    control-enable: yes
    control-interface: /run/unbound.ctl
    control-use-cert: no
CONF
}

unbound_control() {
  case $1 in
    start)
      host_runs dns /run/unbound.pid && return
      host_exec dns unbound -c "$resolver_conf"
      ;;
    stop) host_stop_daemon dns /run/unbound.pid ;;
    flush)
      local what
      for what in "flush_zone ." "flush_bogus" "flush_negative" "flush_infra all"; do
        # shellcheck disable=SC2086
        host_exec dns unbound-control -c "$resolver_conf" $what >/dev/null
      done
      ;;
    *) die "resolver start|stop|flush" ;;
  esac
}
