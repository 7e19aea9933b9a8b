#pragma once

namespace mxcert::issue {

struct Run;
class CertificateAuthority;

/// Asks the CA when it wants its certificates renewed (RFC 9773), as far as it may be asked again, and remembers the
/// answers. One that is due already, expired or from another CA is not asked about. A CA that does not answer costs a
/// warning and half a minute at most, and what it said before stays. Needs the lock.
///
/// Asked before anything is planned; whoever only looks goes by what was said last.
void update_renewal_info(Run& run, CertificateAuthority& ca);

}  // namespace mxcert::issue
