#include "deploy/starttls.h"

#include <fmt/format.h>

#include <vector>

#include "base/text.h"

namespace mxcert::deploy {
namespace {

using AnswerStatus = StartTlsAnswer::Status;
constexpr std::size_t max_reply_lines = 100;

/// An SMTP reply (RFC 5321 §4.2): one code, one or more lines.
struct SmtpReply {
  int code = 0;  // 0: not a reply
  std::vector<std::string> lines = {};
  std::string raw = {};  // the first line as it came, printable
};

bool is_smtp_line(std::string_view line) {
  const auto digit = [&](std::size_t i) { return line[i] >= '0' && line[i] <= '9'; };
  return line.size() >= 3 && digit(0) && digit(1) && digit(2) && (line.size() == 3 || line[3] == ' ' || line[3] == '-');
}

SmtpReply read_smtp_reply(const LineStream& stream) {
  SmtpReply reply;
  while (reply.lines.size() < max_reply_lines) {
    const std::string line = stream.read_line();
    if (reply.lines.empty()) reply.raw = printable(line, 200);
    if (!is_smtp_line(line)) return {.raw = printable(line, 200)};
    reply.code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    reply.lines.push_back(line.size() > 4 ? line.substr(4) : std::string());
    if (line.size() == 3 || line[3] == ' ') return reply;
  }
  return {.raw = fmt::format("a reply of more than {} lines", max_reply_lines)};
}

bool offers_starttls(const SmtpReply& reply) {
  for (const std::string& line : reply.lines)
    if (to_lower_ascii(trim(line)) == "starttls") return true;
  return false;
}

StartTlsAnswer start_tls_smtp(const LineStream& stream, const std::string& own_name) {
  stream.write_line("EHLO " + own_name);
  const SmtpReply hello = read_smtp_reply(stream);
  if (hello.code == 0) return {AnswerStatus::not_understood, fmt::format("answers EHLO with \"{}\"", hello.raw)};
  if (hello.code != 250) return {AnswerStatus::not_offered, fmt::format("refuses EHLO: \"{}\"", hello.raw)};
  if (!offers_starttls(hello)) return {AnswerStatus::not_offered, "does not offer STARTTLS"};
  stream.write_line("STARTTLS");
  const SmtpReply answer = read_smtp_reply(stream);
  if (answer.code == 0) return {AnswerStatus::not_understood, fmt::format("answers STARTTLS with \"{}\"", answer.raw)};
  if (answer.code != 220)
    return {AnswerStatus::refused, fmt::format("offers STARTTLS and refuses it: \"{}\"", answer.raw)};
  return {};
}

StartTlsAnswer start_tls_imap(const LineStream& stream) {
  stream.write_line("a STARTTLS");
  for (std::size_t count = 0; count < max_reply_lines; ++count) {
    const std::string line = stream.read_line();
    const std::string lower = to_lower_ascii(line);
    if (lower.starts_with("a ok")) return {};
    if (lower.starts_with("a no") || lower.starts_with("a bad"))
      return {AnswerStatus::not_offered, fmt::format("refuses STARTTLS: \"{}\"", printable(line, 200))};
    if (!lower.starts_with("* "))
      return {AnswerStatus::not_understood, fmt::format("answers STARTTLS with \"{}\"", printable(line, 200))};
  }
  return {AnswerStatus::not_understood, "answers STARTTLS with too many lines"};
}

StartTlsAnswer start_tls_pop3(const LineStream& stream) {
  stream.write_line("STLS");
  const std::string line = stream.read_line();
  if (line.starts_with("+OK")) return {};
  if (line.starts_with("-ERR"))
    return {AnswerStatus::not_offered, fmt::format("refuses STLS: \"{}\"", printable(line, 200))};
  return {AnswerStatus::not_understood, fmt::format("answers STLS with \"{}\"", printable(line, 200))};
}

bool is_sieve_word(std::string_view line, std::string_view word) {
  if (!to_lower_ascii(line.substr(0, word.size())).starts_with(word)) return false;
  return line.size() == word.size() || line[word.size()] == ' ';
}

/// ManageSieve (RFC 5804 §1.7): a server begins with its capabilities, a line each in quotes, and ends them with OK.
Greeting read_sieve_greeting(const LineStream& stream) {
  Greeting greeting;
  for (std::size_t count = 0; count < max_reply_lines; ++count) {
    const std::string line = stream.read_line();
    if (is_sieve_word(line, "ok")) return {.text = greeting.text.empty() ? printable(line, 200) : greeting.text};
    if (!line.starts_with('"')) return {.reason = fmt::format("greets with \"{}\"", printable(line, 200))};
    if (greeting.text.empty()) greeting.text = printable(line, 200);
  }
  return {.reason = "greets with too many lines"};
}

StartTlsAnswer start_tls_sieve(const LineStream& stream) {
  stream.write_line("STARTTLS");
  const std::string line = stream.read_line();
  if (is_sieve_word(line, "ok")) return {};
  if (is_sieve_word(line, "no") || is_sieve_word(line, "bye"))
    return {AnswerStatus::not_offered, fmt::format("refuses STARTTLS: \"{}\"", printable(line, 200))};
  return {AnswerStatus::not_understood, fmt::format("answers STARTTLS with \"{}\"", printable(line, 200))};
}

Greeting greeting_if(bool valid, const std::string& line) {
  if (valid) return {.text = line};
  return {.reason = fmt::format("greets with \"{}\"", line)};
}

}  // namespace

Greeting read_greeting(Protocol protocol, const LineStream& stream) {
  if (protocol == Protocol::smtp) {
    const SmtpReply reply = read_smtp_reply(stream);
    return greeting_if(reply.code == 220, reply.raw);
  }
  if (protocol == Protocol::sieve) return read_sieve_greeting(stream);
  if (protocol == Protocol::tls) return {};
  const std::string line = printable(stream.read_line(), 200);
  return greeting_if(line.starts_with(protocol == Protocol::imap ? "* OK" : "+OK"), line);
}

StartTlsAnswer start_tls(Protocol protocol, const LineStream& stream, const std::string& own_name) {
  switch (protocol) {
    case Protocol::smtp:
      return start_tls_smtp(stream, own_name);
    case Protocol::imap:
      return start_tls_imap(stream);
    case Protocol::pop3:
      return start_tls_pop3(stream);
    case Protocol::sieve:
      return start_tls_sieve(stream);
    case Protocol::tls:
      break;
  }
  return {};
}

std::string_view farewell(Protocol protocol) {
  switch (protocol) {
    case Protocol::smtp:
    case Protocol::pop3:
      return "QUIT";
    case Protocol::imap:
      return "a LOGOUT";
    case Protocol::sieve:
      return "LOGOUT";
    case Protocol::tls:
      break;
  }
  return "";
}

}  // namespace mxcert::deploy
