#pragma once
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dns/answer.h"

namespace mxcert::dns {

/// A server that answers from data of its own.
struct Authority {
  std::string server;  // its address
  Question question;   // one of those that it so answers
};

/// The first of `servers` (`ADDRESS` or `ADDRESS@PORT`; those of /etc/resolv.conf when there are none) that answers one
/// of `questions` with authority (the AA bit, RFC 1035 §4.1.1) although it is asked to look elsewhere: it has the zone,
/// or something in its place, itself. Each question goes once to at most three servers, by UDP; what is not answered
/// within `patience` is not known. Never throws for what happens on the network; throws Interrupted.
std::optional<Authority> find_authority(Clock& clock, std::span<const std::string> servers,
                                        std::span<const Question> questions,
                                        std::chrono::milliseconds patience = std::chrono::seconds{2});

/// The name servers that a file like /etc/resolv.conf names.
std::vector<std::string> name_servers(std::string_view resolv_conf);

}  // namespace mxcert::dns
