#pragma once
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// How Exim reads a domain list: chapter "Domain, host, address, and local part lists" of its specification.
namespace mxcert::mx {

struct EximList;

/// One element of a list that has been expanded, or several that follow each other and do the same.
struct EximItem {
  enum class Kind {
    names,       // any of `names`, lower case
    suffixes,    // whatever ends in one of `names`
    list,        // whatever another list matches
    unlistable,  // a pattern or a lookup that only Exim can decide; `text` is all of it, `what` names its kind
  };
  Kind kind = Kind::names;
  bool negated = false;
  std::set<std::string, std::less<>> names = {};
  std::string text = {};
  std::string what = {};  // a plural: `domains behind mysql lookups`; empty when it matches no domain at all
  std::shared_ptr<const EximList> list = {};
};

struct EximList {
  std::vector<EximItem> items = {};
  bool ends_negated = false;  // then it matches what none of its items matches
};

/// What a list refers to, and only Exim and the file system know. All may throw Error.
struct EximSurroundings {
  std::string primary_hostname = {};
  std::function<std::shared_ptr<const EximList>(const std::string& name)> named_list = {};  // for `+name`
  std::function<std::string(const std::string& path)> read_file = {};                       // lists, lsearch
  std::function<std::vector<std::string>(const std::string& path)> entries = {};            // dsearch
};

/// The elements of an expanded list as text: the separator is a colon, or another character after a leading `<`;
/// doubled it stands for itself; white space around elements goes, and so do empty elements.
std::vector<std::string> split_exim_list(std::string_view list);

/// The keys of a file for lsearch: quoted or up to a colon or white space; comments and continuation lines are no keys.
std::vector<std::string> lsearch_keys(std::string_view text);

/// Throws Error when a file cannot be read.
EximList parse_exim_list(std::string_view expanded, const EximSurroundings& surroundings);

enum class EximMatch { no, yes, only_exim_knows };
/// Whether the list matches a name (lower case): the first item that does decides.
EximMatch exim_list_matches(const EximList& list, std::string_view name);

/// Every name that stands anywhere in the list, negated or not.
void collect_names(const EximList& list, std::set<std::string>& names);

/// Calls `tell(what, example)` for all that the list takes without naming it.
void tell_unlistable(const EximList& list, const std::function<void(const std::string&, const std::string&)>& tell);

}  // namespace mxcert::mx
