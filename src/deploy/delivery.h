#pragma once
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "deploy/endpoint.h"
#include "pki/certificate.h"

namespace mxcert::deploy {

/// Who is to serve the certificate: one `[[deploy]]` of the configuration.
struct Target {
  std::string hook;                           // the name of a hook that ships, or a path
  std::vector<Endpoint> verify = {};          // where to look; empty: where the hook says the daemon listens
  bool configure = false;                     // may the hook change the daemon's configuration?
  std::chrono::milliseconds timeout{60'000};  // for each run of the hook
};

/// What is to be served: a certificate version as the store has it.
struct Delivery {
  std::string certificate_name;
  std::vector<std::string> names;  // that the certificate must hold
  pki::CertificateBundle bundle;
  std::filesystem::path lineage;  // the directory with privkey.pem, cert.pem, …; hooks are told of it
};

}  // namespace mxcert::deploy
