#!/bin/bash
# What plan --json says of each kind of mail domain: a table, one line for each domain.
. "$(dirname "$0")/lib.sh"

# Names that a person may write for a domain, and what is wrong with some (RFC 5321, RFC 1123, IDNA2008).
zone t.example <<ZONE
nullplus      MX   0 .
nullplus      MX   10 mx.example.com.
literal       MX   10 192.0.2.1.
underscore    MX   10 mx_1
mx_1          A    192.0.2.1
single        MX   10 mail.
localhost     MX   10 localhost.
loopback      MX   10 mx.loopback
mx.loopback   A    127.0.0.1
mx.loopback   A    192.0.2.1
private       MX   10 mx.private
mx.private    A    10.1.2.3
mx.private    AAAA fd00::1
cname         MX   10 mail.cname
mail.cname    CNAME mx2.example.com.
cnameforeign  MX   10 mail.cnameforeign
mail.cnameforeign CNAME mx.foreign.example.
chain         CNAME chain2
chain2        CNAME example.com.
loop          CNAME loop2
loop2         CNAME loop
same          MX   10 mx.example.com.
same          MX   20 mx.example.com.
wild          MX   10 host.wild
*.wild        A    192.0.2.1
both          MX   10 mx.example.com.
both          A    192.0.2.99
v6only        MX   10 mx.v6only
mx.v6only     AAAA 2001:db8::1
many          MX   10 mx.example.com.
many          MX   20 m1.many
many          MX   20 m2.many
many          MX   20 m3.many
many          MX   20 m4.many
many          MX   20 m5.many
many          MX   20 m6.many
many          MX   20 m7.many
many          MX   20 m8.many
many          MX   20 m9.many
many          MX   20 m10.many
many          MX   20 m11.many
many          MX   20 m12.many
*.many        A    192.0.2.99
tobogus       MX   10 mx.bogus.example.
toinsecure    MX   10 mx.insecure.example.
; more than fits into a UDP packet
$(for i in {10..54}; do echo "large MX 10 a-host-with-quite-a-long-name-$i.large"; done)
*.large       A    192.0.2.99
ZONE

scene "every kind of domain has its status, DNSSEC state, owners and warnings"
expect_table <<'TABLE'
example.com ok secure: mx.example.com=ours/secure:
nullmx.example null_mx secure: :
nullplus.t.example ok secure: mx.example.com=ours/secure: null_mx_with_others
nomail.example no_mail secure: :
nosuch.example nxdomain secure: :
implicit.example ok secure: implicit.example=ours/secure:
foreign.example ok secure: mx.foreign.example=foreign/secure:
partly.example ok secure: mx.partly.example=partly_ours/secure: partly_ours
mixed.example ok secure: mx.example.com=ours/secure mx.foreign.example=foreign/secure:
noaddress.example ok secure: mx.noaddress.example=unresolvable/secure: mx_without_address
nxtarget.example ok secure: mx.nxtarget.example=unresolvable/secure: mx_without_address
literal.t.example ok secure: 192.0.2.1=unresolvable/insecure: mx_is_address
underscore.t.example ok secure: mx_1.t.example=unresolvable/insecure: mx_bad_host
single.t.example ok secure: mail=unresolvable/insecure: mx_bad_host
localhost.t.example ok secure: localhost=unresolvable/insecure: mx_is_localhost
loopback.t.example ok secure: mx.loopback.t.example=partly_ours/secure: loopback_address partly_ours
private.t.example ok secure: mx.private.t.example=foreign/secure: private_address
cname.t.example ok secure: mail.cname.t.example=ours/secure: mx_is_cname
cnameforeign.t.example ok secure: mail.cnameforeign.t.example=foreign/secure: mx_is_cname
alias.example ok secure: mx.example.com=ours/secure: domain_is_cname
chain.t.example ok secure: mx.example.com=ours/secure: domain_is_cname
loop.t.example temporary insecure: : domain_unknown
same.t.example ok secure: mx.example.com=ours/secure: mx_duplicate
wild.t.example ok secure: host.wild.t.example=ours/secure:
both.t.example ok secure: mx.example.com=ours/secure:
v6only.t.example ok secure: mx.v6only.t.example=ours/secure:
many.t.example ok secure: mx.example.com=ours/secure m1.many.t.example=foreign/secure m10.many.t.example=foreign/secure: mx_many
large.t.example ok secure: a-host-with-quite-a-long-name-10.large.t.example=foreign/secure a-host-with-quite-a-long-name-11.large.t.example=foreign/secure a-host-with-quite-a-long-name-12.large.t.example=foreign/secure: mx_many
insecure.example ok insecure: mx.insecure.example=ours/insecure:
toinsecure.t.example ok secure: mx.insecure.example=ours/insecure:
bogus.example bogus bogus: : domain_unknown
tobogus.t.example ok secure: mx.bogus.example=unknown/bogus: host_unknown
servfail.example temporary insecure: : domain_unknown
brokentarget.example ok secure: mx.servfail.example=unknown/insecure: host_unknown
TABLE
expect_exit 1
expect_json '[.errors[] | .code + " " + .subject] | sort ==
  ["dns_bogus bogus.example", "dns_temporary loop.t.example", "dns_temporary servfail.example"]'

scene "the certificate has the names that are ours: an alias under its own name and the one it leads to"
expect_json '.certificates | length == 1 and (.[0].names | sort) == ["host.wild.t.example", "implicit.example",
  "mail.cname.t.example", "mx.example.com", "mx.insecure.example", "mx.v6only.t.example", "mx2.example.com"]'
expect_json '.domains[] | select(.ascii == "cname.t.example") | .targets[0].canonical == "mx2.example.com"'

scene "a name is a domain however it is written, and shown both ways"
on foo rm /etc/mxcert/mxcert.toml
for name in bücher.example BÜCHER.Example. xn--bcher-kva.example XN--BCHER-KVA.EXAMPLE 'bücher。example'; do
  mxcert plan --json --domain "$name"
  expect_json '.domains | length == 1 and .[0].domain == "bücher.example" and .[0].ascii == "xn--bcher-kva.example"
    and .[0].status == "ok"'
done

scene "what cannot be a mail domain is refused with the reason"
while IFS='|' read -r name reason; do
  mxcert plan --domain "$name"
  expect_problem 2 "$reason"
done <<'NAMES'
[192.0.2.1]|it is an address literal
[IPv6:2001:db8::1]|it is an address literal
192.0.2.1|it is an address
2001:db8::1|it is an address
localhost|single label
_dmarc.example.com|has an underscore
*.example.com|is a wildcard
postmaster@example.com|it is a mail address
a..example.com|two dots
-a.example.com|begins or ends with a hyphen
☃.example|has a character that domain names cannot have
a23456789012345678901234567890123456789012345678901234567890abcd.example|longer than 63 octets
NAMES

scene "without a trust anchor everything is insecure, and plan says so once"
configure example.com example.net bogus.example
on foo mv /usr/share/dns/root.key /usr/share/dns/root.key.away
mxcert plan --json
expect_json '[.warnings[] | select(.code == "no_trust_anchor")] | length == 1'
expect_json '[.domains[].dnssec] == ["insecure", "insecure", "insecure"]'
on foo mv /usr/share/dns/root.key.away /usr/share/dns/root.key
mxcert plan --json
expect_json '[.warnings[] | select(.code == "no_trust_anchor")] == []'
