#pragma once
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/process.h"
#include "mx/mx_lookup.h"

namespace mxcert::mx {

/// Runs a program; in unit tests a table of answers.
using RunProgram = std::function<ProcessResult(const Command&)>;

/// What a source of mail domains names.
struct DomainList {
  std::vector<MailDomain> domains = {};  // may hold one twice
  /// `bad_domain`: what is no usable domain name, left out; `domains_unlisted`: what the source takes mail for without
  /// being able to name it (SQL, a pattern), with how to supply it.
  std::vector<Warning> warnings = {};
};

/// Each domain once, in the order given: the first source is its source, the others are its other sources.
std::vector<MailDomain> merge_domains(std::vector<MailDomain> domains);

/// The domains that `command` prints, one a line; blank lines and what follows a # are ignored. The source is the path
/// of the program.
///
/// Throws Error (code `domain_source`) unless it ends with status 0 in time, having printed at least one domain:
/// what a source that failed would have said is not known, and nothing may be planned without it.
DomainList domains_from_command(const RunProgram& run, const std::vector<std::string>& command);

/// Collects what one source names, piece by piece, as people wrote it.
class DomainCollector {
 public:
  explicit DomainCollector(std::string source) : source_(std::move(source)) {}

  /// A domain; what cannot be one is a warning. `place` says where it stands: `line 7`.
  void add(std::string_view text, std::string_view place);
  /// The same of a mail server's lists, which hold what it calls itself at home, too: single labels, `localhost` in any
  /// domain and addresses are silently left out.
  void add_unless_local(std::string_view text, std::string_view place);
  /// `kind` is a plural that completes "cannot be listed": `domains behind mysql lookups`.
  void cannot_list(const std::string& place, const std::string& kind, std::string_view example);

  DomainList finish() &&;

 private:
  struct Unlisted {
    std::size_t count = 0;
    std::string example;
  };
  std::string source_;
  DomainList list_;
  std::size_t bad_ = 0;
  std::map<std::pair<std::string, std::string>, Unlisted> unlisted_;  // by place and kind
};

/// What `command` prints, run with the system's PATH in the C locale, with a deadline of two minutes. Throws Error
/// (code `domain_source`), its message beginning with `source`, when it cannot be run, fails, takes too long or prints
/// more than anybody has domains (64 MiB); Interrupted.
std::string output_of(const RunProgram& run, Command command, std::string_view source);
/// The same, but for the program's own verdict, which is the caller's to judge.
ProcessResult result_of(const RunProgram& run, Command command, std::string_view source);

/// The first of `paths` that is there. Throws Error (code `domain_source`) saying that `source` is not installed.
std::string find_program(std::span<const char* const> paths, std::string_view source);

}  // namespace mxcert::mx
