#include "acme/transport.h"

#include <utility>

#include "base/name_table.h"

namespace mxcert::acme {
namespace {

constexpr auto codes = name_table<TransportError::Kind>({
    {TransportError::Kind::unreachable, "ca_unreachable"},
    {TransportError::Kind::not_trusted, "ca_not_trusted"},
    {TransportError::Kind::timeout, "ca_timeout"},
    {TransportError::Kind::broken, "ca_connection_broken"},
    {TransportError::Kind::refused, "ca_answer_refused"},
});

std::string code_of(TransportError::Kind kind) {
  return std::string(name_of(codes, kind));
}

}  // namespace

TransportError::TransportError(Kind kind, std::string message, std::string hint)
    : Error(std::move(message), std::move(hint), code_of(kind)), kind_(kind) {
}

}  // namespace mxcert::acme
