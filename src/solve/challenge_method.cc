#include "solve/challenge_method.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/name_table.h"
#include "base/text.h"

namespace mxcert::solve {
namespace {

using Type = ChallengeMethod::Type;

constexpr auto type_names = name_table<Type>({
    {Type::http_01, "http-01"},
    {Type::tls_alpn_01, "tls-alpn-01"},
    {Type::dns_01, "dns-01"},
    {Type::dns_persist_01, "dns-persist-01"},
});

}  // namespace

std::string_view to_string(Type type) {
  return name_of(type_names, type);
}

Type parse_challenge_type(std::string_view text) {
  if (const auto type = value_of(type_names, text)) return *type;
  throw Error(fmt::format("challenge type {} is not supported", printable(text, 100)),
              fmt::format("known: {}", join(names_in(type_names), ", ")));
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
