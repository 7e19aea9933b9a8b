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
