#pragma once
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "pki/certificate.h"
#include "store/state_directory.h"

namespace mxcert::store {

/// What is known of a certificate besides what it says itself.
struct VersionRecord {
  std::string directory = {};  // URL of the CA's directory
  std::string account = {};    // URL of the account that ordered it
  std::string order = {};      // URL of the order
  SystemTime issued_at = {};
};

/// One certificate of a version, with its key.
struct VersionPart {
  pki::CertificateBundle bundle = {};
  pki::Certificate leaf = {};
  VersionRecord record = {};
};

/// One complete version: immutable once stored. What is served together: a certificate with the primary key, and
/// perhaps one for the same names with a key of the other family.
struct Version {
  std::string number;  // `0001`, `0002`, …
  pki::CertificateBundle bundle;
  pki::Certificate leaf;
  VersionRecord record;
  std::vector<VersionPart> further = {};  // at most one of each family of keys that the primary one is not of

  /// All of them, the primary one first.
  std::vector<VersionPart> parts() const;
};

/// How far a version came at one deploy target.
struct Deployment {
  enum class State {
    verified,      // seen to be served
    unverifiable,  // installed, and nobody says where to look
    unverified,    // installed, but the daemon was down
    failed,        // not installed, or taken back
    withdrawn,     // taken away by the administrator
  };
  std::string version;
  State state = State::failed;
  bool by_sni = false;  // shown to who asks for its names alone: another one is the target's default
  SystemTime at;
  std::string message;         // what was found, when not verified
  std::string served_version;  // what is installed, which is an earlier one after a failure; empty: none of ours

  bool operator==(const Deployment&) const = default;
};
std::string_view to_string(Deployment::State state);
/// The last failure to get or install a certificate, or of one name of it, until it succeeds.
struct Failure {
  int count = 0;  // in a row
  SystemTime at;
  std::string message;
  std::string hint;

  bool operator==(const Failure&) const = default;
};

/// When the CA wants a certificate renewed (RFC 9773 §4.2).
struct RenewalWindow {
  SystemTime start;
  SystemTime end;
  std::string explanation_url;  // empty: none given

  bool operator==(const RenewalWindow&) const = default;
};

/// The CA's last word on it, and when it may be asked again.
struct RenewalInfo {
  std::string certificate;                   // its renewal_id: what was said of another one does not count
  std::optional<RenewalWindow> window = {};  // empty: the CA has none, or was never reached
  SystemTime asked_at = {};
  SystemTime next_question = {};

  bool operator==(const RenewalInfo&) const = default;
};

/// A version that was revoked at the administrator's word.
struct Revocation {
  std::string version;
  std::string reason;  // RFC 5280 §5.3.1: keyCompromise, …
  SystemTime at;

  bool operator==(const Revocation&) const = default;
};

/// What a TLSA RRset was like when a deployment looked at it.
struct Dane {
  std::string status;    // deploy::DaneStatus as text
  bool fragile = false;  // it matches, until a renewal
  SystemTime at;

  bool operator==(const Dane&) const = default;
};

/// What mxcert remembers of a certificate between runs. Rebuildable: an unreadable one is the same as a new one.
struct CertificateState {
  std::vector<std::string> desired;               // the names that the last plan wanted on it
  std::optional<bool> is_default;                 // the one that clients see that say no name (SNI); empty: not known
  bool unplanned = false;                         // the last plan had no use for it: it is not renewed
  std::map<std::string, Deployment> deployments;  // by target
  std::optional<Failure> failure;
  std::map<std::string, SystemTime> ca_pauses;   // by URL of a CA's directory: it does not want to be asked before
  std::map<std::string, Failure> failing_names;  // what the CA refused last; wanted all the same
  std::vector<RenewalInfo> renewal_info;         // one for each certificate of the live version
  std::optional<Revocation> revocation;          // the last one
  std::map<std::string, Dane> dane;              // by the name that has the records, `_25._tcp.mx.example.com`

  /// Whether this version was revoked; null if not.
  const Revocation* find_revocation(const std::string& version) const {
    return revocation && revocation->version == version ? &*revocation : nullptr;
  }
  /// What the CA said last of the certificate with this renewal_id; null if nothing.
  const RenewalInfo* find_renewal_info(const std::string& certificate) const {
    const auto found = std::ranges::find(renewal_info, certificate, &RenewalInfo::certificate);
    return found == renewal_info.end() ? nullptr : &*found;
  }
  /// The versions that some target serves.
  std::set<std::string> served_versions() const;
  bool operator==(const CertificateState&) const = default;
};

/// What `live/NAME` leads to. A version that cannot be read is neither there nor missing: it has a number, and a reason
/// why it cannot. The plan keeps its names and has it replaced; who needs its files tells the reason; nothing else
/// stops.
class LiveVersion {
 public:
  LiveVersion() = default;  // there is none
  explicit LiveVersion(Version version) : number_(version.number), version_(std::move(version)) {}
  LiveVersion(std::string number, Error damage) : number_(std::move(number)), damage_(std::move(damage)) {}

  /// Whether there is one, readable or not.
  bool exists() const { return !number_.empty(); }
  /// Empty when there is none.
  const std::string& number() const { return number_; }
  /// Null when there is none, and when it cannot be read.
  const Version* intact() const { return version_ ? &*version_ : nullptr; }
  /// Null unless it cannot be read.
  const Error* damage() const { return damage_ ? &*damage_ : nullptr; }

 private:
  std::string number_;
  std::optional<Version> version_;
  std::optional<Error> damage_;
};

/// All that is kept of one certificate. It is read once in a run, handed down, and written when it has changed.
struct Certificate {
  std::string name;
  std::vector<std::string> versions = {};  // the numbers of the complete ones, oldest first
  LiveVersion live = {};
  CertificateState state = {};
  CertificateState saved = {};  // as it is on disk

  /// The live version; throws Error when there is none, or why it cannot be read.
  const Version& live_version() const;
};

/// All certificates by their names, those included that were tried for but never issued.
using Inventory = std::map<std::string, Certificate>;

/// The certificate versions, which of them are live, and what is remembered about them.
/// All changes are atomic and durable when the function returns, and need the state directory's lock.
class Certificates {
 public:
  explicit Certificates(StateDirectory directory) : directory_(std::move(directory)) {}

  /// Everything, each certificate read once.
  Inventory load_all() const;
  /// One certificate; empty but for its name when nothing is stored of it. What cannot be read of it is damage, and an
  /// unreadable state the same as a new one.
  Certificate load(const std::string& name) const;
  /// A version by its number. Throws Error when it is not there or its files are damaged.
  Version load_version(const std::string& name, const std::string& number) const;
  /// The private key of a version, of its primary key or a `further` one, although other files of it may be damaged.
  /// Empty when it is not there.
  std::optional<std::string> find_key(const std::string& name, const std::string& number,
                                      std::optional<pki::KeyFamily> further = {}) const;

  /// Stores a new version and returns its number. It is not live yet. What is `further` goes into a folder of its own
  /// below, `rsa/` or `ecdsa/` after its key; throws Error when two are of one family.
  std::string put(Certificate& certificate, const pki::CertificateBundle& bundle, const VersionRecord& record,
                  std::span<const VersionPart> further = {});
  /// Moves the live link; the version must be complete.
  void make_live(Certificate& certificate, const std::string& number);
  /// Writes what is remembered, if it has changed since it was read or written.
  void save(Certificate& certificate);
  /// Removes old versions, but never the live one, the one before it, one that some target has or serves, or the three
  /// newest.
  void prune(Certificate& certificate);

  /// The folder of one version, with its PEM files.
  std::filesystem::path version_path(const std::string& name, const std::string& number) const;
  /// The link that daemons and hooks may name: live/<name>.
  std::filesystem::path live_path(const std::string& name) const;
  /// Where deployment keeps what it would put back (below the certificate's folder).
  std::filesystem::path backup_path(const std::string& name) const;

 private:
  std::vector<std::string> versions(const std::string& name) const;
  LiveVersion load_live(const std::string& name) const;
  CertificateState load_state(const std::string& name) const;

  StateDirectory directory_;
};

}  // namespace mxcert::store
