#include "store/certificates.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/name_table.h"
#include "pki/key.h"
#include "store/json.h"
#include "store/version_files.h"

namespace mxcert::store {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kept_versions = 3;

/// 4 or more digits and nothing else.
std::optional<unsigned> parse_number(std::string_view text) {
  unsigned value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.size() < 4 || failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string format_number(unsigned number) {
  return fmt::format("{:04}", number);
}

constexpr auto state_names = name_table<Deployment::State>({
    {Deployment::State::verified, "verified"},
    {Deployment::State::unverifiable, "unverifiable"},
    {Deployment::State::unverified, "unverified"},
    {Deployment::State::failed, "failed"},
    {Deployment::State::withdrawn, "withdrawn"},
});

nlohmann::json to_json(const Deployment& deployment) {
  nlohmann::json object{{"version", deployment.version},
                        {"state", to_string(deployment.state)},
                        {"at", format_time(deployment.at)},
                        {"message", deployment.message},
                        {"served_version", deployment.served_version}};
  if (deployment.by_sni) object["by_sni"] = true;
  return object;
}

nlohmann::json to_json(const Failure& failure) {
  return {
      {"count", failure.count}, {"at", format_time(failure.at)}, {"message", failure.message}, {"hint", failure.hint}};
}

Failure read_failure(const nlohmann::json& document) {
  const auto count = document.find("count");
  return {.count = count != document.end() && count->is_number_integer() ? count->get<int>() : 1,
          .at = time_at(document, "at"),
          .message = text_at(document, "message"),
          .hint = text_at(document, "hint")};
}

nlohmann::json to_json(const RenewalInfo& info) {
  nlohmann::json document{{"certificate", info.certificate},
                          {"asked_at", format_time(info.asked_at)},
                          {"next_question", format_time(info.next_question)}};
  if (info.window)
    document["window"] = {{"start", format_time(info.window->start)},
                          {"end", format_time(info.window->end)},
                          {"explanation_url", info.window->explanation_url}};
  return document;
}

/// Empty for what is not whole: the CA will tell again.
std::optional<RenewalInfo> read_renewal_info(const nlohmann::json& document) {
  if (!document.is_object()) return std::nullopt;
  RenewalInfo info{.certificate = text_at(document, "certificate"),
                   .window = {},
                   .asked_at = time_at(document, "asked_at"),
                   .next_question = time_at(document, "next_question")};
  if (const auto window = document.find("window"); window != document.end() && window->is_object()) {
    const auto start = parse_time(text_at(*window, "start"));
    const auto end = parse_time(text_at(*window, "end"));
    if (!start || !end || *start >= *end) return std::nullopt;
    info.window = RenewalWindow{.start = *start, .end = *end, .explanation_url = text_at(*window, "explanation_url")};
  }
  return info;
}

/// The first one is `renewal_info`, the others are listed.
std::vector<RenewalInfo> read_renewal_infos(const nlohmann::json& state) {
  std::vector<RenewalInfo> infos;
  const auto add = [&](const nlohmann::json& document) {
    if (auto info = read_renewal_info(document)) infos.push_back(*std::move(info));
  };
  if (const auto first = state.find("renewal_info"); first != state.end()) add(*first);
  if (const auto others = state.find("further_renewal_info"); others != state.end() && others->is_array())
    for (const nlohmann::json& document : *others)
      add(document);
  return infos;
}

void write_renewal_infos(nlohmann::json& state, const std::vector<RenewalInfo>& infos) {
  if (infos.empty()) return;
  state["renewal_info"] = to_json(infos.front());
  for (const RenewalInfo& info : std::span(infos).subspan(1))
    state["further_renewal_info"].push_back(to_json(info));
}

/// What cannot be looked at counts: who needs that certificate is told why.
bool may_be_directory(const fs::path& path) {
  try {
    return directory_exists(path);
  } catch (const Error&) {
    return true;
  }
}

/// Of the key that the certificate is for.
pki::KeyFamily family_of(const pki::CertificateBundle& bundle) {
  const auto family = pki::parse_certificates(bundle.leaf).front().key_family;
  if (!family) throw Error("a certificate whose key is neither ECDSA nor RSA cannot be stored");
  return *family;
}

}  // namespace

std::vector<VersionPart> Version::parts() const {
  std::vector<VersionPart> all{{.bundle = bundle, .leaf = leaf, .record = record}};
  all.insert(all.end(), further.begin(), further.end());
  return all;
}

std::string_view to_string(Deployment::State state) {
  return name_of(state_names, state);
}

const Version& Certificate::live_version() const {
  if (const Version* version = live.intact()) return *version;
  if (const Error* damage = live.damage()) throw *damage;
  throw Error(fmt::format("{} has no live version", name), "mxcert issue gets one");
}

Inventory Certificates::load_all() const {
  Inventory inventory;
  for (const fs::path& entry : list_directory_if_exists(directory_.certificates())) {
    const std::string name = entry.filename().string();
    if (is_safe_name(name) && may_be_directory(entry)) inventory.emplace(name, load(name));
  }
  return inventory;
}

Certificate Certificates::load(const std::string& name) const {
  Certificate certificate{.name = name, .live = load_live(name)};
  try {
    certificate.versions = versions(name);
    certificate.state = certificate.saved = load_state(name);
  } catch (const Error& damage) {  // whoever is to do something with it says so
    certificate.live = LiveVersion(certificate.live.exists() ? certificate.live.number() : "unreadable", damage);
  }
  return certificate;
}

LiveVersion Certificates::load_live(const std::string& name) const {
  const auto target = find_link_target(live_path(name));
  if (!target || !parse_number(target->filename().string())) return {};
  const std::string number = target->filename().string();
  try {
    return LiveVersion(load_version(name, number));
  } catch (const Error& damage) {
    return {number, damage};
  }
}

std::vector<std::string> Certificates::versions(const std::string& name) const {
  std::vector<unsigned> numbers;
  for (const fs::path& entry : list_directory_if_exists(directory_.certificates() / require_safe_name(name)))
    if (const auto number = parse_number(entry.filename().string())) numbers.push_back(*number);
  std::ranges::sort(numbers);
  std::vector<std::string> texts;
  std::ranges::transform(numbers, std::back_inserter(texts), format_number);
  return texts;
}

fs::path Certificates::version_path(const std::string& name, const std::string& number) const {
  return directory_.certificates() / require_safe_name(name) / number;
}

fs::path Certificates::live_path(const std::string& name) const {
  return directory_.live() / require_safe_name(name);
}

fs::path Certificates::backup_path(const std::string& name) const {
  return directory_.certificates() / require_safe_name(name) / "backup";
}

Version Certificates::load_version(const std::string& name, const std::string& number) const {
  if (!parse_number(number)) throw Error(fmt::format("{} has no version {}", name, number));
  const fs::path folder = version_path(name, number);
  VersionPart primary = load_version_part(folder);
  Version version{.number = number,
                  .bundle = std::move(primary.bundle),
                  .leaf = std::move(primary.leaf),
                  .record = std::move(primary.record)};
  for (const pki::KeyFamily family : {pki::KeyFamily::ecdsa, pki::KeyFamily::rsa})
    if (const fs::path below = folder / pki::to_string(family); directory_exists(below))
      version.further.push_back(load_version_part(below));
  return version;
}

std::optional<std::string> Certificates::find_key(const std::string& name, const std::string& number,
                                                  std::optional<pki::KeyFamily> further) const {
  fs::path folder = version_path(name, number);
  if (further) folder /= pki::to_string(*further);
  return find_private_key(folder);
}

std::string Certificates::put(Certificate& certificate, const pki::CertificateBundle& bundle,
                              const VersionRecord& record, std::span<const VersionPart> further) {
  const std::string& name = certificate.name;
  const fs::path home = directory_.certificates() / require_safe_name(name);
  make_directory(home, private_directory);
  const auto existing = versions(name);
  std::string number = format_number(existing.empty() ? 1 : *parse_number(existing.back()) + 1);

  const fs::path folder = directory_.tmp() / fmt::format("{}.{}", name, number);
  make_directory(folder, private_directory);
  std::set<pki::KeyFamily> families{family_of(bundle)};
  for (const VersionPart& part : further) {
    const pki::KeyFamily family = family_of(part.bundle);
    if (!families.insert(family).second)
      throw Error(fmt::format("two certificates of {} have {} keys", name, pki::to_string(family)));
    make_directory(folder / pki::to_string(family), private_directory);
    write_version_part(folder / pki::to_string(family), part.bundle, part.record);
  }
  write_version_part(folder, bundle, record);
  rename_durably(folder, home / number);
  certificate.versions = versions(name);
  return number;
}

void Certificates::make_live(Certificate& certificate, const std::string& number) {
  const std::string& name = certificate.name;
  if (!path_exists(version_path(name, number) / "certificate.json"))
    throw Error(fmt::format("certificate {} has no complete version {}", name, number));
  replace_symlink(fs::path("..") / "certificates" / name / number, live_path(name));
  certificate.live = load_live(name);
}

void Certificates::prune(Certificate& certificate) {
  const std::string& name = certificate.name;
  const std::vector<std::string> all = versions(name);
  if (!certificate.live.exists() || all.size() <= kept_versions) return;
  const auto live_at = std::ranges::find(all, certificate.live.number());
  for (auto version = all.begin(); version + kept_versions < all.end(); ++version) {
    const bool deployed = std::ranges::any_of(certificate.state.deployments, [&](const auto& target) {
      return target.second.version == *version || target.second.served_version == *version;
    });
    if (deployed || version == live_at || version + 1 == live_at) continue;
    // Renamed away first: a half-removed folder must not look like a version.
    const fs::path doomed = directory_.tmp() / fmt::format("{}.{}.pruned", name, *version);
    rename_durably(version_path(name, *version), doomed);
    remove_tree(doomed);
  }
  certificate.versions = versions(name);
}

CertificateState Certificates::load_state(const std::string& name) const {
  CertificateState state;
  const auto document = load_json(directory_.certificates() / require_safe_name(name) / "state.json");
  if (!document) return state;
  state.desired = texts_at(*document, "desired");
  state.is_default = flag_at(*document, "default");
  state.unplanned = flag_at(*document, "unplanned").value_or(false);
  if (const auto found = document->find("deployments"); found != document->end() && found->is_object()) {
    for (const auto& [target, value] : found->items()) {
      if (!value.is_object()) continue;
      state.deployments[target] = {
          .version = text_at(value, "version"),
          .state = value_of(state_names, text_at(value, "state")).value_or(Deployment::State::failed),
          .by_sni = flag_at(value, "by_sni").value_or(false),
          .at = time_at(value, "at"),
          .message = text_at(value, "message"),
          .served_version = text_at(value, "served_version")};
    }
  }
  if (const auto found = document->find("failure"); found != document->end() && found->is_object())
    state.failure = read_failure(*found);
  if (const auto found = document->find("ca_pauses"); found != document->end() && found->is_object())
    for (const auto& [directory, until] : found->items())
      state.ca_pauses[directory] = time_at(*found, directory.c_str());
  if (const auto found = document->find("failing_names"); found != document->end() && found->is_object())
    for (const auto& [failing, value] : found->items())
      if (value.is_object()) state.failing_names[failing] = read_failure(value);
  state.renewal_info = read_renewal_infos(*document);
  if (const auto found = document->find("dane"); found != document->end() && found->is_object())
    for (const auto& [owner, value] : found->items())
      if (value.is_object())
        state.dane[owner] = {.status = text_at(value, "status"),
                             .fragile = value.value("fragile", nlohmann::json(false)) == true,
                             .at = time_at(value, "at")};
  if (const auto found = document->find("revocation"); found != document->end() && found->is_object())
    state.revocation = Revocation{
        .version = text_at(*found, "version"), .reason = text_at(*found, "reason"), .at = time_at(*found, "at")};
  return state;
}

std::set<std::string> CertificateState::served_versions() const {
  std::set<std::string> versions;
  for (const auto& [target, deployment] : deployments)
    if (!deployment.served_version.empty()) versions.insert(deployment.served_version);
  return versions;
}

void Certificates::save(Certificate& certificate) {
  const CertificateState& state = certificate.state;
  if (state == certificate.saved) return;
  nlohmann::json deployments = nlohmann::json::object();
  for (const auto& [target, deployment] : state.deployments)
    deployments[target] = to_json(deployment);
  nlohmann::json document{{"version", 1}, {"desired", state.desired}, {"deployments", deployments}};
  if (state.is_default) document["default"] = *state.is_default;
  if (state.unplanned) document["unplanned"] = true;
  if (state.failure) document["failure"] = to_json(*state.failure);
  for (const auto& [directory, until] : state.ca_pauses)
    document["ca_pauses"][directory] = format_time(until);
  for (const auto& [failing, failure] : state.failing_names)
    document["failing_names"][failing] = to_json(failure);
  write_renewal_infos(document, state.renewal_info);
  if (state.revocation)
    document["revocation"] = {{"version", state.revocation->version},
                              {"reason", state.revocation->reason},
                              {"at", format_time(state.revocation->at)}};
  for (const auto& [owner, dane] : state.dane)
    document["dane"][owner] = {{"status", dane.status}, {"fragile", dane.fragile}, {"at", format_time(dane.at)}};
  const fs::path folder = directory_.certificates() / require_safe_name(certificate.name);
  make_directory(folder, private_directory);
  save_json(folder / "state.json", document, directory_.tmp());
  certificate.saved = state;
}

}  // namespace mxcert::store
