#pragma once
#include <string>

namespace mxcert {

/// Something to tell besides the result: `code` is stable and for machines, `subject` what it is about.
struct Finding {
  std::string code;
  std::string subject;
  std::string message;
  std::string hint = {};
};

}  // namespace mxcert
