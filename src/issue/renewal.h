#pragma once
#include <string_view>

#include "base/clock.h"
#include "config/renew_config.h"
#include "pki/certificate.h"
#include "store/certificates.h"

namespace mxcert::issue {

/// When a certificate is to be renewed, and who says so.
struct DueTime {
  enum class Reason {
    lifetime,        // the CA has not said anything: [renew] before
    renewal_window,  // the CA has
    last_moment,     // the CA has named a later time than a tenth of the lifetime before the end
  };
  SystemTime at = {};
  Reason reason = Reason::lifetime;
};

/// A moment of the window that is the same in each run, and another for each certificate, evenly spread (RFC 9773
/// §4.2). `fingerprint` is the certificate's, in hexadecimal.
SystemTime point_in_window(const store::RenewalWindow& window, std::string_view fingerprint);

/// From here on a certificate is in danger: a tenth of its lifetime is left.
SystemTime last_moment(const pki::Certificate& leaf);
/// Of the first of its certificates that is.
SystemTime last_moment(const store::Version& version);
/// When the first of its certificates ends.
SystemTime end_of(const store::Version& version);

/// The CA's window decides, if it is about this certificate; but never later than `last_moment`, since a CA that errs
/// must not make us miss the end.
/// `info`: null when the CA was not heard.
DueTime due_time(const pki::Certificate& leaf, const store::RenewalInfo* info, const config::RenewConfig& renew);
/// The same of a certificate of a stored version, by what is remembered of it.
DueTime due_time(const store::CertificateState& state, const pki::Certificate& leaf, const config::RenewConfig& renew);
/// Of the certificate of the version that is due first.
DueTime due_time(const store::CertificateState& state, const store::Version& version, const config::RenewConfig& renew);

/// The window if it is about this certificate; null if not, or if the CA has none.
const store::RenewalWindow* find_window(const pki::Certificate& leaf, const store::RenewalInfo* info);

}  // namespace mxcert::issue
