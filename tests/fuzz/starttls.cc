// What a mail server says before TLS begins. The first byte chooses the protocol.
#include "deploy/starttls.h"

#include "fuzz.h"

using namespace mxcert;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr deploy::Protocol protocols[] = {deploy::Protocol::smtp, deploy::Protocol::imap, deploy::Protocol::pop3,
                                            deploy::Protocol::sieve};
  const deploy::Protocol protocol = protocols[data[0] % std::size(protocols)];
  std::string_view rest = fuzz::as_text(data + 1, size - 1);
  const deploy::LineStream stream{
      .read_line =
          [&] {
            if (rest.empty()) throw Error("the connection ended");
            const auto end = rest.find('\n');
            std::string line(rest.substr(0, end));
            rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
            return line;
          },
      .write_line = [](std::string_view line) { fuzz::require(line.find('\n') == std::string_view::npos); }};
  fuzz::tolerate([&] {
    deploy::read_greeting(protocol, stream);
    deploy::start_tls(protocol, stream, "client.example");
  });
  return 0;
}
