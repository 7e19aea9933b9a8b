#include "mx/mail_servers.h"

#include <algorithm>
#include <array>

#include "mx/exim_domains.h"
#include "mx/postfix_domains.h"

namespace mxcert::mx {
namespace {

struct MailServer {
  const char* name;
  std::vector<const char*> paths;  // fixed: what runs as root is not looked for
  DomainList (*ask)(const RunProgram& run, const std::string& program);
};

const std::vector<MailServer>& known_servers() {
  static const std::vector<MailServer> servers{
      {"exim", {"/usr/sbin/exim4", "/usr/sbin/exim", "/usr/bin/exim"}, domains_from_exim},
      {"postfix", {"/usr/sbin/postconf", "/usr/bin/postconf"}, domains_from_postfix},
  };
  return servers;
}

}  // namespace

std::vector<std::string> mail_servers() {
  std::vector<std::string> names;
  for (const MailServer& server : known_servers())
    names.emplace_back(server.name);
  return names;
}

DomainList domains_from_server(const RunProgram& run, const std::string& name) {
  const auto server = std::ranges::find(known_servers(), name, &MailServer::name);
  return server->ask(run, find_program(server->paths, server->name));
}

}  // namespace mxcert::mx
