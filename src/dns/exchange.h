#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/handle.h"
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

/// Asks all `queries`, whose ids differ, over one connection without waiting in between (RFC 7766 §6.2.1.1): together
/// they take the time of one. A server that closes it is asked for the rest over another, as long as that brings
/// anything. Waits at most `patience` for the connection and for each next answer.
AnswersOnWire ask_over_tcp(const ServerAddress& server, std::span<const Packet> queries, std::chrono::seconds patience);

struct Datagram {
  ServerAddress server;
  Packet query;  // ids of those to the same server differ
};
/// Asks all at once and waits for at most `patience` altogether. Answers that did not fit are cut off (TC).
AnswersOnWire ask_over_udp(std::span<const Datagram> datagrams, std::chrono::milliseconds patience);

}  // namespace mxcert::dns
