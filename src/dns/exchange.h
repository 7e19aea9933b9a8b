#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/handle.h"
#include "base/wait.h"
#include "dns/address.h"

// Declared here since ldns.h makes macros of C++'s own words.
struct ldns_struct_pkt;
extern "C" void ldns_pkt_free(ldns_struct_pkt*);

// For the .cc files of this folder only.
namespace mxcert::dns {

using Packet = Handle<ldns_struct_pkt, ldns_pkt_free>;

struct Answered {
  std::vector<std::uint8_t> wire = {};
  Packet packet = {};
};
/// One place for each question, empty where no answer came that belongs to it.
using AnswersOnWire = std::vector<std::optional<Answered>>;

/// How long a server is waited for.
struct Patience {
  Clock& clock;
  std::chrono::milliseconds time;
  AtStop at_stop = AtStop::interrupt;
};

/// Asks all `queries`, whose ids differ, over one connection without waiting in between (RFC 7766 §6.2.1.1): together
/// they take the time of one. A server that closes it is asked for the rest over another, as long as that brings
/// anything. `patience` is that for the connection and for each next answer.
AnswersOnWire ask_over_tcp(const ServerAddress& server, std::span<const Packet> queries, const Patience& patience);

struct Datagram {
  ServerAddress server;
  Packet query;  // ids of those to the same server differ
};
/// Asks all at once; `patience` is that for all of it. Answers that did not fit are cut off (TC).
AnswersOnWire ask_over_udp(std::span<const Datagram> datagrams, const Patience& patience);

}  // namespace mxcert::dns
