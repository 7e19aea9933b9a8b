#pragma once
#include <span>
#include <string>
#include <vector>

#include "deploy/delivery.h"
#include "report/report.h"
#include "store/certificates.h"

namespace mxcert::app {

/// A target that a certificate is to be installed at.
struct Assignment {
  const deploy::Target* target = nullptr;
  std::string
      name;  // what it is called in state and reports: its hook, numbered when it is not the only one of that name
  deploy::Role role = deploy::Role::default_certificate;
};

/// What one of `targets`, the configured ones, is called in state and reports.
std::string target_name(std::span<const deploy::Target> targets, const deploy::Target& target);

/// Whether `target` takes a certificate of that name, by `[[deploy]] certificates`.
bool takes(const deploy::Target& target, const std::string& certificate);

/// Which certificate belongs where, as things are when this is made. Borrows the targets.
///
/// Computed, not stored: stored is where a certificate was put, in which role, and where the two differ it is not in
/// service. Made once and anew after a change: it looks at every certificate, and there may be a thousand.
class Assignments {
 public:
  Assignments(std::span<const deploy::Target> targets, const store::Inventory& inventory);

  /// The certificates that are stored and planned, the default one first.
  const std::vector<std::string>& certificates() const { return certificates_; }

  /// Where `certificate` belongs, in the order of the configuration: at each target that takes it. It is the default
  /// one there if the plan says so, or, when the target does not take that one, if it comes first by the target's
  /// patterns and then by name. One that the plan has no use for any more belongs nowhere; nor do further ones at a
  /// target that lists files without `{name}`, where there is room for one.
  std::vector<Assignment> of(const std::string& certificate) const;

 private:
  struct Place {
    const deploy::Target* target = nullptr;
    std::string name;
    std::string default_certificate;  // empty: the target takes none
  };
  std::vector<std::string> certificates_;
  std::vector<Place> places_;
};

/// Warns of each target that takes none of the certificates that there are (code `idle_target`).
void report_idle_targets(std::span<const deploy::Target> targets, const store::Inventory& inventory,
                         report::Report& report);

}  // namespace mxcert::app
