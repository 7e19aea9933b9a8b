#include "issue/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace mxcert::issue {
namespace {

struct ProfileLimit {
  std::string_view profile;
  std::size_t max_names;
};
constexpr std::array profile_limits{ProfileLimit{"classic", 100}, ProfileLimit{"tlsserver", 25},
                                    ProfileLimit{"shortlived", 25}};

std::string list_profiles(const acme::Directory& directory) {
  std::string text;
  for (const acme::Directory::Profile& offered : directory.profiles)
    text += fmt::format("{}{}{}", text.empty() ? "" : "; ", offered.name,
                        offered.description.empty() ? "" : " (" + offered.description + ")");
  return text;
}

}  // namespace

std::size_t limit_names(const std::string& profile, std::size_t max_names) {
  const auto known = std::ranges::find(profile_limits, profile, &ProfileLimit::profile);
  return known == profile_limits.end() ? max_names : std::min(max_names, known->max_names);
}

void check_profile(const acme::Directory& directory, const std::string& profile) {
  if (profile.empty() ||
      std::ranges::find(directory.profiles, profile, &acme::Directory::Profile::name) != directory.profiles.end())
    return;
  const std::string hint = directory.profiles.empty() ? "take [ca] profile out: this CA has none"
                                                      : "choose for [ca] profile one of " + list_profiles(directory);
  throw Error(fmt::format("the CA has no profile {}", profile), hint, "unknown_profile");
}

}  // namespace mxcert::issue
