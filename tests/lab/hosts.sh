# shellcheck shell=bash
# Hosts. The lab is one process tree: a "switch" with the lab's memory and a bridge, and inside its pid namespace one
# pid 1 per host. Killing the switch ends everything; nothing of it is ever visible in the machine's own namespaces.

require_rights() {
  [ "$(id -u)" = 0 ] || { say "needs root: skipped"; exit 77; }
  local probe
  probe='mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/r &&
         mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r'
  unshare --net --mount --pid --uts --ipc --fork sh -c "$probe" 2>/dev/null ||
    { say "this machine allows no namespaces or no overlay mounts: skipped"; exit 77; }
}

# A pid alone could be somebody else's by now: its start time tells.
record_pid() { echo "$2 $(start_time "$2")" >"$1"; }
start_time() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  read -ra stat <<<"${stat##*) }"   # the fields after the program's name, which may hold anything
  echo "${stat[19]}"
}
recorded_pid() {
  local pid started
  { read -r pid started <"$1"; } 2>/dev/null || return 1
  [ "$(start_time "$pid")" = "$started" ] && echo "$pid"
}

kill_and_wait() {
  kill -KILL "$1" 2>/dev/null || return 0
  while [ -d "/proc/$1" ]; do sleep 0.02; done
}

switch_pid() { recorded_pid "$lab_dir/switch.pid"; }
switch_running() { switch_pid >/dev/null; }

start_switch() {
  local layers=() layer pid
  for layer; do layers+=("$layer=$(layer_file "$layer")"); done
  read -r pid < <(setsid unshare --net --mount --pid --uts --ipc --fork "$here/host-init" switch "$lab_dir" "${layers[@]}" \
    </dev/null 2>"$lab_dir/log/switch" & ) || die "the switch did not start: $(cat "$lab_dir/log/switch")"
  record_pid "$lab_dir/switch.pid" "$pid"
}

# load_layers LAYER…: those that are not in the lab's memory yet
load_layers() {
  local layer switch memory=$lab_dir/mem/layers
  switch=$(switch_pid) || die "not up in $lab_dir; hint: lab up"
  for layer; do
    build_layer "$layer"
    nsenter --target "$switch" --mount bash -euc '. "$0"; load_layer "$@"' "$here/layers.sh" "$(layer_file "$layer")" "$memory/$layer"
  done
}

stop_switch() {
  local pid
  if pid=$(switch_pid); then kill_and_wait "$pid"; fi
}

host_names() { ls "$lab_dir/hosts"; }
host_pid() { recorded_pid "$lab_dir/hosts/$1/pid" || die "host $1 is not up in $lab_dir"; }

# host_start NAME FQDN V4[,V4…] V6[,V6…] LAYER…
host_start() {
  local name=$1 fqdn=$2 v4=$3 v6=$4 switch pid address
  shift 4
  switch=$(switch_pid) || die "not up in $lab_dir; hint: lab up"
  if recorded_pid "$lab_dir/hosts/$name/pid" >/dev/null; then die "host $name is up already"; fi
  mkdir -p "$lab_dir/hosts/$name"
  echo "$v4 $v6" >"$lab_dir/hosts/$name/addresses"
  read -r pid < <(setsid nsenter --target "$switch" --mount --pid \
    unshare --net --mount --pid --uts --ipc --fork "$here/host-init" host "$lab_dir" "$repo" "$fqdn" "$v4,$v6" "$@" \
    </dev/null 2>"$lab_dir/log/$name" & ) || die "host $name did not start: $(cat "$lab_dir/log/$name")"
  record_pid "$lab_dir/hosts/$name/pid" "$pid"

  # A link address made from the IPv4 address: a host that is started again is not unknown to its neighbours.
  local octets=${v4%%,*}
  read -ra octets <<<"${octets//./ }"
  nsenter --target "$switch" --net ip -batch - <<LINK
link add $name type veth peer name eth0 address $(printf '02:00:%02x:%02x:%02x:%02x' "${octets[@]}") netns $pid
link set $name master switch up
LINK
  {
    echo "link set lo up"
    for address in ${v4//,/ }; do echo "addr add $address/24 dev eth0"; done
    for address in ${v6//,/ }; do echo "addr add $address/64 dev eth0 nodad"; done
    echo "link set eth0 up"
  } | nsenter --target "$pid" --net ip -batch -
}

host_kill() {
  local pid switch
  if pid=$(recorded_pid "$lab_dir/hosts/$1/pid"); then kill_and_wait "$pid"; fi
  # The kernel takes down a dead host's network in its own time, but the next host of this name needs the link's now.
  if switch=$(switch_pid); then nsenter --target "$switch" --net ip link delete "$1" 2>/dev/null || true; fi
  rm -rf "${lab_dir:?}/hosts/$1"
}

# host_exec HOST CMD…: with a clean environment, but for what tests need to hand in. Hosts know no other locale.
host_exec() {
  local pid keep=(LANG=C.UTF-8) name
  pid=$(host_pid "$1")
  shift
  for name in TERM ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS TSAN_OPTIONS ${!MXCERT_@}; do
    [ -n "${!name:-}" ] && keep+=("$name=${!name}")
  done
  nsenter --target "$pid" --mount --net --pid --uts --ipc \
    env -i -C "$(host_directory "$pid")" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root USER=root LOGNAME=root SHELL=/bin/bash "${keep[@]}" "$@"
}

# The caller's directory where the host has it too, as it has the repository.
host_directory() {
  if nsenter --target "$1" --mount test -d "$PWD"; then echo "$PWD"; else echo /; fi
}

# Installed as a package would, so that hooks and manual pages are where mxcert looks for them.
host_install() {
  [ -d "$1" ] || die "nothing is built in $1"
  local stage=$lab_dir/stage
  rm -rf "$stage"
  DESTDIR=$stage cmake --install "$1" --prefix /usr >"$lab_dir/log/install" || die "cmake --install $1 failed"
  stage_libraries "$stage/usr/sbin/mxcert" "$stage/opt/mxcert"
  host_install_stage foo
  if recorded_pid "$lab_dir/hosts/post/pid" >/dev/null; then host_install_stage post; fi
}
host_install_stage() {
  [ -d "$lab_dir/stage" ] || return 0
  tar -C "$lab_dir/stage" -c . | host_exec "$1" sh -c 'tar -C / --no-same-owner --no-overwrite-dir -x && ldconfig'
}

# stage_libraries PROGRAM DIR: with it come the libraries that it was linked with. Where hosts are of this machine's
# release, in a folder that is searched last, since each host has others of its own (Exim brings libunbound, Postfix does
# not); else with the loader, which goes by the program's name.
stage_libraries() {
  local libraries loader library
  mapfile -t libraries < <(ldd "$1" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p')
  mkdir -p "$2"
  if [ "$(lab_release)" = "$(machine_release)" ]; then
    mkdir -p "$stage/etc/ld.so.conf.d"
    echo /opt/mxcert >"$stage/etc/ld.so.conf.d/zz-mxcert.conf"
  else
    loader=$(ldd "$1" | sed -n 's/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p')
    mv "$1" "$2/program"
    cp --dereference "$loader" "$2/mxcert"
    ln -s /usr/libexec/mxcert/hooks "$2/mxcert-hooks"
    printf '%s\n' '#!/bin/sh' 'exec /opt/mxcert/mxcert --library-path /opt/mxcert --argv0 "$0" /opt/mxcert/program "$@"' >"$1"
    chmod 0755 "$1"
  fi
  for library in "${libraries[@]}"; do
    cp --dereference "$library" "$2"
  done
}

# Daemons, by the pid file that they write in their host.
host_runs() {
  host_exec "$1" sh -c 'read -r pid <"$0" && kill -0 $pid' "$2" 2>/dev/null
}
host_stop_daemon() {
  host_exec "$1" sh -c 'read -r pid <"$0" && kill $pid && while kill -0 $pid; do sleep 0.02; done; rm -f "$0"' "$2" 2>/dev/null || true
}
