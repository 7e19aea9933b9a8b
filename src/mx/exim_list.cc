#include "mx/exim_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

#include "base/text.h"

namespace mxcert::mx {
namespace {

/// `partial2(.)-lsearch*,ret=key;/etc/file`
struct Lookup {
  std::string type;
  std::string argument;
  std::optional<std::string> affix = {};  // of partial matching
  bool has_default = false;               // `*` behind the type: the key * matches everything
};

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

Lookup parse_lookup(std::string_view item) {
  const auto semicolon = item.find(';');
  std::string_view type = trim(item.substr(0, semicolon));
  Lookup lookup{.type = {}, .argument = std::string(trim(item.substr(semicolon + 1)))};
  type = type.substr(0, type.find(','));
  if (type.starts_with("partial")) {
    type.remove_prefix(7);
    while (!type.empty() && type.front() >= '0' && type.front() <= '9')
      type.remove_prefix(1);
    lookup.affix = "*.";
    if (type.starts_with('(')) {
      const auto end = type.find(')');
      lookup.affix = std::string(type.substr(1, end == std::string_view::npos ? end : end - 1));
      type.remove_prefix(std::min(end, type.size() - 1) + 1);
    }
    if (type.starts_with('-')) type.remove_prefix(1);
  }
  if (const auto star = type.find('*'); star != std::string_view::npos) {
    lookup.has_default = true;
    type = type.substr(0, star);
  }
  lookup.type = std::string(type);
  return lookup;
}

/// A key in double quotes, in which a backslash hides the next character.
std::string quoted_key(std::string_view line) {
  std::string key;
  for (std::size_t i = 1; i < line.size() && line[i] != '"'; ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) ++i;
    key += line[i];
  }
  return key;
}

std::vector<std::string> file_lines(std::string_view text) {
  std::vector<std::string> lines;
  for (std::string_view line : split(text, '\n')) {
    for (std::size_t i = 0; i < line.size(); ++i)
      if (line[i] == '#' && (i == 0 || is_space(line[i - 1]))) line = line.substr(0, i);
    if (line = trim(line); !line.empty()) lines.emplace_back(line);
  }
  return lines;
}

class Parser {
 public:
  explicit Parser(const EximSurroundings& surroundings) : surroundings_(surroundings) {}

  EximList parse(std::string_view expanded) {
    bool negated = false;
    for (const std::string& element : split_exim_list(expanded)) {
      const std::string_view text = without_negation(element, negated);
      if (text.starts_with('/')) {
        add_file(std::string(text), negated);
      } else {
        add(text, negated);
      }
    }
    list_.ends_negated = negated;
    return std::move(list_);
  }

 private:
  static std::string_view without_negation(std::string_view text, bool& negated) {
    negated = text.starts_with('!');
    return negated ? trim(text.substr(1)) : text;
  }

  /// Its lines stand for themselves; a negation of the file turns theirs around.
  void add_file(const std::string& path, bool file_negated) {
    for (const std::string& line : file_lines(surroundings_.read_file(path))) {
      bool negated = false;
      const std::string_view text = without_negation(line, negated);
      add(text, negated != file_negated);
    }
  }

  void add(std::string_view text, bool negated) {
    if (text == "@") return add_name(surroundings_.primary_hostname, negated);
    if (text == "@[]") return add_unlistable(text, "", negated);  // address literals: no domains
    if (text.starts_with("@mx_"))
      return add_unlistable(text, "domains that Exim takes because their MX leads here", negated);
    if (text.starts_with('+'))
      return add_item({.kind = EximItem::Kind::list,
                       .negated = negated,
                       .list = surroundings_.named_list(std::string(text.substr(1)))});
    if (text.starts_with('^')) return add_unlistable(text, "domains matching a regular expression", negated);
    if (text.starts_with('*')) return add_suffix(text.substr(1), negated);
    if (text.find(';') != std::string_view::npos) return add_lookup(text, negated);
    add_name(text, negated);
  }

  void add_item(EximItem item) { list_.items.push_back(std::move(item)); }

  /// Among items that all accept, or all refuse, the order does not matter: those of a long list are searched together.
  std::set<std::string, std::less<>>& names_of(EximItem::Kind kind, bool negated) {
    constexpr std::size_t looked_at = 8;
    for (std::size_t back = 1; back <= std::min(looked_at, list_.items.size()); ++back) {
      EximItem& item = list_.items[list_.items.size() - back];
      if (item.negated != negated) break;
      if (item.kind == kind) return item.names;
    }
    add_item({.kind = kind, .negated = negated});
    return list_.items.back().names;
  }

  void add_name(std::string_view name, bool negated) {
    names_of(EximItem::Kind::names, negated).insert(to_lower_ascii(name));
  }

  void add_suffix(std::string_view suffix, bool negated) {
    names_of(EximItem::Kind::suffixes, negated).insert(to_lower_ascii(suffix));
  }

  void add_unlistable(std::string_view text, std::string what, bool negated) {
    add_item(
        {.kind = EximItem::Kind::unlistable, .negated = negated, .text = std::string(text), .what = std::move(what)});
  }

  void add_lookup(std::string_view text, bool negated) {
    const Lookup lookup = parse_lookup(text);
    if (lookup.type == "dsearch") {
      for (const std::string& entry : surroundings_.entries(lookup.argument))
        if (entry == to_lower_ascii(entry)) add_key(lookup, entry, negated);
      return;
    }
    const bool wild = lookup.type == "wildlsearch" || lookup.type == "nwildlsearch";
    if (!wild && lookup.type != "lsearch")
      return add_unlistable(text, fmt::format("domains behind {} lookups", printable(lookup.type, 30)), negated);
    for (const std::string& key : lsearch_keys(surroundings_.read_file(lookup.argument))) {
      if (wild) {
        add_wild_key(lookup, key, negated);
      } else {
        add_key(lookup, key, negated);
      }
    }
  }

  void add_key(const Lookup& lookup, const std::string& key, bool negated) {
    if (key == "*") {
      if (lookup.has_default) add_suffix("", negated);
    } else if (lookup.affix && !lookup.affix->empty() && key.starts_with(*lookup.affix)) {
      const std::string name = key.substr(lookup.affix->size());
      add_name(name, negated);
      add_suffix("." + name, negated);
    } else {
      add_name(key, negated);
    }
  }

  void add_wild_key(const Lookup& lookup, const std::string& key, bool negated) {
    if (key.find_first_of("\\$") != std::string::npos || key.starts_with('^'))
      return add_unlistable(key, "domains matching a regular expression", negated);
    if (key.find(';') != std::string::npos) return add_unlistable(key, "domains behind lookups in a file", negated);
    if (key.starts_with('*')) return add_suffix(key.substr(1), negated);
    add_key(lookup, key, negated);
  }

  const EximSurroundings& surroundings_;
  EximList list_;
};

bool ends_in_one_of(const std::set<std::string, std::less<>>& suffixes, std::string_view name) {
  for (std::size_t at = 0; at <= name.size(); ++at)
    if (suffixes.contains(name.substr(at))) return true;
  return false;
}

EximMatch item_matches(const EximItem& item, std::string_view name) {
  const auto answer = [](bool matches) { return matches ? EximMatch::yes : EximMatch::no; };
  switch (item.kind) {
    case EximItem::Kind::names:
      return answer(item.names.contains(name));
    case EximItem::Kind::suffixes:
      return answer(ends_in_one_of(item.names, name));
    case EximItem::Kind::list:
      return exim_list_matches(*item.list, name);
    case EximItem::Kind::unlistable:
      return item.what.empty() ? EximMatch::no : EximMatch::only_exim_knows;
  }
  return EximMatch::only_exim_knows;
}

using Tell = std::function<void(const std::string&, const std::string&)>;

/// `taken`: whether what the list matches is what Exim takes, rather than what it refuses.
void tell_unlistable_if(const EximList& list, bool taken, const Tell& tell) {
  for (const EximItem& item : list.items) {
    if (item.kind == EximItem::Kind::list) {
      tell_unlistable_if(*item.list, taken != item.negated, tell);
    } else if (taken != item.negated && item.kind == EximItem::Kind::suffixes) {
      for (const std::string& suffix : item.names)
        tell(suffix.empty() ? "all domains" : "domains matching a wildcard", "*" + suffix);
    } else if (taken != item.negated && item.kind == EximItem::Kind::unlistable && !item.what.empty()) {
      tell(item.what, item.text);
    }
  }
  if (taken && list.ends_negated) tell("all domains", "but for those that the list excludes");
}

}  // namespace

std::vector<std::string> split_exim_list(std::string_view list) {
  char separator = ':';
  list = trim(list);
  if (list.size() > 1 && list[0] == '<' &&
      (std::ispunct(static_cast<unsigned char>(list[1])) != 0 ||
       std::iscntrl(static_cast<unsigned char>(list[1])) != 0)) {
    separator = list[1];
    list.remove_prefix(2);
  }
  std::vector<std::string> elements;
  std::string element;
  const auto finish = [&] {
    if (const std::string_view text = trim(element); !text.empty()) elements.emplace_back(text);
    element.clear();
  };
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] != separator) {
      element += list[i];
    } else if (i + 1 < list.size() && list[i + 1] == separator) {
      element += list[i++];
    } else {
      finish();
    }
  }
  finish();
  return elements;
}

std::vector<std::string> lsearch_keys(std::string_view text) {
  std::vector<std::string> keys;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty() || line.front() == '#' || is_space(line.front())) continue;
    if (line.front() == '"') {
      keys.push_back(quoted_key(line));
    } else if (const auto end = std::ranges::find_if(line, [](char c) { return c == ':' || is_space(c); });
               end != line.begin()) {
      keys.emplace_back(line.begin(), end);
    }
  }
  return keys;
}

EximList parse_exim_list(std::string_view expanded, const EximSurroundings& surroundings) {
  return Parser(surroundings).parse(expanded);
}

EximMatch exim_list_matches(const EximList& list, std::string_view name) {
  bool may_match = false;      // an item that only Exim understands may have taken it already,
  bool may_not_match = false;  // or refused it
  const auto decided = [&](bool yes) {
    return (yes ? may_not_match : may_match) ? EximMatch::only_exim_knows : yes ? EximMatch::yes : EximMatch::no;
  };
  for (const EximItem& item : list.items) {
    const EximMatch match = item_matches(item, name);
    if (match == EximMatch::yes) return decided(!item.negated);
    if (match == EximMatch::only_exim_knows) (item.negated ? may_not_match : may_match) = true;
  }
  return decided(list.ends_negated);
}

void collect_names(const EximList& list, std::set<std::string>& names) {
  for (const EximItem& item : list.items) {
    if (item.kind == EximItem::Kind::names) names.insert(item.names.begin(), item.names.end());
    if (item.list) collect_names(*item.list, names);
  }
}

void tell_unlistable(const EximList& list, const Tell& tell) {
  tell_unlistable_if(list, true, tell);
}

}  // namespace mxcert::mx
