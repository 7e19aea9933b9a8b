#include "mx/needs.h"

#include <array>

#include "base/text.h"
#include "catch.h"

using namespace mxcert;
using namespace mxcert::mx;
using namespace std::chrono_literals;
using dns::DnsName;
using pki::KeyFamily;
using pki::KeyType;

namespace {

constexpr SystemTime now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23};
constexpr auto ecdsa = KeyFamily::ecdsa;
constexpr auto rsa = KeyFamily::rsa;
const std::vector<KeyType> both = {KeyType::ecdsa_p256, KeyType::rsa_2048};

std::vector<DnsName> names(std::string_view texts) {
  std::vector<DnsName> all;
  for (const std::string_view text : split(texts, ' '))
    if (!text.empty()) all.push_back(DnsName::parse_host(std::string(text) + ".example").value());
  return all;
}

/// How old a certificate is that lasts 90 days and is due after 60.
enum Age { fresh = 10, half = 31, due = 61, over = 91 };

CurrentPart part(std::optional<KeyFamily> family, std::string_view held, Age age = fresh, std::string unwanted = "") {
  const SystemTime begin = now - std::chrono::days{age};
  CurrentPart made{.family = family,
                   .not_before = begin,
                   .not_after = begin + 90 * 24h,
                   .renew_at = begin + 60 * 24h,
                   .unwanted = std::move(unwanted)};
  for (const DnsName& name : names(held))
    made.names.push_back(name.ascii());
  return made;
}

/// `ecdsa due, rsa along`
std::string show(const std::vector<Need>& needs) {
  constexpr std::array reasons{"first",   "lacks_names", "unwanted", "lacks_key",
                               "replace", "due",         "along",    "same_names"};
  std::vector<std::string> texts;
  for (const Need& need : needs)
    texts.push_back(std::string(to_string(need.family)) + " " + reasons.at(static_cast<std::size_t>(need.reason)));
  return join(texts, ", ");
}

struct Row {
  const char* title;
  Situation situation;
  const char* names;
  const char* needs;
};

void check(const std::vector<Row>& table) {
  for (const Row& row : table) {
    CAPTURE(row.title);
    Situation situation = row.situation;
    situation.now = now;
    const std::vector<Need> needs = find_needs(situation, names(row.names));
    CHECK(show(needs) == row.needs);
    for (const Need& need : needs) {
      CHECK(need.names == names(row.names));
      CHECK_FALSE(need.why.empty());
    }
  }
}

}  // namespace

TEST_CASE("what is needed with one key") {
  check({
      {"nothing is there", {}, "a b", "ecdsa first"},
      {"it has every name", {.parts = {part(ecdsa, "a b c")}}, "a b", ""},
      {"a wildcard has every name", {.parts = {part(ecdsa, "*.w")}}, "a.w b.w", ""},
      {"it lacks a name", {.parts = {part(ecdsa, "a")}}, "a b", "ecdsa lacks_names"},
      {"it is unwanted", {.parts = {part(ecdsa, "a", fresh, "it is old")}}, "a", "ecdsa unwanted"},
      {"it is due", {.parts = {part(ecdsa, "a", due)}}, "a", "ecdsa due"},
      {"half of its time is over", {.parts = {part(ecdsa, "a", half)}}, "a", ""},
      {"a new version is wanted", {.parts = {part(ecdsa, "a")}, .replace_why = "it is said"}, "a", "ecdsa replace"},
      {"no names are asked for", {.parts = {part(ecdsa, "a")}}, "", ""},
  });
}

TEST_CASE("of several reasons the one that people are told of first counts") {
  check({
      {"names before all",
       {.parts = {part(ecdsa, "a", due, "it is old")}, .replace_why = "it is said"},
       "a b",
       "ecdsa lacks_names"},
      {"unwanted before replace",
       {.parts = {part(ecdsa, "a", due, "it is old")}, .replace_why = "it is said"},
       "a",
       "ecdsa unwanted"},
      {"replace before due", {.parts = {part(ecdsa, "a", due)}, .replace_why = "it is said"}, "a", "ecdsa replace"},
  });
}

TEST_CASE("what is needed with two keys") {
  const auto with = [](CurrentPart first, CurrentPart second, std::string replace_why = "") {
    return Situation{.key_types = both, .parts = {std::move(first), std::move(second)}, .replace_why = replace_why};
  };
  check({
      {"nothing is there", {.key_types = both}, "a", "ecdsa first, rsa first"},
      {"all is well", with(part(ecdsa, "a"), part(rsa, "a")), "a", ""},
      {"all is well the other way around", with(part(rsa, "a"), part(ecdsa, "a")), "a", ""},
      {"the second one is missing", {.key_types = both, .parts = {part(ecdsa, "a")}}, "a", "rsa lacks_key"},
      {"the primary one is missing", {.key_types = both, .parts = {part(rsa, "a")}}, "a", "ecdsa lacks_key"},
      {"one is missing, and the other has to share its names",
       {.key_types = both, .parts = {part(rsa, "a b")}},
       "a",
       "ecdsa lacks_key, rsa same_names"},
      {"one is missing, and the other is not due for long, though half of its time is over",
       {.key_types = both, .parts = {part(rsa, "a", half)}},
       "a",
       "ecdsa lacks_key"},
      {"one is due, and the other is young", with(part(ecdsa, "a", due), part(rsa, "a")), "a", "ecdsa due"},
      {"the other one is due", with(part(ecdsa, "a"), part(rsa, "a", due)), "a", "rsa due"},
      {"one is due and takes along what is half over", with(part(ecdsa, "a", due), part(rsa, "a", half)), "a",
       "ecdsa due, rsa along"},
      {"whichever it is", with(part(ecdsa, "a", half), part(rsa, "a", over)), "a", "ecdsa along, rsa due"},
      {"both are half over", with(part(ecdsa, "a", half), part(rsa, "a", half)), "a", ""},
      {"one is due, and the other has to share its names", with(part(ecdsa, "a b", due), part(rsa, "a b")), "a",
       "ecdsa due, rsa same_names"},
      {"what has gone is no reason by itself", with(part(ecdsa, "a b"), part(rsa, "a b")), "a", ""},
      {"one is unwanted", with(part(ecdsa, "a", fresh, "it is old"), part(rsa, "a")), "a", "ecdsa unwanted"},
      {"one is unwanted, and the other is no younger for it",
       with(part(ecdsa, "a", fresh, "it is old"), part(rsa, "a", half)), "a", "ecdsa unwanted"},
      {"a name is lacking on both", with(part(ecdsa, "a"), part(rsa, "a")), "a b",
       "ecdsa lacks_names, rsa lacks_names"},
      {"a name is lacking on one", with(part(ecdsa, "a"), part(rsa, "a b")), "a b", "ecdsa lacks_names"},
      {"a name is lacking on one, and the other has to share its names", with(part(ecdsa, "a"), part(rsa, "a b c")),
       "a b", "ecdsa lacks_names, rsa same_names"},
      {"a new version is wanted", with(part(ecdsa, "a"), part(rsa, "a"), "it is said"), "a",
       "ecdsa replace, rsa replace"},
      {"a new version is wanted, and one is due too", with(part(ecdsa, "a"), part(rsa, "a", due), "it is said"), "a",
       "ecdsa replace, rsa replace"},
  });
}

TEST_CASE("a part that is to be in no further version counts until there is one") {
  check({
      {"it is well", {.parts = {part(ecdsa, "a"), part(rsa, "a")}}, "a", ""},
      {"it is due", {.parts = {part(ecdsa, "a"), part(rsa, "a", due)}}, "a", "ecdsa due"},
      {"it is unwanted", {.parts = {part(ecdsa, "a"), part(rsa, "a", fresh, "it is old")}}, "a", "ecdsa unwanted"},
      {"it lacks a name, which is no matter", {.parts = {part(ecdsa, "a b"), part(rsa, "a")}}, "a b", ""},
      {"files are damaged, and nobody knows of which key",
       {.key_types = both, .parts = {part({}, "a", fresh, "its stored files are damaged")}},
       "a",
       "ecdsa unwanted, rsa unwanted"},
  });
}

TEST_CASE("a certificate for fewer names is asked about anew: is it worth an order still?") {
  Situation situation{.parts = {part(ecdsa, "a")}, .now = now};
  CHECK(show(find_needs(situation, names("a b"))) == "ecdsa lacks_names");
  CHECK(show(find_needs(situation, names("a"))) == "");
  situation.parts = {part(ecdsa, "a", fresh, "it is from another CA")};
  CHECK(show(find_needs(situation, names("a"))) == "ecdsa unwanted");
  situation = {.key_types = both, .parts = {part(ecdsa, "a b", due), part(rsa, "a b")}, .now = now};
  CHECK(show(find_needs(situation, names("a b"))) == "ecdsa due");
  CHECK(show(find_needs(situation, names("a"))) == "ecdsa due, rsa same_names");
}

TEST_CASE("to change the type of the only key is no reason for another one") {
  const auto rows = std::vector<std::pair<Situation, std::string>>{
      {{.key_types = {KeyType::rsa_2048}, .parts = {part(ecdsa, "a")}}, ""},
      {{.key_types = {KeyType::rsa_2048}, .parts = {part(ecdsa, "a", due)}}, "ecdsa due"},
      {{.key_types = {KeyType::ecdsa_p384}, .parts = {part({}, "a", fresh, "it is damaged")}}, "ecdsa unwanted"},
      {{.key_types = {KeyType::rsa_2048}, .parts = {part(ecdsa, "a"), part(rsa, "a", due)}}, "rsa due"},
  };
  for (auto [situation, needs] : rows) {
    CAPTURE(needs);
    situation.now = now;
    CHECK(show(find_needs(situation, names("a"))) == needs);
  }
}

TEST_CASE("each wanted key finds the live part that has one of its family") {
  const auto show_keys = [](const std::vector<WantedKey>& keys) {
    std::vector<std::string> texts;
    for (const WantedKey& key : keys)
      texts.push_back(std::string(to_string(key.type)) + " " + std::string(to_string(key.family)) +
                      (key.part ? " " + std::to_string(*key.part) : ""));
    return join(texts, ", ");
  };
  CHECK(show_keys(wanted_keys(both, {})) == "ecdsa-p256 ecdsa, rsa-2048 rsa");
  CHECK(show_keys(wanted_keys(both, {rsa, ecdsa})) == "ecdsa-p256 ecdsa 1, rsa-2048 rsa 0");
  CHECK(show_keys(wanted_keys(both, {rsa})) == "ecdsa-p256 ecdsa, rsa-2048 rsa 0");
  CHECK(show_keys(wanted_keys({KeyType::rsa_4096}, {ecdsa})) == "rsa-4096 ecdsa 0");
  CHECK(show_keys(wanted_keys({KeyType::rsa_4096}, {ecdsa, rsa})) == "rsa-4096 rsa 1");
  CHECK(show_keys(wanted_keys({KeyType::rsa_4096}, {std::nullopt})) == "rsa-4096 rsa 0");
}

TEST_CASE("a need says in a sentence why") {
  const auto why = [](Situation situation, std::string_view wanted) {
    situation.now = now;
    std::vector<std::string> texts;
    for (const Need& need : find_needs(situation, names(wanted)))
      texts.push_back(need.why);
    return join(texts, "; ");
  };
  CHECK(why({}, "a") == "there is no certificate yet");
  CHECK(why({.parts = {part(ecdsa, "a")}}, "a b c") == "it lacks b.example, c.example");
  CHECK(why({.parts = {part(ecdsa, "a", due)}}, "a b") == "it lacks b.example and it expires in 29 days");
  CHECK(why({.parts = {part(ecdsa, "a", over)}}, "a") == "it expired 24 hours ago");
  CHECK(why({.key_types = both, .parts = {part(ecdsa, "a")}}, "a") == "it lacks an rsa-2048 certificate");
  CHECK(why({.parts = {part(ecdsa, "a", fresh, "it is old")}}, "a") == "it is old");
  CHECK(why({.parts = {part(ecdsa, "a")}, .replace_why = "it is said"}, "a") == "it is said");
  CurrentPart asked = part(ecdsa, "a", due);
  asked.renew_why = "the CA wants it renewed";
  CHECK(why({.parts = {asked}}, "a") == "the CA wants it renewed, and it expires in 29 days");
  CHECK(why({.key_types = both, .parts = {part(ecdsa, "a b", due), part(rsa, "a b", half)}}, "a") ==
        "it expires in 29 days; another one is due, and half of its time is over");
  CHECK(why({.key_types = both, .parts = {part(ecdsa, "a b", due), part(rsa, "a b")}}, "a") ==
        "it expires in 29 days; it has other names than the one that is ordered");
}
