#pragma once
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "deploy/deploy.h"
#include "deploy/install.h"
#include "deploy/verify.h"

namespace mxcert::deploy {

/// A deployment that did not work, and how far it had come.
struct Undo {
  std::span<const FileChange> changes;
  std::span<const Observation> before;
  const Expectation& expectation;
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

/// Makes `changes`, which bring previous files back, and has the hook reload. Where files go altogether, the hook takes
/// away before what names them (Dovecot does not start without a file that it names), and with `unconfigure` all that
/// it configured. Tries all of it, and says what failed; empty when nothing did. Throws Interrupted.
std::string put_back(Clock& clock, const std::filesystem::path& program, const Target& target, const Delivery& delivery,
                     std::span<const FileChange> changes, bool unconfigure,
                     const std::function<void(const std::filesystem::path&)>& before_each);

}  // namespace mxcert::deploy
