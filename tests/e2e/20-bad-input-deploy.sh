#!/bin/bash
# Daemons that are down, serve something else or are not set up for TLS, and hooks that do not work: what was served
# before still is, and the next run goes on from there without another certificate.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert
deployment() { state_of | jq -r ".deployments[\"${2:-exim}\"].$1"; }
digest_of_exim_files() { lab exec foo sha256sum /etc/exim4/exim.key /etc/exim4/exim.crt; }
# configure_hook HOOK [LINE…]: the same, with another hook
configure_hook() {
  standard_config example.com | sed "s,^hook = .*,hook = \"$1\"," | put foo /etc/mxcert/mxcert.toml
}

scene "Exim is not running: the certificate is installed, and that nobody has seen it served is an error"
configure example.com
lab exim stop
mxcert issue
expect_problem 1 'mx.example.com: exim: .*installed, not verified: Exim [0-9.]+ is not running' 'start it, then'
expect_stdout_like '^mx.example.com: version 0001 is not in service'
expect_file foo /etc/exim4/exim.key root:Debian-exim 0640
expect_same unverified "$(deployment state)"
lab exec foo sh -c "cmp /etc/exim4/exim.crt $state/live/mx.example.com/fullchain.pem"
mxcert renew
expect_problem 1 'is not running' 'start it'

scene "when it runs, renew looks at it and then has nothing to say, and the CA is not asked again"
lab exim start
ca_mark
mxcert renew
expect_exit 0
expect_stdout_like '^mx.example.com: deployed version 0001'
expect_same verified "$(deployment state)"
expect_served mx.example.com 25
mxcert renew
expect_exit 0
expect_no_output
expect_no_ca_requests

scene "Exim shows another certificate to those who say whom they want: everything is put back, by its files and by what it serves"
lab exim-setup plain
lab exec foo sh -c 'cd /etc/exim4 && openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=foo.example.com" -keyout other.key -out other.crt -days 30 2>/dev/null
  cp -p other.key exim.key; cp -p other.crt exim.crt
  chown root:Debian-exim *.key *.crt; chmod 0640 *.key
  sed -i -e "s,^tls_certificate = .*,tls_certificate = \${if eq{\$tls_in_sni}{mx.example.com}{/etc/exim4/other.crt}{/etc/exim4/exim.crt}}," \
    -e "s,^tls_privatekey = .*,tls_privatekey = \${if eq{\$tls_in_sni}{mx.example.com}{/etc/exim4/other.key}{/etc/exim4/exim.key}}," exim4.conf'
lab exim restart
expect_self_signed 25
hurry
before=$(digest_of_exim_files)
lab exec foo rm -r $state
mark
mxcert issue
expect_problem 1 'mx.example.com: exim: .*rolled back.*: after the reload .*SNI mx.example.com.* shows' "what was served before still is"
expect_stdout_like '^mx.example.com: version 0001 is not in service'
expect_same "$before" "$(digest_of_exim_files)"
expect_same "$marked_leaves" "$(leaves_of_mail_host)"
expect_self_signed 465
expect_no_leftovers
expect_same failed "$(deployment state)"
mxcert renew
expect_problem 1 'not tried again before'
expect_same "$marked_leaves" "$(leaves_of_mail_host)"

scene "once that is mended the certificate that there is goes into service"
lab exec foo sh -c "sed -i -e 's,^tls_certificate = .*,tls_certificate = /etc/exim4/exim.crt,' -e 's,^tls_privatekey = .*,tls_privatekey = /etc/exim4/exim.key,' /etc/exim4/exim4.conf"
ca_mark
mxcert deploy
expect_exit 0
expect_stdout 'installed and verified'
expect_served mx.example.com 25
expect_served mx.example.com 465
expect_no_ca_requests
mxcert renew
expect_exit 0
expect_no_output

scene "a configuration that Exim does not understand is told before anything is touched"
lab exec foo sh -c 'cp -a /etc/exim4/exim4.conf /run/exim4.conf; echo "tls_certifcate = /x" >/run/bad; cat /etc/exim4/exim4.conf >>/run/bad; cat /run/bad >/etc/exim4/exim4.conf'
mark
mxcert deploy
expect_problem 1 'mx.example.com: exim: .*hook exim .*Exim.*configuration' '.'
expect_untouched
lab exec foo sh -c 'cat /run/exim4.conf >/etc/exim4/exim4.conf'
mxcert deploy
expect_exit 0
expect_served mx.example.com 25

scene "Exim is not set up for TLS: the lines to write are told, and nothing is changed"
lab exim-setup notls
mark
mxcert deploy
expect_problem 1 'mx.example.com: exim: .*nothing installed: Exim [0-9.]+ is not set up for TLS' 'write these lines, or let mxcert do it: configure = true'
expect_stderr_like '^ +# in /etc/exim4/exim4.conf.localmacros$'
expect_stderr_like '^ +MAIN_TLS_ENABLE = yes$'
expect_stderr_like '^ +MAIN_TLS_CERTKEY = /etc/exim4/mxcert.pem$'
expect_untouched
mxcert issue
expect_problem 1 'is not set up for TLS' 'configure = true'
expect_no_ca_requests
expect_untouched

scene "configure = true writes them, and the certificate is served"
for mode in unsplit split; do
  if [ $mode = split ]; then
    lab exec foo sed -i "s/^dc_use_split_config=.*/dc_use_split_config='true'/" /etc/exim4/update-exim4.conf.conf
    lab exim restart
    macros=/etc/exim4/conf.d/main/000_mxcert
  else
    macros=/etc/exim4/exim4.conf.localmacros
  fi
  ca_mark
  mark
  { standard_config example.com; echo 'configure = true'; } | put foo /etc/mxcert/mxcert.toml
  mxcert issue
  expect_exit 0
  expect_served mx.example.com 25
  expect_file foo /etc/exim4/mxcert.pem root:Debian-exim 0640
  expect_file foo $macros root:root 0644
  on foo cat $macros
  expect_stdout 'BEGIN mxcert'
  mxcert issue
  expect_exit 0
  expect_stdout 'nothing is due'

  # and rollback takes it away again
  mxcert rollback mx.example.com
  expect_exit 0
  expect_stdout_like '^mx.example.com: withdrawn'
  expect_no_file foo $macros
  expect_no_file foo /etc/exim4/mxcert.pem
  on foo exim -bP tls_certificate
  expect_same 'tls_certificate = ' "$stdout"
  expect_no_ca_requests
done
on foo sh -c 'rm -f /var/lib/exim4/config.autogenerated; /etc/init.d/exim4 restart'
expect_exit 0

scene "a hook that is not there, or must not or cannot be run, is told where it is configured, with what to do"
lab exim-setup unsplit
mark
configure_hook exmi
mxcert deploy
expect_problem 2 '/etc/mxcert/mxcert.toml:[0-9]+:8: no hook "exmi" in ' 'did you mean exim\?'
configure_hook /root/nosuch
mxcert issue
expect_problem 2 'mxcert.toml:[0-9]+:8: no hook /root/nosuch'
put foo /root/hook 0644 <<<'#!/bin/sh'
configure_hook /root/hook
mxcert issue
expect_problem 2 'hook /root/hook is not executable' 'chmod \+x /root/hook'
lab exec foo chmod 0757 /root/hook
mxcert renew
expect_problem 2 'hook /root/hook can be written by others' 'chmod go-w /root/hook'

scene "a hook that fails or talks nonsense is told, with what it said"
put foo /root/hook 0755 <<<'#!/nosuch/interpreter'
mxcert deploy
expect_problem 1 'cannot run /root/hook'
put foo /root/hook 0755 <<'HOOK'
#!/bin/sh
echo "no $1 today" >&2
exit 3
HOOK
mxcert deploy
expect_problem 1 'hook hook describe exited with status 3: no describe today' '/root/hook describe'
put foo /root/hook 0755 <<'HOOK'
#!/bin/sh
echo '{ "version": 1, "files": "/etc/passwd" }'
HOOK
mxcert deploy
expect_problem 1 'hook hook describe: files: must be a list'
expect_untouched

scene "one target that fails does not keep another from its certificate"
{ get foo /etc/mxcert/mxcert.toml; printf '[[deploy]]\nhook = "exim"\n'; } >"$work/two"
put foo /etc/mxcert/mxcert.toml <"$work/two"
mxcert deploy
expect_problem 1 'hook hook describe: files: must be a list'
expect_stdout_like '^  exim: Exim [0-9.]+: (installed and verified|serves it already)'
expect_served mx.example.com 25

scene "a hook that does not end is ended, with all that it started, and told"
put foo /root/hangs 0755 <<'HOOK'
#!/bin/sh
echo "waiting for what never comes: $1" >&2
sleep 100000 &
echo $! >/run/hanging.pid
wait
HOOK
{ standard_config example.com | sed 's,^hook = .*,hook = "/root/hangs",'; echo 'timeout = 3'; } | put foo /etc/mxcert/mxcert.toml
hanging_since=$EPOCHSECONDS
mxcert deploy
expect_problem 1 'hook hangs describe did not end within 3 s: waiting for what never comes: describe' '/root/hangs describe'
[ $((EPOCHSECONDS - hanging_since)) -ge 2 ] || fail "it was ended early"
on foo sh -c 'kill -0 "$(cat /run/hanging.pid)"'
expect_different 0 "$status"

scene "and is ended at once when the run is interrupted"
configure_hook /root/hangs
lab exec foo rm /run/hanging.pid
"$lab" exec foo mxcert deploy >"$work/hanging" 2>&1 &
hanging=$!
within 10 "$lab" exec foo test -s /run/hanging.pid
lab exec foo pkill -INT -x mxcert
status=0
wait $hanging || status=$?
stderr=$(cat "$work/hanging")
expect_different 0 "$status"
expect_stderr interrupted
within 5 "$lab" exec foo sh -c '! kill -0 "$(cat /run/hanging.pid)"'
