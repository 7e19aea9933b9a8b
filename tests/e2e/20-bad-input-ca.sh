#!/bin/bash
# A CA that is not there, not trusted or refuses, and what is in the way of its looking at us.
. "$(dirname "$0")/lib.sh"

state=/var/lib/mxcert

scene "port 80 is taken: the process that has it is named, and nothing is asked of the CA"
configure example.com
on foo sh -c "setsid perl -MIO::Socket::INET -e '
  \$s = IO::Socket::INET->new(LocalPort => 80, Listen => 5, ReuseAddr => 1) or die; sleep 600' </dev/null >/dev/null 2>&1 &
  echo \$! >/run/web.pid"
within 5 "$lab" exec foo bash -c 'exec 3<>/dev/tcp/127.0.0.1/80'
mark
mxcert issue
expect_problem 1 'mx.example.com: cannot listen on .*80: already in use by perl \(pid [0-9]+\)' 'stop perl'
expect_stderr "pid $(get foo /run/web.pid)"
expect_no_ca_requests
expect_untouched

scene "another address can be listened on instead"
standard_config example.com | sed '/^\[domains\]/i [challenge]\nlisten = ["127.0.0.1:8080"]\n' | put foo /etc/mxcert/mxcert.toml
mxcert config check
expect_exit 0
expect_stdout_like '^challenge.listen +127.0.0.1:8080'
on foo sh -c 'kill "$(cat /run/web.pid)"'
configure example.com

scene "the CA is not there: nothing is half-done, and the run ends in time"
lab pebble stop
mark
mxcert issue
expect_problem 1 'mx.example.com: .*ca.lab.example.*' '.'
expect_stderr_like 'refused|connect'
expect_stdout_like '^mx.example.com: failed'
expect_untouched
expect_no_file foo $state/live/mx.example.com
expect_same '' "$(lab exec foo find $state/accounts -type f)"

scene "renew does not try again at once: failures back off, across runs"
mxcert renew
expect_problem 1 'not tried again before 20[0-9-]+T[0-9:]+Z, since it failed at .*: mx.example.com: .*ca.lab.example' '.'
expect_same 2 "$(state_of | jq .failure.count)"
mxcert issue
expect_exit 1
expect_same 3 "$(state_of | jq .failure.count)"
lab pebble start
ca_mark
mxcert renew
expect_problem 1 'not tried again before'
expect_no_ca_requests

scene "the CA's HTTPS cannot be trusted: nothing is sent to it, and the hint names the option"
standard_config example.com | sed '/^trust/d' | put foo /etc/mxcert/mxcert.toml
mxcert issue
expect_problem 1 'ca.lab.example.*certificate' '\[ca\] trust|--ca-trust'
standard_config example.com | sed 's,^trust.*,trust = "/etc/mxcert/nosuch.pem",' | put foo /etc/mxcert/mxcert.toml
mxcert issue
expect_problem 1 '/etc/mxcert/nosuch.pem' '.'
expect_no_ca_requests

scene "an URL that is no ACME directory is told as such"
standard_config example.com | sed 's,^directory.*,directory = "https://ca.lab.example:15000/roots/0",' | put foo /etc/mxcert/mxcert.toml
mxcert issue
expect_problem 1 'ca.lab.example:15000' '.'
expect_not_stderr 'BEGIN CERTIFICATE'

scene "terms that were not agreed to are shown, and no account is made"
standard_config example.com | sed '/^agree_tos/d' | put foo /etc/mxcert/mxcert.toml
terms=$(lab exec foo curl -sS --cacert "$("$lab" ca-trust)" "$("$lab" pebble dir)" | jq -r .meta.termsOfService)
mxcert issue
expect_problem 1 'terms of service' 'agree_tos = true or --agree-tos'
expect_stderr "$terms"
expect_ca_requests 0 'POST /'
expect_untouched

scene "and then the same command goes all the way"
configure example.com
mxcert issue
expect_exit 0
expect_served mx.example.com 25
expect_same null "$(state_of | jq .failure)"

scene "a name that the CA cannot validate is reported, and the good one beside it gets its certificate"
# mx.elsewhere.example is said to be ours, but the CA finds nobody there.
zone elsewhere.example <<<'@ MX 10 mx
mx A 192.0.2.200'
hosts='/^\[domains\]/i [hosts]\nnames = ["mx.elsewhere.example"]\n'
standard_config example.com second.example elsewhere.example | sed "$hosts" | put foo /etc/mxcert/mxcert.toml
ca_mark
mxcert issue
expect_problem 1 'mx.elsewhere.example: .*connection' 'the CA must reach this host'
expect_stdout_like '^mx.example.com: issued version 0002 for 2 names'
expect_names "mx.example.com mx2.example.com" 25
expect_served mx2.example.com 25
expect_ca_orders 2
expect_no_leftovers
leaf=$(served - 25)

scene "asking again orders once, and leaves alone what is served"
ca_mark
mxcert issue
expect_problem 1 'mx.elsewhere.example: .*connection' 'the CA must reach this host'
expect_ca_orders 1
expect_same "$leaf" "$(served - 25)"
expect_no_leftovers

scene "renew leaves the name alone, longer each time, without a word: its refusal was told"
mxcert renew
expect_exit 0
expect_no_output
ca_mark
mxcert renew
expect_exit 0
expect_no_output
expect_no_ca_requests
first=$(lab exec foo mxcert status --json | jq -r '.certificates[0].failing_names[0].failure.next_attempt')
mxcert issue
expect_exit 1
mxcert status --json
expect_exit 0
expect_json '.certificates[0].failure == null and (.certificates[0].failing_names | length) == 1'
expect_json ".certificates[0].failing_names[0] | .name == \"mx.elsewhere.example\" and .failure.count == 3
  and (.failure.next_attempt | fromdate) > (\"$first\" | fromdate)"
expect_json '.certificates[0].desired | index("mx.elsewhere.example") != null'

scene "once the name leads here, it comes in"
zone elsewhere.example <<<'@ MX 10 mx
mx A 192.0.2.1'
mxcert issue
expect_exit 0
expect_names "mx.elsewhere.example mx.example.com mx2.example.com" 25
expect_same null "$(state_of | jq .failing_names)"
leaf=$(served - 25)

scene "a name that is served and cannot be validated any more is not lost to a new certificate"
zone elsewhere.example <<<'@ MX 10 mx
mx A 192.0.2.200'
standard_config example.com second.example elsewhere.example implicit.example | sed "$hosts" | put foo /etc/mxcert/mxcert.toml
lab pebble restart PEBBLE_AUTHZREUSE=0
ca_mark
mxcert issue
expect_problem 1 'mx.elsewhere.example: .*connection' 'the CA must reach this host'
expect_stdout_like '^mx.example.com: failed, version 0003 stays'
expect_ca_orders 1
expect_same "$leaf" "$(served - 25)"
expect_no_leftovers

scene "a name that the CA refuses outright does not stop the others either"
standard_config implicit.example example.com example.net | put foo /etc/mxcert/mxcert.toml
start_over
zone example.net <<<'@ MX 10 mx2.example.com.'
lab pebble restart '{"domainBlocklist": ["implicit.example"]}'
mxcert issue
expect_problem 1 'implicit.example: .*rejectedIdentifier' 'exclude it in \[hosts\]'
expect_names "mx.example.com mx2.example.com" 25
expect_served mx2.example.com 25

scene "a root that the system trusts needs no mention"
start_over
lab pebble restart
lab exec foo cp "$("$lab" ca-trust)" /usr/local/share/ca-certificates/lab.crt
lab exec foo update-ca-certificates
standard_config example.com | sed '/^trust/d' | put foo /etc/mxcert/mxcert.toml
mxcert issue
expect_exit 0
expect_served mx.example.com 25
