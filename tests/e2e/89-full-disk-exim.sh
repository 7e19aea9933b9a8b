#!/bin/bash
# What the hook for Exim writes itself, on a disk that is full.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/full-disk.sh"

sni=/etc/exim4/mxcert-sni
on_small_disk /etc/exim4
for mode in unsplit split; do
  scene "$mode: macros, and how they are taken away"
  lab exim-setup $mode
  file=/etc/exim4/exim4.conf.localmacros
  [ $mode = unsplit ] || file=/etc/exim4/conf.d/main/000_mxcert
  before=$(contents)
  never_spoils $file deploy MXCERT_CONFIGURE=1
  on foo sh -c "grep -c mxcert $file"
  expect_exit 0
  if [ $mode = unsplit ]; then
    never_spoils $file rollback MXCERT_CONFIGURE=1
  else
    fill 0
    hook rollback MXCERT_CONFIGURE=1 # a file that goes needs no room
    expect_exit 0
  fi
  expect_contents "$before"
done

scene "the map for SNI, and the list of names that are not in it"
lab exec foo install -d -m 0750 -o root -g Debian-exim $sni
further_certificate $sni mx2.example.com
never_spoils $sni/map deploy MXCERT_ROLE=sni MXCERT_NAME=mx2.example.com
further_certificate $sni mx3.example.com
never_spoils $sni/map deploy MXCERT_ROLE=sni MXCERT_NAME=mx3.example.com
never_spoils $sni/default deploy
lab exec foo umount /etc/exim4

scene "without room for a look at the configuration nothing is described, rather than a half of it"
lab exec foo sh -c 'mount -t tmpfs -o size=64k,mode=1777 tmpfs /tmp && cat /dev/zero >/tmp/filler 2>/dev/null || :'
hook describe
expect_exit 1
expect_stderr 'update-exim4.conf cannot generate the configuration'
expect_no_stdout
lab exec foo umount /tmp
