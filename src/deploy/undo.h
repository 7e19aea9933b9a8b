#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "deploy/deploy.h"
#include "deploy/install.h"
#include "pki/certificate.h"

namespace mxcert::deploy {

/// A deployment that did not work, and how far it had come.
struct Undo {
  std::span<const FileChange> changes;
  std::span<const Observation> before;
  const pki::Certificate& new_leaf;
  bool configured = false;  // the hook was allowed to change the daemon's configuration
  bool hook_ran = false;
};

struct UndoResult {
  std::string failure = {};  // empty: things are as they were
  std::vector<Observation> after = {};
};

/// Puts the previous files back, has the daemon reload and looks whether it serves what it did. Never throws but
/// Interrupted: what fails is in the result, and the journal stays when files could not be put back.
UndoResult undo_deployment(Clock& clock, const std::filesystem::path& program, const Target& target,
                           const Delivery& delivery, const DeployOptions& options, const Undo& undo);

/// Runs the event rollback; a hook that does not know it is asked to reload by the event deploy.
void run_rollback(Clock& clock, const std::filesystem::path& program, const Target& target, const Delivery& delivery,
                  bool unconfigure);

}  // namespace mxcert::deploy
