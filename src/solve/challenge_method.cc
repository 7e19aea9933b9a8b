#include "solve/challenge_method.h"

namespace mxcert::solve {
namespace {

using Type = ChallengeMethod::Type;

}  // namespace

std::string_view to_string(Type type) {
  switch (type) {
    case Type::http_01:
      return "http-01";
    case Type::tls_alpn_01:
      return "tls-alpn-01";
    case Type::dns_01:
      return "dns-01";
    case Type::dns_persist_01:
      return "dns-persist-01";
  }
  return "";
}

std::uint16_t port_of(Type type) {
  switch (type) {
    case Type::http_01:
      return 80;
    case Type::tls_alpn_01:
      return 443;
    case Type::dns_01:
    case Type::dns_persist_01:
      return 0;
  }
  return 0;
}

}  // namespace mxcert::solve
