# shellcheck shell=bash
# Layers: what a host's root consists of, nothing of which is the machine's own: it may be somebody's mail server. The
# lowest is a bare Debian, by debootstrap from the machine's mirror; upon it what every host has; upon that packages, as
# they are when they have just been installed. Each is made once per machine, kept as a tar file in $cache, and unpacked
# into the lab's tmpfs by `lab up`.

layer_packages() {
  case $1 in
    bare) ;;
    common) echo ca-certificates curl iproute2 jq knot-dnsutils less nano netbase openssl procps python3 ;;
    base) echo knot unbound dns-root-data ;;
    exim) echo exim4-daemon-light lsb-base ;;
    postfix) echo postfix postfix-cdb postfix-lmdb dovecot-imapd dovecot-pop3d dovecot-managesieved ssl-cert lsb-base ;;
    opensmtpd) echo opensmtpd ;;
    sendmail) echo sendmail-bin sendmail-cf lsb-base ;;
    courier) echo courier-mta courier-imap courier-pop lsb-base ;;
    clients) echo certbot lego dehydrated uacme busybox time adns-tools ;;
    caddy) echo caddy ;;
    *) die "no such layer: $1" ;;
  esac
}

# The layers that one stands on, from the lowest.
layers_below() {
  case $1 in
    bare) ;;
    common) echo bare ;;
    *) echo bare common ;;
  esac
}

# A lab is of one release: the machine's own, unless MXCERT_LAB_DEBIAN says another one.
machine_release() { sed -n 's/^VERSION_ID="\{0,1\}\([0-9]*\).*/\1/p' /etc/os-release; }
lab_release() { echo "${MXCERT_LAB_DEBIAN:-$(machine_release)}"; }
lab_suite() {
  case $(lab_release) in
    12) echo bookworm ;;
    13) echo trixie ;;
    *) die "the lab can be Debian 12 or 13, which this machine is not; hint: MXCERT_LAB_DEBIAN=13" ;;
  esac
}

# What layers are made from: when any of it changes, they are made anew.
layer_key() { sha256sum <"$here/layers.sh" | cut -c1-16; }

layer_file() { echo "$cache/debian$(lab_release)-$1-$(layer_key).tar"; }

# build_layer NAME: makes the layer, and what it stands on, unless it is there. Two labs starting at once make it once.
build_layer() {
  local file layer below=() suite
  file=$(layer_file "$1")
  [ ! -e "$file" ] || return 0
  suite=$(lab_suite)
  for layer in $(layers_below "$1"); do
    build_layer "$layer"
    below+=("$(layer_file "$layer")")
  done
  mkdir -p "$cache/archives/partial"
  (
    flock 9
    [ ! -e "$file" ] || exit 0
    say "making layer $1 of Debian $(lab_release), once per machine"
    local log=$cache/$1.log
    # Another checkout may have layers of its own: only what nobody has made or used lately goes.
    find "$cache" -maxdepth 1 -name '*.tar' -atime +7 -delete
    find "$cache/archives" -name '*.deb' -atime +30 -delete
    rm -f "$cache"/*.tmp
    if ! unshare --mount --pid --fork --kill-child bash -euo pipefail -c '. "$0"; build_layer_here "$@"' \
      "$here/layers.sh" "$1" "$suite" "$cache/archives" "$file.tmp" "${below[@]}" >"$log" 2>&1; then
      tail -n 30 "$log" >&2
      rm -f "$file.tmp"
      die "layer $1 failed; the whole log is $log"
    fi
    mv "$file.tmp" "$file"
  ) 9>"$cache/.lock"
}

# build_layer_here NAME SUITE ARCHIVES OUT BELOW…: runs in mount and pid namespaces of its own, so that nothing needs to be
# taken down afterwards.
build_layer_here() {
  local name=$1 suite=$2 archives=$3 out=$4 work=/mnt file below=''
  shift 4
  export http_proxy=${http_proxy:-} https_proxy=${https_proxy:-}
  eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
  mount --make-rprivate /
  mount -t tmpfs -o mode=0755 tmpfs "$work"
  mkdir "$work"/{upper,work,root}
  if [ "$name" = bare ]; then
    make_bare "$suite" "$archives" "$work/upper"
  else
    for file; do
      unpack_layer "$file" "$work/${file##*/}"
      below=$work/${file##*/}${below:+:$below}
    done
    mount -t overlay overlay -o "lowerdir=$below,upperdir=$work/upper,workdir=$work/work" "$work/root"
    install_layer "$name" "$archives" "$work/root"
    umount -l "$work/root"
  fi
  tar -C "$work/upper" --xattrs --xattrs-include='*' --exclude='./dev/*' --exclude='./run/*' --exclude='./tmp/*' \
    --exclude=./var/log/apt --exclude='./var/cache/apt/*.bin' --exclude='./var/cache/apt/archives/*' \
    --exclude='./var/cache/debconf/*-old' --exclude='./var/lib/dpkg/*-old' -cf "$out" .
}

# make_bare SUITE ARCHIVES TREE
make_bare() {
  debootstrap --variant=minbase --cache-dir="$2" --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    "$1" "$3" "$(debian_mirror)"
}

# unpack_layer FILE DIR [OPTION…]: options of tar
unpack_layer() {
  mkdir "$2"
  tar -C "$2" --xattrs --xattrs-include='*' "${@:3}" -xf "$1"
}

# load_layer FILE DIR: for hosts to stand on, so without what only people and apt read; once
load_layer() {
  [ ! -e "$2" ] || return 0
  unpack_layer "$1" "$2.tmp" --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
    --exclude='./usr/share/locale/*' --exclude='./var/lib/apt/lists/*'
  mv "$2.tmp" "$2"
}

# install_layer NAME ARCHIVES ROOT
install_layer() {
  local root=$3 packages
  local options=(-qq -y --no-install-recommends -o APT::Sandbox::User=root -o APT::Keep-Downloaded-Packages=true
    -o DPkg::Options::=--force-unsafe-io -o Acquire::https::CAInfo=/tmp/ca-certificates.crt)
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/run"
  mount -t tmpfs tmpfs "$root/tmp"
  mount --bind "$2" "$root/var/cache/apt/archives"
  cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
  if [ -e /etc/ssl/certs/ca-certificates.crt ]; then cp /etc/ssl/certs/ca-certificates.crt "$root/tmp"; fi
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 0755 "$root/usr/sbin/policy-rc.d"

  read -ra packages <<<"$(layer_packages "$1")"
  layer_preseed "$1"
  layer_install
  layer_finish "$1"

  rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/resolv.conf"
}

# What follows is called by install_layer and sees its $root, $packages and $options.

in_layer() {
  chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C \
    http_proxy="$http_proxy" https_proxy="$https_proxy" "$@"
}

layer_install() {
  if ! in_layer apt-get install "${options[@]}" "${packages[@]}"; then
    # The package lists are older than what the mirror has by now: use fresh ones, for this layer only.
    mkdir -p "$root/tmp/lists/partial"
    options+=(-o Dir::State::Lists=/tmp/lists)
    in_layer apt-get update "${options[@]}"
    in_layer apt-get install "${options[@]}" "${packages[@]}"
  fi
}

layer_preseed() {
  case $1 in
    exim | postfix | opensmtpd | courier) "layer_preseed_$1" ;;
  esac
}
layer_finish() {
  case $1 in
    base | exim | opensmtpd) "layer_finish_$1" ;;
  esac
}

layer_preseed_postfix() {
  echo post.example.com >"$root/etc/mailname"
  # The snakeoil certificate is there before them, as when ssl-cert was installed first: then both packages use it.
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=post.example.com \
    -keyout "$root/etc/ssl/private/ssl-cert-snakeoil.key" -out "$root/etc/ssl/certs/ssl-cert-snakeoil.pem"
  in_layer debconf-set-selections <<'PRESEED'
postfix postfix/main_mailer_type select Internet Site
postfix postfix/mailname string post.example.com
PRESEED
}

layer_preseed_opensmtpd() {
  in_layer debconf-set-selections <<'PRESEED'
opensmtpd opensmtpd/mailname string osmtpd.example.com
opensmtpd opensmtpd/root_address string
PRESEED
}

layer_preseed_courier() {
  in_layer debconf-set-selections <<'PRESEED'
courier-base courier-base/webadmin-configmode boolean false
courier-base courier-base/maildirpath note
courier-mta courier-mta/defaultdomain string courier.example.com
PRESEED
}

layer_preseed_exim() {
  echo foo.example.com >"$root/etc/mailname"
  in_layer debconf-set-selections <<'PRESEED'
exim4-config exim4/dc_eximconfig_configtype select internet site; mail is sent and received directly using SMTP
exim4-config exim4/mailname string foo.example.com
exim4-config exim4/dc_local_interfaces string
exim4-config exim4/dc_other_hostnames string example.com; example.net; example.org
exim4-config exim4/dc_relay_domains string
exim4-config exim4/dc_relay_nets string
exim4-config exim4/dc_minimaldns boolean false
exim4-config exim4/use_split_config boolean false
exim4-config exim4/dc_localdelivery select mbox format in /var/mail/
exim4-config exim4/dc_postmaster string root
PRESEED
}

# The certificate that an administrator makes while following Debian's README: self-signed, for the host's own name.
layer_finish_exim() {
  local etc=$root/etc/exim4
  openssl req -x509 -newkey rsa:2048 -nodes -days 1095 -subj /CN=foo.example.com \
    -keyout "$etc/exim.key" -out "$etc/exim.crt"
  in_layer chown root:Debian-exim /etc/exim4/exim.key /etc/exim4/exim.crt
  in_layer chmod 0640 /etc/exim4/exim.key /etc/exim4/exim.crt
}

# other_suite DIR SUITE: sets `apt` to the options of an apt state of its own in DIR that has another suite of the same
# mirror; fails where it cannot be had.
other_suite() {
  local mirror
  mkdir -p "$1"/{state/lists/partial,cache/archives/partial,parts}
  mirror=$(debian_mirror)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $2 main" >"$1/sources.list"
  apt=(-qq -o Dir::Etc::SourceList="$1/sources.list" -o Dir::Etc::SourceParts="$1/parts"
    -o Dir::Etc::PreferencesParts="$1/parts" -o Dir::State="$1/state" -o Dir::State::Status=/var/lib/dpkg/status
    -o Dir::Cache="$1/cache" -o APT::Sandbox::User=root)
  apt-get "${apt[@]}" update
}

# Where the machine has its own packages from.
debian_mirror() {
  apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' |
    awk '$1 == "Debian" && $2 == "Debian" && $3 ~ "^https?://" { found = $3; exit }
      END { print found ? found : "http://deb.debian.org/debian" }'
}

# Debian 12 has Pebble 2.4. The newer one comes from sid; where that cannot be had, the distribution's own must do
# (`lab pebble version` tells which).
layer_finish_base() {
  local dir=$root/tmp/pebble apt
  mkdir -p "$dir"
  cd "$dir" || return
  if ! { other_suite "$dir" sid && apt-get "${apt[@]}" download pebble/sid; }; then
    echo "no pebble from sid; taking the distribution's own"
    in_layer sh -c 'cd /tmp/pebble && apt-get "$@" download pebble' sh "${options[@]}"
  fi
  dpkg-deb -x pebble_*.deb unpacked
  cp unpacked/usr/bin/pebble "$root/usr/local/bin/pebble"
  dpkg-deb -f pebble_*.deb Version >"$root/usr/local/share/pebble-version"
}

# Debian 12's OpenSMTPD 6.8 fails every handshake with OpenSSL 3 (missing private key): the backport does not.
layer_finish_opensmtpd() {
  local dir=$root/tmp/backports apt
  dpkg --compare-versions "$(dpkg-query --admindir="$root/var/lib/dpkg" -Wf '${Version}' opensmtpd)" lt 7 || return 0
  mkdir -p "$dir"
  cd "$dir" || return
  if other_suite "$dir" bookworm-backports && apt-get "${apt[@]}" download opensmtpd/bookworm-backports; then
    in_layer sh -c 'dpkg --force-confold -i /tmp/backports/opensmtpd_*.deb'
  fi
}
