# shellcheck shell=bash
# The CA: Pebble on https://ca.lab.example:14000/dir, management on 15000. It resolves through the lab's resolver and
# validates http-01 on port 80 and tls-alpn-01 on port 443, as a public CA does.

pebble_host=ca.lab.example
pebble_config=$share/pebble.json
pebble_environment=$share/pebble.env

# The CA whose word the directory's own HTTPS rests on: what `[ca] trust` names.
scene_ca_https() {
  (
    cd "$share" || exit
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=Lab HTTPS root" \
      -keyout ca-trust.key -out ca-trust.pem
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$pebble_host" \
      -keyout pebble.key -out pebble.csr
    openssl x509 -req -in pebble.csr -CA ca-trust.pem -CAkey ca-trust.key -days 30 -set_serial 1 -out pebble.crt \
      -extfile <(printf 'subjectAltName=DNS:%s,IP:192.0.2.14,IP:2001:db8::14\nextendedKeyUsage=serverAuth\n' "$pebble_host")
    rm ca-trust.key pebble.csr
  ) 2>/dev/null
}

# One profile only: from several, Pebble picks at random when a client names none.
pebble_defaults() {
  echo PEBBLE_VA_NOSLEEP=1 >"$pebble_environment"
  cat >"$pebble_config" <<JSON
{ "pebble": {
    "listenAddress": "[::]:14000", "managementListenAddress": "[::]:15000",
    "certificate": "$share/pebble.crt", "privateKey": "$share/pebble.key",
    "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": false,
    "domainBlocklist": ["blocked.example"], "retryAfter": { "authz": 1, "order": 1 },
    "profiles": { "default": { "description": "ninety days", "validityPeriod": 7776000 } } } }
JSON
}

pebble_start() {
  [ -e "$pebble_config" ] || pebble_defaults
  host_runs ca /run/pebble.pid && return
  local environment=() options=()
  mapfile -t environment <"$pebble_environment"
  # "STRICT=1" stands for the one thing that Pebble takes as an option.
  case " ${environment[*]} " in *" STRICT=1 "*) options+=(-strict) ;; esac
  host_exec ca env "${environment[@]}" setsid sh -c 'pebble "$@" >>/var/log/pebble.log 2>&1 </dev/null &
    echo $! >/run/pebble.pid' sh -config "$pebble_config" -dnsserver 192.0.2.54:53 "${options[@]}"
  local count=0
  until host_exec ca bash -c 'exec 3<>/dev/tcp/127.0.0.1/14000 4<>/dev/tcp/127.0.0.1/15000' 2>/dev/null; do
    if [ $((count += 1)) -gt 600 ] || ! host_runs ca /run/pebble.pid; then
      die "pebble did not start: $(pebble_logs | tail -n 5)"
    fi
    sleep 0.05
  done
}

pebble_stop() { host_stop_daemon ca /run/pebble.pid; }
pebble_logs() { host_exec ca cat /var/log/pebble.log; }

# pebble_restart [KEY=VALUE…] [JSON…]: starts from the defaults, so that what is not named is as it was after `up`
pebble_restart() {
  local setting merged
  pebble_stop
  pebble_defaults
  [ $# -eq 0 ] || touch "$share/pebble.changed"
  for setting; do
    case $setting in
      \{*)
        merged=$(jq --argjson more "$setting" '.pebble *= $more' "$pebble_config") || die "not JSON: $setting"
        printf '%s\n' "$merged" >"$pebble_config"
        ;;
      *=*) echo "$setting" >>"$pebble_environment" ;;
      *) die "neither KEY=VALUE nor JSON: $setting" ;;
    esac
  done
  pebble_start
}

pebble_reset() {
  if [ -e "$share/pebble.changed" ]; then
    rm -f "$share/pebble.changed"
    pebble_restart
  else
    pebble_start
  fi
}

pebble_command() {
  case ${1:-} in
    start) pebble_start ;;
    stop) pebble_stop ;;
    restart) shift; pebble_restart "$@" ;;
    logs) pebble_logs ;;
    version) host_exec ca cat /usr/local/share/pebble-version ;;
    dir) echo "https://$pebble_host:14000/dir" ;;
    *) die "pebble start|stop|restart|logs|version|dir" ;;
  esac
}

# The management interface has it, over the same HTTPS.
ca_root() {
  host_exec client curl --silent --show-error --fail --cacert "$share/ca-trust.pem" "https://$pebble_host:15000/roots/0"
}
