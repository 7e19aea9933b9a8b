#include "acme/transport.h"

#include <utility>

namespace mxcert::acme {
namespace {

std::string code_of(TransportError::Kind kind) {
  switch (kind) {
    case TransportError::Kind::unreachable:
      return "ca_unreachable";
    case TransportError::Kind::not_trusted:
      return "ca_not_trusted";
    case TransportError::Kind::timeout:
      return "ca_timeout";
    case TransportError::Kind::broken:
      return "ca_connection_broken";
    case TransportError::Kind::refused:
      return "ca_answer_refused";
  }
  return "ca_unreachable";
}

}  // namespace

TransportError::TransportError(Kind kind, std::string message, std::string hint)
    : Error(std::move(message), std::move(hint), code_of(kind)), kind_(kind) {
}

}  // namespace mxcert::acme
