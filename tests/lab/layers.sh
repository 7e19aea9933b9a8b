# shellcheck shell=bash
# Layers: what a host has besides the machine's own files. Each is packages installed once per machine, kept as
# a tar file in $cache, unpacked into the lab's tmpfs by `lab up`, and stacked between `/` and the host's own changes.

layer_packages() {
  case $1 in
    base) echo knot knot-dnsutils unbound dns-root-data iproute2 procps ;;
    exim) echo exim4-daemon-light lsb-base iproute2 procps knot-dnsutils ;; # knsupdate: what tests give dns-01 as a hook
    postfix) echo postfix postfix-cdb postfix-lmdb dovecot-imapd dovecot-pop3d dovecot-managesieved ssl-cert lsb-base iproute2 procps ;;
    opensmtpd) echo opensmtpd iproute2 procps ;;
    sendmail) echo sendmail-bin sendmail-cf lsb-base iproute2 procps ;;
    courier) echo courier-mta courier-imap courier-pop lsb-base iproute2 procps ;;
    clients) echo certbot lego dehydrated uacme busybox time adns-tools jq ;;
    caddy) echo caddy ;;
    debian13) echo debootstrap ;;
    debian13-*) layer_packages "${1#debian13-}" ;;
    *) die "no such layer: $1" ;;
  esac
}

# Mail hosts are of this machine's release, or with MXCERT_LAB_DEBIAN=13 of Debian 13: then layer debian13 is their root,
# made by debootstrap, and what else they have lies above it.
mail_layers() {
  local layer
  case ${MXCERT_LAB_DEBIAN:-} in
    '') echo "$@" ;;
    13) for layer; do echo "debian13-$layer"; done; echo debian13 ;;
    *) die "MXCERT_LAB_DEBIAN is 13 or nothing, not $MXCERT_LAB_DEBIAN" ;;
  esac
}

# What a layer was made from: when any of it changes, the layer is made anew.
layer_key() {
  { cat /var/lib/dpkg/status "$here/layers.sh"; layer_packages "$1"; } | sha256sum | cut -c1-16
}

layer_file() { echo "$cache/$1-$(layer_key "$1").tar"; }

# build_layer NAME: makes the layer unless it is there. Two labs starting at once make it once.
build_layer() {
  local file
  file=$(layer_file "$1")
  [ -e "$file" ] && return
  mkdir -p "$cache"
  case $1 in debian13-*) build_layer debian13 ;; esac
  (
    flock 9
    [ -e "$file" ] && exit
    say "installing into layer $1 (once per machine, half a minute)"
    local log=$cache/$1.log
    # Another checkout may have layers of its own: only what nobody has made or used lately goes.
    find "$cache" -maxdepth 1 -name "$1-*.tar" -atime +7 -delete
    rm -f "$cache/$1".tmp.*
    if ! unshare --mount --pid --fork --kill-child bash -euo pipefail -c \
      '. "$0"; build_layer_here "$@"' "$here/layers.sh" "$1" "$cache/$1.tmp.$$" "$(layer_file debian13)" >"$log" 2>&1; then
      tail -n 30 "$log" >&2
      rm -f "$cache/$1.tmp.$$"
      die "layer $1 failed; the whole log is $log"
    fi
    mv "$cache/$1.tmp.$$" "$file"
  ) 9>"$cache/.lock"
}

# build_layer_here NAME OUT DEBIAN13: runs in mount and pid namespaces of its own, so that nothing needs to be taken down
# afterwards.
build_layer_here() {
  local name=$1 out=$2 below=/ work=/mnt
  mount --make-rprivate /
  mount -t tmpfs -o mode=0755 tmpfs "$work"
  mkdir "$work"/{upper,work,root,below}
  case $name in debian13-*)
    below=$work/below
    tar -C "$below" --xattrs --xattrs-include='*' -xf "$3"
    ;;
  esac
  mount -t overlay overlay -o "lowerdir=$below,upperdir=$work/upper,workdir=$work/work" "$work/root"
  local root=$work/root
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/run"
  mount -t tmpfs tmpfs "$root/tmp"
  rm -f "$root/etc/resolv.conf"
  cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 0755 "$root/usr/sbin/policy-rc.d"

  layer_preseed "${name#debian13-}" "$root"
  layer_install "$root" "$name"
  "layer_finish_${name#debian13-}" "$root" "$work/upper"

  rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/resolv.conf"
  umount -l "$root"
  tar -C "$work/upper" --xattrs --xattrs-include='*' --exclude='./run/*' --exclude='./tmp/*' --exclude=./var/log/apt \
    --exclude=./var/cache/apt --exclude=./var/cache/debconf/*-old --exclude=./var/lib/dpkg/*-old -cf "$out" .
}

layer_install() {
  local root=$1 packages options
  read -ra packages <<<"$(layer_packages "$2")"
  options=(-qq -y --no-install-recommends -o Dir::Cache=/tmp/apt -o DPkg::Options::=--force-unsafe-io
    -o DPkg::Options::=--force-confold -o APT::Sandbox::User=root)
  mkdir -p "$root/tmp/apt/archives/partial" "$root/tmp/lists/partial"
  in_layer() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }
  if ! in_layer apt-get install "${options[@]}" "${packages[@]}"; then
    # The machine's package lists are missing or too old: use fresh ones, for the layer only.
    options+=(-o Dir::State::Lists=/tmp/lists)
    in_layer apt-get update "${options[@]}"
    in_layer apt-get install "${options[@]}" "${packages[@]}"
  fi
}

layer_preseed() {
  case $1 in
    exim | postfix | opensmtpd | courier) "layer_preseed_$1" "$2" ;;
  esac
}

layer_preseed_postfix() {
  rm -f "$1/etc/mailname"
  echo post.example.com >"$1/etc/mailname"
  # The snakeoil certificate is there before them, as when ssl-cert was installed first: then both packages use it.
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=post.example.com \
    -keyout "$1/etc/ssl/private/ssl-cert-snakeoil.key" -out "$1/etc/ssl/certs/ssl-cert-snakeoil.pem"
  chroot "$1" debconf-set-selections <<'PRESEED'
postfix postfix/main_mailer_type select Internet Site
postfix postfix/mailname string post.example.com
man-db man-db/auto-update boolean false
PRESEED
}

layer_preseed_opensmtpd() {
  chroot "$1" debconf-set-selections <<'PRESEED'
opensmtpd opensmtpd/mailname string osmtpd.example.com
opensmtpd opensmtpd/root_address string
man-db man-db/auto-update boolean false
PRESEED
}

layer_preseed_courier() {
  chroot "$1" debconf-set-selections <<'PRESEED'
courier-base courier-base/webadmin-configmode boolean false
courier-base courier-base/maildirpath note
courier-mta courier-mta/defaultdomain string courier.example.com
man-db man-db/auto-update boolean false
PRESEED
}

layer_preseed_exim() {
  rm -f "$1/etc/mailname"
  echo foo.example.com >"$1/etc/mailname"
  chroot "$1" debconf-set-selections <<'PRESEED'
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
man-db man-db/auto-update boolean false
PRESEED
}

# Instead of what was installed for that: a whole tree, from the machine's own mirror.
layer_finish_debian13() {
  local mirror
  mirror=$(debian_mirror)
  mkdir "$1/tmp/tree"
  in_layer debootstrap --variant=minbase --include=netbase,openssl,ca-certificates,jq \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg trixie /tmp/tree "$mirror"
  rm -rf "${2:?}"/* "$1"/tmp/tree/var/cache/apt/archives/*.deb
  cp -a "$1/tmp/tree/." "$2/"
}

layer_finish_base() { layer_pebble "$1"; }
layer_finish_clients() { :; }
layer_finish_postfix() { :; }
layer_finish_caddy() { :; }
layer_finish_sendmail() { :; }
layer_finish_courier() { :; }

# The certificate that an administrator makes while following Debian's README: self-signed, for the host's own name.
layer_finish_exim() {
  local etc=$1/etc/exim4
  openssl req -x509 -newkey rsa:2048 -nodes -days 1095 -subj /CN=foo.example.com \
    -keyout "$etc/exim.key" -out "$etc/exim.crt"
  chroot "$1" chown root:Debian-exim /etc/exim4/exim.key /etc/exim4/exim.crt
  chroot "$1" chmod 0640 /etc/exim4/exim.key /etc/exim4/exim.crt
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
  [ -n "$mirror" ] && apt-get "${apt[@]}" update
}

debian_mirror() {
  apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' | awk '$1 == "Debian" && $2 == "Debian" {print $3; exit}'
}

# Debian 12 has Pebble 2.4. The newer one comes from sid; where that cannot be had, the distribution's own must do
# (`lab pebble version` tells which).
layer_pebble() {
  local dir=$1/tmp/pebble apt
  mkdir -p "$dir"
  cd "$dir" || return
  if ! { other_suite "$dir" sid && apt-get "${apt[@]}" download pebble/sid; }; then
    echo "no pebble from sid; taking the distribution's own"
    apt-get -qq -o APT::Sandbox::User=root download pebble || in_layer sh -c \
      'cd /tmp/pebble && apt-get -qq -o Dir::State::Lists=/tmp/lists -o APT::Sandbox::User=root download pebble'
  fi
  dpkg-deb -x pebble_*.deb unpacked
  cp unpacked/usr/bin/pebble "$1/usr/local/bin/pebble"
  dpkg-deb -f pebble_*.deb Version >"$1/usr/local/share/pebble-version"
}

# Debian 12's OpenSMTPD 6.8 fails every handshake with OpenSSL 3 (missing private key): the backport does not.
layer_finish_opensmtpd() {
  local dir=$1/tmp/backports apt
  dpkg --compare-versions "$(dpkg-query --admindir="$1/var/lib/dpkg" -Wf '${Version}' opensmtpd)" lt 7 || return 0
  mkdir -p "$dir"
  cd "$dir" || return
  if other_suite "$dir" bookworm-backports && apt-get "${apt[@]}" download opensmtpd/bookworm-backports; then
    in_layer sh -c 'dpkg --force-confold -i /tmp/backports/opensmtpd_*.deb'
  fi
}
