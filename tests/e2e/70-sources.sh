#!/bin/bash
# Where mail domains come from: a command, and the mail server itself. What cannot be known stops the run, what cannot be
# listed is told.
. "$(dirname "$0")/lib.sh"

program=/usr/local/bin/list-domains
state=/var/lib/mxcert

# config_with DOMAINS…: a configuration whose table [domains] is these lines
config_with() {
  standard_config example.com | sed "s|^list = .*|$1|" | put foo /etc/mxcert/mxcert.toml
}
# lists_domains < what the program does
lists_domains() { { echo '#!/bin/sh'; cat; } | put foo "$program" 0755; }

# expect_domains DOMAIN…: the plan on stdout is of exactly these
expect_domains() {
  local found
  found=$(jq -r '.domains[].ascii' <<<"$stdout" | sort | xargs)
  [ "$found" = "$(printf '%s\n' "$@" | sort | xargs)" ] || fail "planned for '$found', not for '$*'"
}

scene "a command prints the domains: arguments as they are, nothing of our environment, no shell"
lists_domains <<'PRINT'
[ "$1" = '$(id); *' ] && [ -z "$SECRET" ] && [ "$LC_ALL" = C ] || exit 3
echo '# customers'
echo 'example.com   # the first'
printf 'EXAMPLE.net.\r\n\n  b\303\274cher.example\nexa_mple.org\n'
PRINT
config_with "command = [\"$program\", '\$(id); *']"
on foo env SECRET=x mxcert plan --json
expect_exit 0
expect_domains example.com example.net xn--bcher-kva.example
expect_json "[.domains[] | .source == \"$program\" and .sources == [\"$program\"]] | all"
expect_json '[.warnings[] | select(.code == "bad_domain") | .subject] == ["exa_mple.org"]'

scene "a domain of several sources is planned for once, and all of them are remembered"
config_with "list = [\"example.com\"]\nfiles = [\"/etc/mxcert/domains\"]\ncommand = [\"$program\", '\$(id); *']"
printf 'example.com\nexample.net\n' | put foo /etc/mxcert/domains
mxcert plan --json --domain example.com
expect_domains example.com example.net xn--bcher-kva.example
expect_json ".domains[] | select(.ascii == \"example.com\") |
  .source == \"config\" and .sources == [\"config\", \"/etc/mxcert/domains\", \"command line\", \"$program\"]"

scene "config check tells the command and does not run it"
lists_domains <<<"touch $state-ran; echo example.com"
config_with "command = [\"$program\"]"
mxcert config check
expect_exit 0
expect_stdout_like "^domains.command +$program"
expect_no_file foo $state-ran
mxcert issue
expect_exit 0
expect_names mx.example.com 25

# cannot_know CAUSE: whatever needs the domains ends without doing anything, and what is served stays
cannot_know() {
  local command live
  live=$(served - 25)
  ca_mark
  for command in plan issue renew 'issue --dry-run'; do
    # shellcheck disable=SC2086 # two words
    mxcert $command
    expect_problem 1 "$1" 'nothing is planned'
    expect_no_stdout
  done
  mxcert plan --json
  expect_exit 1
  expect_json '[.errors[].code] == ["domain_source"]'
  expect_ca_requests 0 POST
  expect_same "$live" "$(served - 25)"
  expect_no_leftovers
}

scene "a command that fails stops the run, though it named domains before, and what is served stays"
lists_domains <<<'echo example.net; echo "no database" >&2; exit 4'
cannot_know 'list-domains exited with status 4: no database'

scene "so do a command that is silent, one that is killed, and one that nobody can run"
lists_domains <<<'exit 0'
cannot_know 'printed no domain'
lists_domains <<<'echo example.net; kill -9 $$'
cannot_know 'ended by signal 9'
echo '#!/no/such/shell' | put foo "$program" 0755
cannot_know "cannot run $program"

scene "so does one that prints more than anybody has domains"
lists_domains <<<'yes example.com | head -c 70000000'
mxcert plan --json
expect_exit 1
expect_json '[.errors[].code] == ["domain_source"]'

scene "a program that others could change is not run"
lists_domains <<<"touch $state-stranger"
lab exec foo chmod 0757 "$program"
mxcert plan
expect_problem 2 "$program can be written by others" 'chmod go-w'
lab exec foo rm "$program"
mxcert plan
expect_problem 2 "mxcert.toml:.*$program cannot be run"
expect_no_file foo $state-stranger

# ---- Exim -----------------------------------------------------------------------------------------------------------

config_with 'from = ["exim"]'

scene "Exim as Debian configures it: the other hostnames and relay domains of update-exim4.conf.conf, split or not"
lab exec foo sed -i -e "s/^dc_other_hostnames=.*/dc_other_hostnames='example.com; example.net:localhost'/" \
  -e "s/^dc_relay_domains=.*/dc_relay_domains='example.org:*.wild.example'/" /etc/exim4/update-exim4.conf.conf
for mode in unsplit split; do
  lab exim-setup $mode
  mxcert plan --json
  expect_exit 0
  expect_domains example.com example.net example.org foo.example.com
  expect_json '[.domains[] | .source == "exim"] | all'
  expect_json '[.warnings[] | select(.code == "domains_unlisted") | .subject] == ["exim relay_to_domains"]'
  expect_json '.warnings[] | select(.code == "domains_unlisted") | .message | test("[*].wild.example.*list, files or command")'
done

scene "the option asks, too, and what the configuration names as well is one domain"
config_with 'list = ["example.net"]'
mxcert plan --json --from exim
expect_domains example.com example.net example.org foo.example.com
expect_json '.domains[] | select(.ascii == "example.net") | .source == "config" and .sources == ["config", "exim"]'
mxcert plan --from exmi
expect_problem 2 '--from: exmi' 'did you mean exim'
config_with 'from = ["exim"]'

# exim_lists < named lists
exim_lists() { { echo 'primary_hostname = mx.example.com'; cat; } | put foo /etc/exim4/exim4.conf; }

scene "Exim as an administrator configures it: lists in lists, exclusions, files, lookups, expansions"
lab exec foo mkdir -p /etc/exim4/each
lab exec foo touch /etc/exim4/each/dsearch.example /etc/exim4/each/out.example
printf '# ours\nfile.example  # first\n!not.example\nnot.example\n' | put foo /etc/exim4/domains
printf 'lsearch.example: a b\n"quoted.example" : x\n  more of it\n#no.example\n' | put foo /etc/exim4/keys
printf 'wild.example\n*.sub.example\n' | put foo /etc/exim4/wild
printf 'one.example\ntwo.example\n' | put foo /etc/exim4/two
exim_lists <<'LISTS'
NAME = macro.example
domainlist excluded = out.example : ^no-
hostlist customers = 192.0.2.9
domainlist customers = <; xn--bcher-kva.example ; NAME
hide domainlist secret = secret.example
domainlist local_domains = @ : @[] : localhost : !+excluded : +customers : +secret : /etc/exim4/domains : \
  lsearch;/etc/exim4/keys : nwildlsearch;/etc/exim4/wild : dsearch;/etc/exim4/each : no-way.example
domainlist relay_to_domains = ${sg{${readfile{/etc/exim4/two}}}{\n}{:}} : @mx_any
LISTS
mxcert plan --json
expect_exit 0
found="mx.example.com xn--bcher-kva.example macro.example secret.example file.example lsearch.example quoted.example
  wild.example dsearch.example one.example two.example"
# shellcheck disable=SC2086 # words
expect_domains $found
expect_json '[.warnings[] | select(.code == "domains_unlisted") | .subject] | sort ==
  ["exim local_domains", "exim relay_to_domains"]'

scene "Exim itself agrees about each of them"
for domain in $found out.example not.example no-way.example; do
  on foo exim4 -be "\${if match_domain{$domain}{+local_domains:+relay_to_domains}{yes}{no}}"
  if [[ " ${found//$'\n'/ } " == *" $domain "* ]]; then expect_stdout yes; else expect_stdout no; fi
done

scene "lookups that have no list are told, and stop nothing"
exim_lists <<'LISTS'
domainlist local_domains = example.com : cdb;/etc/exim4/none.cdb : mysql;SELECT d FROM domains WHERE d='$domain' : \
  ldap;ldap::///dc=example?mail?sub?(dc=$domain) : ${lookup{$domain}lsearch{/etc/exim4/keys}{$domain}}
domainlist relay_to_domains = example.net : dbm;/etc/exim4/none.db : ^regex
LISTS
mxcert plan --json
expect_exit 0
expect_domains example.com example.net
expect_json '[.warnings[] | select(.code == "domains_unlisted") | .message | capture(": (?<what>[^:]*) cannot").what] | sort ==
  ["domains behind cdb lookups", "domains behind dbm lookups", "domains behind ldap lookups",
   "domains behind mysql lookups", "domains matching a regular expression"]'
mxcert plan
expect_stdout_like 'warning: .*cdb lookups cannot be listed'

scene "lists that cannot be known stop the run: a missing file, an expansion that fails, no list, no valid configuration"
exim_lists <<<'domainlist local_domains = example.com : lsearch;/etc/exim4/nosuch'
mxcert plan
expect_problem 1 'exim: .*/etc/exim4/nosuch' 'nothing is planned'
# shellcheck disable=SC2016 # for Exim
exim_lists <<<'domainlist local_domains = example.com : ${readfile{/etc/exim4/nosuch}}'
mxcert plan
expect_problem 1 'exim: .*/etc/exim4/nosuch' 'nothing is planned'
exim_lists <<<'domainlist others = example.com'
mxcert plan
expect_problem 1 'neither a domainlist local_domains nor relay_to_domains' 'list, files or command'
exim_lists <<<'domainlist local_domains = localhost'
mxcert plan
expect_problem 1 'no source names a mail domain'
exim_lists <<<'nosuch_option = 1'
mxcert plan --json
expect_exit 1
expect_json '[.errors[].code] == ["domain_source"]'
lab exec foo rm /etc/exim4/exim4.conf

# ---- Postfix ---------------------------------------------------------------------------------------------------------

post=post.lab.example
lab host add post 192.0.2.31 2001:db8::31 postfix
lab exec foo sh -c 'cat "$(command -v mxcert)"' | put post /usr/local/bin/mxcert 0755
# plan_for_postfix: what it takes mail for is what counts; the MX hosts are another host's
plan_for_postfix() { on post mxcert plan --json --from postfix --host-name 'mx*.example.com' --host-name "$post"; }

scene "Postfix as Debian configures it takes mail for itself, under names that mean nothing elsewhere"
on post postconf -e "myhostname = $post"
on post postconf -e "mydestination = \$myhostname, foo, localhost.localdomain, localhost, [192.0.2.31]"
plan_for_postfix
expect_domains $post
expect_json '[.domains[] | .source == "postfix"] | all'
expect_json '[.warnings[] | select(.code == "domains_unlisted" or .code == "bad_domain")] == []'

scene "Postfix as an administrator configures it: tables of all types that can be listed, files, exclusions"
printf 'hash.example x\nuser@nobody.example y\n@nobody.example z\npostmaster root\n' | put post /etc/postfix/hash
printf 'lmdb.example x\n' | put post /etc/postfix/lmdb
printf 'cdb.example x\nuser@nobody.example y\n' | put post /etc/postfix/cdb
printf 'btree.example x\n' | put post /etc/postfix/btree
printf 'texthash.example x\n' | put post /etc/postfix/texthash
printf '# ours\nfile.example\n  two.example, !not.example\n' | put post /etc/postfix/list
for type in hash lmdb cdb btree; do on post postmap $type:/etc/postfix/$type; expect_exit 0; done
lab exec post postconf -e \
  'mydestination = $myhostname, example.com' \
  'virtual_mailbox_domains = lmdb:/etc/postfix/lmdb, cdb:/etc/postfix/cdb, proxy:btree:/etc/postfix/btree' \
  'virtual_alias_maps = hash:/etc/postfix/hash, inline:{inline.example=x, {braces.example = x y}}' \
  'relay_domains = $mydestination, /etc/postfix/list, not.example, texthash:/etc/postfix/texthash'
plan_for_postfix
expect_domains $post example.com lmdb.example cdb.example btree.example hash.example inline.example braces.example \
  file.example two.example texthash.example
expect_json '[.warnings[] | select(.code == "domains_unlisted" or .code == "bad_domain")] == []'

scene "tables that have no list are told, and stop nothing"
lab exec post postconf -e 'virtual_alias_maps =' 'virtual_mailbox_domains = mysql:/etc/postfix/sql.cf' \
  'relay_domains = example.net, regexp:/etc/postfix/re, .sub.example, ldap:/etc/postfix/ldap.cf'
plan_for_postfix
expect_domains $post example.com example.net
expect_json '[.warnings[] | select(.code == "domains_unlisted") | .message | capture(": (?<what>[^:]*) cannot").what] | sort ==
  ["domains in ldap tables", "domains in mysql tables", "domains in regexp tables", "subdomains"]'

scene "a table that is not there stops the run"
lab exec post postconf -e 'relay_domains = example.net, hash:/etc/postfix/nosuch'
plan_for_postfix
expect_exit 1
expect_json '[.errors[].code] == ["domain_source"]'
expect_stderr '/etc/postfix/nosuch'

scene "a mail server that is not installed is told"
on post mxcert plan --from exim
expect_problem 1 'exim is not installed' 'domains. from'
mxcert plan --from postfix
expect_problem 1 'postfix is not installed'
