#include "store/name_records.h"

#include "base/files.h"
#include "catch.h"
#include "fake_clock.h"
#include "store/issuances.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::store;
using namespace std::chrono_literals;

namespace {

constexpr SystemTime now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23};

struct Fixture {
  test::TempDir temp;
  test::FakeClock clock;
  StateDirectory directory{temp.path() / "state"};
  Lock lock = directory.lock(clock, 0ms);
};

Issuance issuance(SystemTime at, std::vector<std::string> names = {"mx.example.com"}) {
  return {.at = at,
          .certificate = "mx.example.com",
          .directory = "https://ca.example/dir",
          .names = std::move(names),
          .not_after = at + 2160h,
          .is_replacement = true};
}

}  // namespace

TEST_CASE_METHOD(Fixture, "what is remembered of names comes back") {
  NameRecords names(directory);
  CHECK(names.load().empty());
  const std::map<std::string, NameRecord> records{
      {"mx.example.com", {.absent_since = now, .absent_last = now + 1h, .absent_count = 3, .seen_since = {}}},
      {"mx2.example.com", {.absent_since = {}, .absent_last = {}, .seen_since = now}}};
  names.save(records);
  CHECK(names.load() == records);
}

TEST_CASE_METHOD(Fixture, "a damaged memory of names is none, and damaged entries say nothing") {
  const std::string damaged = GENERATE("", "{", "[]", "{\"names\":[]}", "{\"names\":{\"a.example\":1}}");
  write_new_file(directory.names(), damaged, {.mode = 0600});
  CHECK(NameRecords(directory).load().empty());
}

TEST_CASE_METHOD(Fixture, "times that are none are as if they were not there") {
  write_new_file(directory.names(),
                 R"({"names":{"a.example":{"absent":{"since":"soon","count":4}},)"
                 R"("b.example":{"absent":{"since":"2026-11-23T00:00:00Z","count":"x"}}}})",
                 {.mode = 0600});
  const auto names = NameRecords(directory).load();
  CHECK(names.at("a.example") == NameRecord{});
  CHECK(names.at("b.example").absent_since == now);
  CHECK(names.at("b.example").absent_count == 1);
}

TEST_CASE_METHOD(Fixture, "issuances are remembered for seven days") {
  Issuances issuances(directory);
  issuances.add(issuance(now));
  issuances.add(issuance(now + 1h, {"mx.example.com", "mx2.example.com"}));
  CHECK(issuances.load() == std::vector{issuance(now), issuance(now + 1h, {"mx.example.com", "mx2.example.com"})});
  issuances.add(issuance(now + 7 * 24h + 30min));
  CHECK(issuances.load().size() == 2);
  INFO("what the clock said when it was ahead does not count");
  issuances.add(issuance(now + 2h));
  CHECK(issuances.load() == std::vector{issuance(now + 1h, {"mx.example.com", "mx2.example.com"}), issuance(now + 2h)});
}

TEST_CASE_METHOD(Fixture, "of very many issuances the newest are remembered, and the file stays readable") {
  Issuances issuances(directory);
  const std::vector<std::string> many(1000, std::string(60, 'a') + ".example.com");
  for (int hour = 0; hour < 30; ++hour)
    issuances.add(issuance(now + std::chrono::hours{hour}, many));
  const auto kept = issuances.load();
  CHECK(kept.size() < 30);
  CHECK(kept.size() > 10);
  CHECK(kept.back().at == now + 29h);
}
