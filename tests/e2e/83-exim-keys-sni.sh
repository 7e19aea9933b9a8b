#!/bin/bash
# Exim with two keys, and with certificates that are chosen by SNI: unsplit, split and plain configurations, by the hook
# itself and openssl, whatever mxcert makes of it.
. "$(dirname "$0")/lib.sh"

hooks=/usr/libexec/mxcert/hooks
sni=/etc/exim4/mxcert-sni

# A certificate of our own with both keys: make_lineage NAME NAMES
make_lineage() {
  # shellcheck disable=SC2016  # for the shell there
  lab exec foo sh -euc 'mkdir -p "/root/$0" && cd "/root/$0"
    make() { openssl req -x509 -nodes -days 30 -subj "/CN=$1 $2" -addext "subjectAltName=$3" -keyout "$2.key" -out "$2.crt" $4 2>/dev/null; }
    names=$(echo "$1" | sed "s/[^ ]*/DNS:&/g; s/ /,/g")
    make "$0" ecdsa "$names" "-newkey ec -pkeyopt ec_paramgen_curve:P-256"
    make "$0" rsa "$names" "-newkey rsa:2048"' "$1" "$2"
}

# deliver EVENT ROLE NAME NAMES KEY_TYPES: what mxcert does around the hook, `configure` being allowed by $configure
put foo /root/deliver 0755 <<'DELIVER'
#!/bin/bash
set -euo pipefail
export MXCERT_ROLE=$2 MXCERT_NAME=$3 MXCERT_NAMES=$4 MXCERT_KEY_TYPES=$5 MXCERT_CONFIGURE=$6
hook=/usr/libexec/mxcert/hooks/exim
"$hook" describe >/root/description
if [ "$1" = describe ]; then exit; fi
[ "$(jq .configured /root/description)" = false ] || export MXCERT_CONFIGURE=0
"$hook" check
jq -r --arg primary "${5%% *}" '.files[] | [.path, .content, .owner, .group, .mode, .key_type // $primary] | @tsv' /root/description |
  while IFS=$'\t' read -r path content owner group mode type; do
    cd "/root/$3"
    case $content in
      bundle) cat "$type.key" "$type.crt" ;;
      privkey) cat "$type.key" ;;
      fullchain) cat "$type.crt" ;;
      names) tr ' ' '\n' <<<"$4" ;;
    esac >"$path.new"
    chown "$owner:$group" "$path.new"
    chmod "$mode" "$path.new"
    mv "$path.new" "$path"
  done
"$hook" "$1"
DELIVER
deliver() { on foo /root/deliver "$@" "${configure:-0}"; expect_exit 0; }
description() { get foo /root/description | jq -r "$1"; }
expect_description() { [ "$(description "$1")" = true ] || fail "not true: $1: $(description .)"; }

# expect_shown SNI|- ecdsa|rsa SUBJECT: what a client with signatures of this kind alone is shown
expect_shown() {
  local name=(-servername "$1") signatures=ECDSA+SHA256
  [ "$1" != - ] || name=(-noservername)
  [ "$2" != rsa ] || signatures=rsa_pss_rsae_sha256:RSA+SHA256
  within 20 is_shown "$3" "$signatures" "${name[@]}"
}
is_shown() {
  local found
  found=$("$lab" exec client openssl s_client -connect 192.0.2.1:25 -starttls smtp -sigalgs "$2" "${@:3}" </dev/null 2>/dev/null |
    openssl x509 -noout -subject 2>/dev/null) || found=nothing
  [ "${found#subject=CN = }" = "$1" ]
}

make_lineage first.example 'mx.first.example'
make_lineage second.example 'mx.second.example www.second.example'
make_lineage third.example 'mx.third.example'

for mode in unsplit split; do
  scene "$mode: one file and two keys: the primary is installed, the lines for the second are told"
  lab exim-setup $mode
  configure=0
  deliver deploy default first.example mx.first.example 'ecdsa rsa'
  expect_description '.configured and (.files | map(.key_type) | unique) == ["ecdsa"]'
  expect_description '.missing_configuration | test("MAIN_TLS_CERTIFICATE == ") and test("mxcert\\+2.pem")'
  expect_shown - ecdsa 'first.example ecdsa'
  expect_shown - rsa nothing

  scene "$mode: configure = true adds a file for the second key"
  configure=1
  deliver deploy default first.example mx.first.example 'ecdsa rsa'
  expect_description '.configured == false and .configurable'
  expect_shown - ecdsa 'first.example ecdsa'
  expect_shown - rsa 'first.example rsa'
  expect_shown mx.second.example rsa 'first.example rsa'
  expect_file foo /etc/exim4/mxcert+2.pem root:Debian-exim 0640

  scene "$mode: a certificate for SNI needs nothing more to be written, and both its keys are shown to who asks for its names"
  configure=0
  deliver deploy sni second.example 'mx.second.example www.second.example' 'ecdsa rsa'
  expect_description '.configured'
  for name in mx.second.example WWW.second.example; do
    for type in ecdsa rsa; do expect_shown $name $type "second.example $type"; done
  done
  for type in ecdsa rsa; do expect_shown - $type "first.example $type"; done
  expect_file foo $sni/map root:Debian-exim 0640
  expect_file foo $sni/second.example.pem root:Debian-exim 0640
  expect_file foo $sni root:Debian-exim 0750

  scene "$mode: another one, with one key, changes nothing for the rest"
  deliver deploy sni third.example mx.third.example rsa
  expect_shown mx.third.example rsa 'third.example rsa'
  expect_shown mx.second.example ecdsa 'second.example ecdsa'
  expect_shown - ecdsa 'first.example ecdsa'

  scene "$mode: a first installation that is taken back leaves the map without it, whatever it was told to configure"
  lab exec foo sh -c "rm $sni/third.example.*"
  deliver_rollback() { on foo env MXCERT_ROLE=sni MXCERT_NAME="$1" MXCERT_NAMES="$2" MXCERT_KEY_TYPES=rsa MXCERT_CONFIGURE="$3" $hooks/exim rollback; }
  deliver_rollback third.example mx.third.example 0
  expect_exit 0
  expect_shown mx.third.example ecdsa 'first.example ecdsa'
  deliver_rollback third.example mx.third.example 1
  expect_exit 0
  expect_shown mx.second.example rsa 'second.example rsa'

  scene "$mode: names that the default certificate has got are shown by no other"
  make_lineage first.example 'mx.first.example www.second.example'
  deliver deploy default first.example 'mx.first.example www.second.example' 'ecdsa rsa'
  expect_shown www.second.example ecdsa 'first.example ecdsa'
  expect_shown mx.second.example ecdsa 'second.example ecdsa'

  scene "$mode: a second key that is no longer wanted is not left to expire"
  deliver deploy default first.example mx.first.example ecdsa
  expect_shown - rsa nothing
  lab exec foo sh -c 'cmp /root/first.example/ecdsa.crt /etc/exim4/exim.crt && grep -qF "$(sed -n 2p /root/first.example/ecdsa.crt)" /etc/exim4/mxcert+2.pem'

  scene "$mode: rollback takes away what was written, byte for byte"
  on foo env MXCERT_ROLE=default MXCERT_NAME=first.example MXCERT_NAMES=mx.first.example MXCERT_KEY_TYPES=ecdsa MXCERT_CONFIGURE=1 $hooks/exim rollback
  expect_exit 0
  on foo sh -c 'grep -r mxcert /etc/exim4/exim4.conf.localmacros /etc/exim4/conf.d; ls /etc/exim4/conf.d/main/000_mxcert'
  expect_no_stdout
  expect_shown mx.second.example ecdsa 'first.example ecdsa'
  lab exec foo rm -r $sni /etc/exim4/mxcert+2.pem
done

scene "plain: a list of two files, each with the key that it holds, and SNI by the line that is told"
lab exim-setup plain
# shellcheck disable=SC2016  # for the shell there
lab exec foo sh -c 'cd /etc/exim4 && for type in rsa ecdsa; do cat /root/third.example/$type.key /root/third.example/$type.crt >$type.pem && chown root:Debian-exim $type.pem && chmod 0640 $type.pem; done
  sed -i -e "s,^tls_certificate = .*,tls_certificate = /etc/exim4/rsa.pem : /etc/exim4/ecdsa.pem," -e "/^tls_privatekey/d" exim4.conf'
lab exim reload
configure=1
deliver deploy default first.example mx.first.example 'ecdsa rsa'
expect_description '[.files[] | .path + " " + .key_type] == ["/etc/exim4/rsa.pem rsa", "/etc/exim4/ecdsa.pem ecdsa"]'
for type in ecdsa rsa; do expect_shown - $type "first.example $type"; done
deliver describe sni second.example mx.second.example 'ecdsa rsa'
expect_description '.configured == false and .configurable == false'
line=$(description .missing_configuration | sed -n 's/^tls_certificate = //p')
get foo /etc/exim4/exim4.conf | awk -v line="$line" '/^tls_certificate/ { $0 = "tls_certificate = " line } { print }' >"$work/exim4.conf"
put foo /etc/exim4/exim4.conf <"$work/exim4.conf"
lab exim reload
expect_shown mx.second.example rsa 'first.example rsa'
deliver deploy sni second.example mx.second.example 'ecdsa rsa'
for type in ecdsa rsa; do
  expect_shown mx.second.example $type "second.example $type"
  expect_shown mx.first.example $type "first.example $type"
done

scene "a transport that shows our certificate when it sends is warned about"
get foo /etc/exim4/exim4.conf | sed '$a\
remote:\
  driver = smtp\
  tls_certificate = /etc/exim4/rsa.pem' >"$work/exim4.conf"
put foo /etc/exim4/exim4.conf <"$work/exim4.conf"
deliver describe default first.example mx.first.example 'ecdsa rsa'
expect_description '.warnings | length == 1 and (.[0] | test("transport remote shows /etc/exim4/rsa.pem"))'
