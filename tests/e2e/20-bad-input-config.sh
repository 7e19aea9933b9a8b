#!/bin/bash
# What the administrator writes wrongly is said before anything is asked of anybody: where it stands and what to write.
. "$(dirname "$0")/lib.sh"

file=/etc/mxcert/mxcert.toml
mark

# refused CAUSE [HINT]: exit 2, and nothing has happened
refused() {
  expect_problem 2 "$@"
  expect_no_stdout
}

scene "without configuration and options there is nothing to work on, and the way to begin is told"
for command in issue renew plan; do
  mxcert $command
  refused "there is no configuration: no $file and no --domain" \
    'mxcert issue --domain example.com --email postmaster@example.com --agree-tos'
done
mxcert issue --json
expect_problem 2 'there is no configuration'
expect_json '.version == 1 and (.errors | length == 1 and (.[0].message | test("no configuration")) and .[0].hint != "")'
mxcert
expect_exit 2
mxcert status
expect_exit 0
expect_stdout 'no certificate is stored in /var/lib/mxcert yet'
mxcert deploy
refused 'no deploy target is configured' '\[\[deploy\]\] hook = "exim"'

scene "a configuration file that was named has to be there"
mxcert issue --config /etc/mxcert/nosuch.toml
refused '/etc/mxcert/nosuch.toml: there is no such file'

# bad LINE COLUMN CAUSE HINT < configuration
bad() {
  put foo $file
  mxcert issue
  refused "$file:$1:$2: $3" "${4:-}"
  mxcert config check
  refused "$file:$1:$2: $3" "${4:-}"
}

scene "an unknown key is an error, with its place and what was probably meant"
bad 1 1 'unknown key agree_tso' 'did you mean agree_tos' <<<'agree_tso = true'
bad 2 1 'unknown key reuse_keys in \[certificate\]' 'did you mean reuse_key\?' <<<$'[certificate]\nreuse_keys = true'
bad 1 2 'unknown key dommains' 'did you mean domains' <<<$'[dommains]\nlist = ["example.com"]'
bad 4 3 'unknown key verfy in \[deploy\]' 'did you mean verify' <<<$'agree_tos = true\n[[deploy]]\nhook = "exim"\n  verfy = []'

scene "so is a value of the wrong kind, and what is not TOML"
bad 1 13 'agree_tos must be true or false, not a text' <<<'agree_tos = "yes"'
bad 2 8 'list must be a list of texts.*not a text' <<<$'[domains]\nlist = "example.com"'
bad 2 21 'max_names must be between' <<<$'[certificate]\n        max_names = 0'
bad 2 22 'not valid TOML' <<<$'[domains]\nlist = ["example.com]'
bad 2 9 'es256 is not a key type' 'known: ecdsa-p256' <<<$'[certificate]\nkeys = ["es256"]'
bad 2 13 'http://ca.example/dir is not https' 'https only' <<<$'[ca]\ndirectory = "http://ca.example/dir"'
bad 2 13 'letsencrpyt is neither a known CA' 'did you mean letsencrypt\?' <<<$'[ca]\ndirectory = "letsencrpyt"'
bad 1 1 '\[\[deploy\]\] without hook' 'hook = "exim"' <<<'[[deploy]]'

scene "a domain that is no domain name is refused where it stands: list, file, option, argument"
bad 2 24 '"example..com"' <<<$'[domains]\nlist = ["example.org", "example..com"]'
bad 2 9 '"192.0.2.1" is no usable domain name: it is an address' <<<$'[domains]\nlist = ["192.0.2.1"]'
bad 2 9 '"example.com/../x"' <<<$'[domains]\nlist = ["example.com/../x"]'
bad 2 10 'cannot read /etc/mxcert/nosuch' <<<$'[domains]\nfiles = ["/etc/mxcert/nosuch"]'
printf 'example.com\n\n  exa_mple..org # really\n' | put foo /etc/mxcert/domains
printf '[domains]\nfiles = ["/etc/mxcert/domains"]\n' | put foo $file
mxcert issue
refused '/etc/mxcert/domains:3: .*exa_mple..org'
on foo rm -r /etc/mxcert
for name in 'exa mple.com' "example.com'; rm -rf /" '-x.example.com' $'example.com\e[2J' '*.example.com' "$(printf 'a%.0s' {1..64}).example"; do
  mxcert issue "--domain=$name"
  refused '--domain: '
  expect_not_stderr $'\e'
done
mxcert issue 'exa mple.com'
refused 'exa mple.com'

scene "an unknown command or option is told, with what was probably meant"
mxcert isue
refused '' 'did you mean mxcert issue'
mxcert issue --domian example.com
refused 'The following argument was not expected: --domian'
mxcert issue --domain example.com --email nobody
refused '--email: nobody is not an e-mail address'
mxcert issue --domain example.com --configure
refused '--configure' 'add --deploy exim'
mxcert rollback
refused 'NAME is required'

scene "an argument that is none of the configured domains is refused"
configure example.com
mxcert issue exmaple.com
refused 'exmaple.com is not among the configured mail domains' '--domain exmaple.com'
on foo rm -r /etc/mxcert

scene "of all this the CA has heard nothing, and nothing was written"
expect_no_ca_requests
expect_untouched
expect_no_leftovers
expect_same "" "$(lab exec foo find /var/lib/mxcert -type f ! -name lock)"
