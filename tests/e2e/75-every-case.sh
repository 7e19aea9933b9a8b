#!/bin/bash
# What 72-plan-table leaves open: whose host it is as [hosts] says, services, names as people write them, and DNS servers
# that are dead, old, or show a view of the inside.
. "$(dirname "$0")/lib.sh"

unbound() { lab exec dns unbound-control -q -c "$MXCERT_LAB_DIR/share/unbound.conf" "$@"; }
# expect_certificate NAME…: the plan's certificate has exactly these names
expect_certificate() {
  local found
  found=$(jq -r '.certificates[].names[]' <<<"$stdout" | sort | xargs)
  [ "$found" = "$(printf '%s\n' "$@" | sort | xargs)" ] || fail "the certificate has '$found', not '$*'"
}
# expect_codes CODE…: warnings with these codes, and no others
expect_codes() {
  local found
  found=$(jq -r '.warnings[].code' <<<"$stdout" | sort -u | xargs)
  [ "$found" = "$(printf '%s\n' "$@" | sort | xargs)" ] || fail "warnings are '$found', not '$*'"
}

zone h.example <<'ZONE'
here        MX 10 mx.here
mx.here     A 192.0.2.1
nat         MX 10 mx.nat
mx.nat      A 203.0.113.7
sibling     MX 10 mx.sibling
mx.sibling  A 192.0.2.2
fleet       MX 10 mx.fleet
mx.fleet    A 192.0.2.1
mx.fleet    A 192.0.2.2
half        MX 10 mx.half
mx.half     A 192.0.2.1
mx.half     A 192.0.2.99
named       MX 10 mx1.named
mx1.named   A 192.0.2.99
unnamed     MX 10 mx1.unnamed
excluded    MX 10 backup.excluded
backup.excluded A 192.0.2.1
mapped      MX 10 mx.mapped
mx.mapped   AAAA ::ffff:192.0.2.1
inside      MX 10 mx.inside
mx.inside   A 192.0.2.1
mx.inside   A 10.1.2.3
xn--bcher-kva   MX 10 mx.xn--bcher-kva
mx.xn--bcher-kva A 192.0.2.1
xn--fa-hia  MX 10 mx.here
ZONE

hosts='[hosts]
addresses = ["203.0.113.7"]
siblings = ["192.0.2.2"]
names = ["mx?.*named.h.example"]
exclude = ["backup.*.h.example"]'

scene "whose host it is: the interfaces, NAT, siblings, names and exclusions, and what http-01 can prove"
expect_table "$hosts" <<'TABLE'
here.h.example ok secure: mx.here.h.example=ours/secure:
nat.h.example ok secure: mx.nat.h.example=ours/secure:
sibling.h.example ok secure: mx.sibling.h.example=sibling/secure: sibling
fleet.h.example ok secure: mx.fleet.h.example=sibling/secure: sibling
half.h.example ok secure: mx.half.h.example=partly_ours/secure: partly_ours
named.h.example ok secure: mx1.named.h.example=ours/secure:
unnamed.h.example ok secure: mx1.unnamed.h.example=unresolvable/secure: mx_without_address
excluded.h.example ok secure: backup.excluded.h.example=foreign/secure:
mapped.h.example ok secure: mx.mapped.h.example=ours/secure:
TABLE
expect_certificate mx.here.h.example mx.nat.h.example mx1.named.h.example mx.mapped.h.example
expect_json '.domains[] | select(.ascii == "fleet.h.example") | .targets[0].reason ==
  "192.0.2.1 is this host'\''s, 192.0.2.2 is a sibling'\''s"'
expect_json '[.warnings[] | select(.code == "sibling" or .code == "partly_ours") | .message | test("dns-01")] | length == 3 and all'

scene "where the challenge needs no connection, what is partly here and what is a sibling's are on the certificate too"
expect_table "$hosts
[challenge]
type = \"dns-persist-01\"" <<'TABLE'
here.h.example ok secure: mx.here.h.example=ours/secure:
sibling.h.example ok secure: mx.sibling.h.example=sibling/secure:
fleet.h.example ok secure: mx.fleet.h.example=sibling/secure:
half.h.example ok secure: mx.half.h.example=partly_ours/secure:
excluded.h.example ok secure: backup.excluded.h.example=foreign/secure:
TABLE
expect_certificate mx.here.h.example mx.sibling.h.example mx.fleet.h.example mx.half.h.example
expect_codes

scene "options say the same"
on foo rm /etc/mxcert/mxcert.toml
mxcert plan --json --domain nat.h.example --domain sibling.h.example --domain named.h.example --domain excluded.h.example \
  --address 203.0.113.7 --sibling 192.0.2.2 --host-name 'mx1.named.h.example' --host-exclude 'backup.*.h.example'
expect_json '[.domains[].targets[0].owner] == ["ours", "sibling", "ours", "foreign"]'
mxcert plan --domain example.com --sibling mx2.example.com
expect_problem 2 '--sibling: .*mx2.example.com'

scene "names of other scripts: any spelling of them, non-transitional, in domains and hosts"
configure 'BÜCHER.h.example' 'faß.h.example.'
mxcert plan --json
expect_exit 0
expect_json '[.domains[] | .domain + " " + .ascii] == ["bücher.h.example xn--bcher-kva.h.example", "faß.h.example xn--fa-hia.h.example"]'
expect_certificate mx.here.h.example mx.xn--bcher-kva.h.example
mxcert plan
expect_stdout 'mx.bücher.h.example'
expect_stdout '(mx.xn--bcher-kva.h.example)'

scene "what cannot be a mail domain is refused with the reason: what is left of it"
long=$(printf 'a%.0s' {1..60})
while IFS='|' read -r name reason; do
  mxcert plan --domain "$name"
  expect_problem 2 "$reason"
done <<NAMES
|empty
.|--domain
$long.$long.$long.$long.example.com|longer than 253
xn--a-.example|xn--a-.example
example.com:25|--domain
exa mple.com|--domain
faß..example|two dots
NAMES

# ---- services --------------------------------------------------------------------------------------------------------

zone s.example <<'ZONE'
all         MX 10 mx.example.com.
_submission._tcp.all  SRV 0 1 587 smtp.all
_submissions._tcp.all SRV 0 1 465 smtp.all
_imap._tcp.all        SRV 0 0 0 .
_imaps._tcp.all       SRV 10 1 993 imap.all
_imaps._tcp.all       SRV 20 1 993 mx.foreign.example.
_pop3s._tcp.all       SRV 0 1 995 alias.all
smtp.all    A 192.0.2.1
imap.all    A 192.0.2.1
alias.all   CNAME mx2.example.com.
none        MX 10 mx.example.com.
readers     MX 0 .
_imaps._tcp.readers   SRV 0 1 993 imap.all
broken      MX 10 mx.example.com.
_imaps._tcp.broken    SRV 0 1 993 nosuch.broken
_imap._tcp.broken     SRV 0 1 143 mx.servfail.example.
lost        MX 10 mx.example.com.
_imaps._tcp.lost      CNAME _imaps._tcp.servfail.example.
_imap._tcp.lost       CNAME _imap._tcp.bogus.example.
ZONE

scene "services are asked for only if configured"
expect_table <<'TABLE'
all.s.example ok secure: mx.example.com=ours/secure:
TABLE
expect_certificate mx.example.com
expect_json '.domains[0].services == []'

scene "the hosts of services that are ours are on the certificate; what is unknown is an error, and nothing else"
expect_table $'[certificate]\nsrv = true' <<'TABLE'
all.s.example ok secure: mx.example.com=ours/secure: srv_is_cname
none.s.example ok secure: mx.example.com=ours/secure:
readers.s.example null_mx secure: :
broken.s.example ok secure: mx.example.com=ours/secure: host_unknown srv_without_address
lost.s.example ok secure: mx.example.com=ours/secure: service_unknown
nosuch.example nxdomain secure: :
TABLE
expect_exit 1
expect_certificate mx.example.com smtp.all.s.example imap.all.s.example alias.all.s.example mx2.example.com
expect_json '[.errors[] | .code + " " + .subject] | sort == ["dns_bogus lost.s.example", "dns_temporary lost.s.example"]'
expect_json '[.domains[0].services[] | .service + " " + .status + " " + .dnssec + ": " + ([.targets[] | .host + "=" + .owner] | join(" ")) + .reason] == [
  "_submission._tcp ok secure: smtp.all.s.example=ours", "_submissions._tcp ok secure: smtp.all.s.example=ours",
  "_imap._tcp ok secure: is not offered", "_imaps._tcp ok secure: imap.all.s.example=ours mx.foreign.example=foreign",
  "_pop3s._tcp ok secure: alias.all.s.example=ours"]'

scene "they are in the table with the domains that name them"
configure all.s.example readers.s.example
mxcert plan --srv
expect_exit 0
expect_stdout_like '_submission._tcp, _submissions._tcp of all.s.example'
expect_stdout_like '_imaps._tcp of all.s.example, readers.s.example'

scene "a certificate with them is issued, and while a service cannot be looked up its name stays"
mxcert issue --srv
expect_exit 0
expect_names "mx.example.com mx2.example.com smtp.all.s.example imap.all.s.example alias.all.s.example" 25
unbound local_zone _imaps._tcp.all.s.example. refuse
unbound flush_zone s.example.
configure all.s.example
mxcert plan --json --srv
expect_exit 1
expect_json '.certificates[0].action == "none" and (.certificates[0].names | index("imap.all.s.example") != null)'
expect_json '[.warnings[] | select(.code == "name_kept" and .subject == "imap.all.s.example")] | length == 1'
unbound local_zone_remove _imaps._tcp.all.s.example.
start_over

# ---- the DNS servers ---------------------------------------------------------------------------------------------------

configure example.com insecure.example
resolv_conf() { printf 'nameserver %s\n' "$@" | put foo /etc/resolv.conf; }

scene "one server of several is dead: the others answer"
for dead in '192.0.2.98 192.0.2.54' '192.0.2.54 192.0.2.98' '2001:db8::98 192.0.2.98 2001:db8::54'; do
  # shellcheck disable=SC2086 # words
  resolv_conf $dead
  mxcert plan --json
  expect_exit 0
  expect_json '[.domains[].status] == ["ok", "ok"]'
done

scene "all are dead: everything is unknown, soon"
resolv_conf 192.0.2.98 2001:db8::98
mxcert plan --json
expect_exit 1
expect_json '[.domains[].status] == ["temporary", "temporary"]'
expect_json '[.errors[].code] | unique == ["dns_temporary", "no_names"]'
resolv_conf 192.0.2.54

scene "a zone whose servers are silent is unknown, and holds up nothing else"
configure silent.example example.com example.net
mxcert plan --json
expect_exit 1
expect_json '[.domains[].status] == ["temporary", "ok", "ok"]'
expect_certificate mx.example.com

# Old servers, as a program in front of the resolver that takes EDNS out of each question, or refuses it: so nobody gets
# signatures.
cat >"$MXCERT_LAB_DIR/share/old-server.pl" <<'PERL'
use strict;
use IO::Socket::INET;
my ($mode, $port) = @ARGV;
my $server = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '192.0.2.200', LocalPort => $port) or die $!;
print "ready\n";
while (my $peer = $server->recv(my $query, 4096)) {
  my @counts = unpack('n4', substr($query, 4, 8));
  my $end = 12;
  $end += 1 + ord(substr($query, $end, 1)) while ord(substr($query, $end, 1));
  my $plain = substr($query, 0, 4) . pack('n4', 1, 0, 0, 0) . substr($query, 12, $end + 5 - 12);
  if ($counts[3] && $mode eq 'formerr') {
    $server->send(substr($query, 0, 2) . "\x81\x81" . substr($plain, 4), 0, $peer);
    next;
  }
  my $resolver = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '192.0.2.54', PeerPort => 53) or die $!;
  $resolver->send($plain);
  $resolver->recv(my $answer, 4096);
  $server->send($answer, 0, $peer);
}
PERL
# with_old_server MODE PORT
with_old_server() {
  "$lab" exec client timeout 120 perl "$MXCERT_LAB_DIR/share/old-server.pl" "$1" "$2" >"$work/old-$1" 2>&1 &
  within 10 "$lab" exec client sh -c "ss -Hlun 'sport = :$2' | grep -q 192.0.2.200"
}
for mode in strip:5301 formerr:5302; do
  scene "a server that passes no signatures on (${mode%:*}) is not the domains' fault: insecure, said once"
  with_old_server "${mode%:*}" "${mode#*:}"
  configure example.com example.net insecure.example
  mxcert plan --json --dns-server "192.0.2.200@${mode#*:}"
  expect_exit 0
  expect_json '[.domains[] | .status + " " + .dnssec] == ["ok insecure", "ok insecure", "ok insecure"]'
  expect_codes dnssec_stripped
  expect_certificate mx.example.com mx.insecure.example
done

# ---- a view of the inside ----------------------------------------------------------------------------------------------

scene "a server that makes answers itself shows a view of the inside: a warning, once"
configure insecure.example example.com
mxcert plan --json
expect_exit 0
expect_codes
unbound local_zone insecure.example. transparent
unbound local_data mx.insecure.example. 5 IN A 192.0.2.1
mxcert plan --json
expect_exit 0
expect_codes split_horizon
expect_json '.warnings[0] | .subject == "dns.servers" and (.message | test("^192.0.2.54 answers for mx.insecure.example from data of its own"))'
mxcert plan
expect_stdout 'warning:'
expect_stdout_like 'split horizon'

scene "where DNSSEC vouches for the zone such an answer is none"
unbound local_data mx.example.com. 5 IN A 192.0.2.1
mxcert plan --json
expect_exit 0
expect_json '.domains[] | select(.ascii == "example.com") | .targets[0].owner == "unknown" and .targets[0].dnssec == "bogus"'
unbound local_data_remove mx.example.com.
unbound local_data_remove mx.insecure.example.
unbound local_zone_remove insecure.example.

scene "a host that is ours by a private address is one, too"
configure inside.h.example
on foo ip address add 10.1.2.3/32 dev lo
mxcert plan --json
expect_json '.domains[0].targets[0].owner == "ours"'
expect_codes private_address split_horizon
on foo ip address del 10.1.2.3/32 dev lo

# ---- why ---------------------------------------------------------------------------------------------------------------

scene "--explain tells all about a domain and its hosts"
configure example.com example.net partly.example cnamemx.example mixed.example
mxcert issue
expect_exit 0
mxcert plan --explain mixed.example
expect_exit 0
expect_no_stderr
expect_stdout_like '^mixed.example$'
expect_stdout_like '^  mail domain +from config$'
expect_stdout_like '^  MX +secure$'
expect_stdout_like '^ +20 mx.foreign.example$'
expect_stdout_like '^  whose +foreign: 192.0.2.99 is not this host.s'
expect_stdout_like '^  certificate +on none: 192.0.2.99'
expect_stdout_like '^  stored on +mx.example.com version 0001, valid until '
expect_stdout_like '^  CAA +no records: any CA may issue'

scene "and about a name, with every domain that leads to it, and where an alias leads"
mxcert plan --explain MX.example.com. --json
expect_exit 0
expect_json '.ascii == "mx.example.com" and .domain == null and (.hosts | length == 1)'
expect_json '.hosts[0] | ([.named_by[] | .domain + " " + .record + " " + .dnssec + " " + (.alias // "-")] | sort) == [
  "cnamemx.example MX secure mail.cnamemx.example", "example.com MX secure -", "example.net MX secure -", "mixed.example MX secure -"]'
expect_json '.hosts[0] | .certificate == "mx.example.com" and .action == "none" and .caa.status == "allowed" and
  .target.addresses == ["192.0.2.1", "2001:db8::1"] and [.stored_on[].certificate] == ["mx.example.com"]'
mxcert plan --explain mail.cnamemx.example
expect_stdout_like '^  alias of +mx.example.com$'
expect_stdout_like '^  warning +mail.cnamemx.example is in an MX record, but is an alias'
mxcert plan --explain mx.partly.example
expect_stdout_like '^  certificate +on none: 192.0.2.1 is this host.s, but 192.0.2.99 is not'
expect_stdout_like '^  warning +mx.partly.example is left out'

scene "what CAA records say, and that a name failed"
zone second.example <<'ZONE'
@ MX 10 mx
mx A 192.0.2.1
mx CAA 0 issue "other.example"
ZONE
configure example.com second.example
mxcert issue
expect_exit 1
mxcert plan --explain mx.second.example
expect_exit 0
expect_stdout_like '^  CAA +the records of mx.second.example allow only other.example'
expect_stdout_like '^ +publish mx.second.example. CAA 0 issue'
expect_stdout_like '^  failure +refused at '
mxcert plan --explain mx.second.example --json
expect_json '.hosts[0].caa.status == "forbidden" and (.hosts[0].failure.next_attempt | test("Z$"))'

scene "a name that is served and that nobody asks for any more stays for a while"
configure example.net
mxcert plan --explain mail.cnamemx.example
expect_exit 0
expect_stdout_like '^  certificate +mx.example.com, which has had it'
expect_stdout_like '^  warning +mail.cnamemx.example stays in its certificate until '
expect_stdout_like '^  stored on +mx.example.com version 0001'

scene "a name that nobody knows is told, with what it may have been"
mxcert plan --explain exmaple.net
expect_problem 2 'exmaple.net is no mail domain of this host' 'did you mean example.net'
mxcert plan --explain unheard.of.example
expect_problem 2 'unheard.of.example is no mail domain' 'extra_names'
configure servfail.example
mxcert plan --explain mx.lost.example
expect_problem 2 'mx.lost.example' 'servfail.example could not be looked up'
mxcert plan --explain 'not a name'
expect_problem 2 '--explain: '
