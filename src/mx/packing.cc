#include "mx/packing.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <utility>

#include "dns/wildcard.h"

namespace mxcert::mx {
namespace {

using dns::DnsName;

constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();

/// A wanted name, and where it goes.
struct Entry {
  const DnsName* name;
  Demand demand;
  std::size_t bin = nowhere;
};

bool is_more_wanted(const Entry* a, const Entry* b) {
  if (a->demand.domains != b->demand.domains) return a->demand.domains > b->demand.domains;
  if (a->demand.preference != b->demand.preference) return a->demand.preference < b->demand.preference;
  return *a->name < *b->name;
}

/// A certificate in the making.
struct Bin {
  std::string name;
  const StoredCertificate* stored = nullptr;
  std::size_t size = 0;
};

using Entries = std::vector<Entry*>;

class Packer {
 public:
  Packer(const WantedNames& wanted, const PackingInput& input) : input_(input) {
    entries_.reserve(wanted.size());
    for (const auto& [name, demand] : wanted)
      entries_.push_back({&name, demand});
    for (const StoredCertificate& stored : input.stored) {
      bins_.push_back({stored.name, &stored});
      taken_.insert(stored.name);
    }
  }

  std::vector<PackedCertificate> pack() {
    find_default();
    if (input_.pack == Pack::per_host) {
      give_each_host_its_own();
    } else {
      keep_where_they_are();
      place_new_names();
      merge_small();
    }
    settle_default();
    return finish();
  }

 private:
  Entry* find(const DnsName& name) {
    const auto name_of = [](const Entry& entry) -> const DnsName& { return *entry.name; };
    const auto found = std::ranges::lower_bound(entries_, name, {}, name_of);
    return found != entries_.end() && *found->name == name ? &*found : nullptr;
  }
  Entry* find(const std::string& certificate) {
    const auto name = DnsName::parse_host(certificate);
    return name ? find(*name) : nullptr;
  }

  std::size_t room(std::size_t bin) const { return input_.max_names - std::min(bins_[bin].size, input_.max_names); }

  void put(Entry& entry, std::size_t bin) {
    entry.bin = bin;
    ++bins_[bin].size;
  }

  template <typename Names>
  Entries unplaced(const Names& names) {
    Entries found;
    for (const DnsName& name : names)
      if (Entry* entry = find(name); entry != nullptr && entry->bin == nowhere) found.push_back(entry);
    return by_demand(std::move(found));
  }
  Entries all_unplaced() {
    Entries found;
    for (Entry& entry : entries_)
      if (entry.bin == nowhere) found.push_back(&entry);
    return by_demand(std::move(found));
  }
  static Entries by_demand(Entries entries) {
    std::ranges::sort(entries, is_more_wanted);
    return entries;
  }

  template <typename Demanded>
  static std::size_t most_wanted_of(const std::vector<std::size_t>& bins, Demanded domains_for) {
    std::size_t best = nowhere;
    std::size_t most = 0;
    for (const std::size_t bin : bins) {
      const std::size_t domains = domains_for(bin);
      if (best == nowhere || domains > most) std::tie(best, most) = std::pair(bin, domains);
    }
    return best;
  }

  /// The one that was it; where that is not known, the one that most domains use. The first of `bins_` from here on.
  void find_default() {
    std::vector<std::size_t> marked;
    std::vector<std::size_t> unknown;
    for (std::size_t bin = 0; bin < bins_.size(); ++bin) {
      const std::optional<bool> is_default = bins_[bin].stored->is_default;
      if (is_default.value_or(true)) (is_default ? marked : unknown).push_back(bin);
    }
    const std::size_t found = most_wanted_of(marked.empty() ? unknown : marked, [this](std::size_t bin) {
      std::size_t domains = 0;
      for (const DnsName& name : bins_[bin].stored->names)
        if (const Entry* entry = find(name)) domains += entry->demand.domains;
      return domains;
    });
    if (found == nowhere) return;
    std::swap(bins_.front(), bins_[found]);
    default_ = 0;
  }

  /// The bins in the order in which they get names: the default one first, then by name.
  std::vector<std::size_t> order() const {
    std::vector<std::size_t> bins(bins_.size());
    for (std::size_t bin = 0; bin < bins.size(); ++bin)
      bins[bin] = bin;
    std::ranges::sort(bins, {}, [this](std::size_t bin) { return std::tuple(bin != default_, bins_[bin].name); });
    return bins;
  }

  // ---- shared -------------------------------------------------------------------------------------------------------

  /// Its own name first, then what most domains use.
  void fill(std::size_t bin, Entries entries) {
    const auto own =
        std::ranges::find(entries, bins_[bin].name, [](const Entry* entry) { return entry->name->ascii(); });
    if (own != entries.end()) std::rotate(entries.begin(), own, own + 1);
    for (Entry* entry : entries)
      if (room(bin) > 0) put(*entry, bin);
  }

  /// What the plan before wanted where it is comes first: else names that have been moved would come back. At last come
  /// names that it wanted, and that could not be had yet.
  void keep_where_they_are() {
    const std::vector<std::size_t> bins = order();
    for (const std::size_t bin : bins) {
      const StoredCertificate& stored = *bins_[bin].stored;
      Entries entries = unplaced(stored.names);
      std::erase_if(entries, [&](const Entry* entry) {
        return !stored.assigned.empty() && !stored.assigned.contains(*entry->name);
      });
      fill(bin, std::move(entries));
    }
    for (const std::size_t bin : bins)
      fill(bin, unplaced(bins_[bin].stored->names));
    for (const std::size_t bin : bins)
      fill(bin, unplaced(bins_[bin].stored->assigned));
  }

  void place_new_names() {
    if (!bins_.empty()) {
      std::vector<Entries> groups;
      for (const std::vector<DnsName>& names : input_.groups)
        if (Entries group = unplaced(names); !group.empty()) groups.push_back(std::move(group));
      std::ranges::stable_sort(groups,
                               [](const Entries& a, const Entries& b) { return is_more_wanted(a.front(), b.front()); });
      for (Entries& group : groups) {
        std::erase_if(group, [](const Entry* entry) { return entry->bin != nowhere; });
        place_together(group);
      }
      place_together(unplaced(input_.extra_names));
    }
    place_together(all_unplaced());
  }

  /// On one certificate if they fit, else on as few as possible.
  void place_together(std::span<Entry* const> group) {
    for (; group.size() > input_.max_names; group = group.subspan(input_.max_names))
      place_on_one(group.first(input_.max_names));
    if (!group.empty()) place_on_one(group);
  }

  void place_on_one(std::span<Entry* const> group) {
    const std::size_t bin = find_room(group.size());
    const std::size_t chosen = bin != nowhere ? bin : add_bin(name_for(group));
    for (Entry* entry : group)
      put(*entry, chosen);
  }

  /// Certificates only get fuller: those that had too little room for so many names need not be looked at again.
  std::size_t find_room(std::size_t names) {
    if (default_ == nowhere) return nowhere;
    if (room(default_) >= names) return default_;
    std::size_t& bin = first_with_room_[names];
    while (bin < bins_.size() && room(bin) < names)
      ++bin;
    return bin < bins_.size() ? bin : nowhere;
  }

  std::size_t add_bin(std::string name) {
    taken_.insert(name);
    bins_.push_back({std::move(name), nullptr});
    if (default_ == nowhere) default_ = bins_.size() - 1;
    return bins_.size() - 1;
  }

  bool is_taken(const std::string& name) const { return taken_.contains(name); }

  /// Folders and files are called so: a wildcard's `*` stays out of it.
  static std::string name_after(const DnsName& name) { return dns::without_wildcard(name).ascii(); }

  /// The name that is wanted most, and that no other certificate is called by.
  std::string name_for(std::span<Entry* const> group) const {
    const bool extra_only = group.front()->demand.domains == 0 && bins_.empty() && !input_.extra_names.empty();
    if (extra_only) return name_after(input_.extra_names.front());
    for (const Entry* entry : group)
      if (std::string name = name_after(*entry->name); !is_taken(name)) return name;
    for (int number = 2;; ++number)
      if (std::string name = fmt::format("{}-{}", name_after(*group.front()->name), number); !is_taken(name))
        return name;
  }

  /// A quarter stays free, so that the next domains do not take them apart again.
  void merge_small() {
    if (default_ == nowhere || bins_.size() < 2) return;
    const std::size_t enough = input_.max_names * 3 / 4;
    std::vector<std::size_t> bins = order();
    std::ranges::stable_sort(bins, {}, [this](std::size_t bin) { return bins_[bin].size; });
    for (const std::size_t bin : bins) {
      if (bin == default_ || bins_[bin].size == 0) continue;
      if (bins_[default_].size == 0 || bins_[default_].size + bins_[bin].size > enough) return;
      for (Entry& entry : entries_)
        if (entry.bin == bin) put(entry, default_);
      bins_[bin].size = 0;
    }
  }

  // ---- per host -----------------------------------------------------------------------------------------------------

  void give_each_host_its_own() {
    for (const std::size_t bin : order())
      if (Entry* own = find(bins_[bin].name); own != nullptr && own->demand.domains > 0) put(*own, bin);
    for (const std::size_t bin : order())
      if (bins_[bin].size == 0) take_one_host(bin);
    for (Entry* entry : all_unplaced())
      if (entry->demand.domains > 0) put(*entry, add_bin(name_for({&entry, 1})));
    for (const auto& [alias, canonical] : input_.aliases)
      put_beside(alias, canonical);
    const std::set<DnsName> extra(input_.extra_names.begin(), input_.extra_names.end());
    for (const std::size_t bin : order())
      if (bins_[bin].stored != nullptr) keep_without_host(bin, extra);
    settle_default();
    if (default_ != nowhere) fill(default_, all_unplaced());
    for (Entry* entry : all_unplaced())
      put(*entry, add_bin(name_for({&entry, 1})));
  }

  /// For a certificate that is called by none of them.
  void take_one_host(std::size_t bin) {
    const Entries entries = unplaced(bins_[bin].stored->names);
    if (!entries.empty() && entries.front()->demand.domains > 0) put(*entries.front(), bin);
  }

  void put_beside(const DnsName& alias, const DnsName& canonical) {
    const Entry* beside = find(alias);
    Entry* entry = find(canonical);
    if (beside == nullptr || entry == nullptr || entry->bin != nowhere || beside->bin == nowhere) return;
    if (room(beside->bin) > 0) put(*entry, beside->bin);
  }

  /// Names that no domain asks for now, and that are not lost for that.
  void keep_without_host(std::size_t bin, const std::set<DnsName>& extra) {
    Entries entries = unplaced(bins_[bin].stored->names);
    std::erase_if(entries, [&](const Entry* entry) { return extra.contains(*entry->name); });
    fill(bin, std::move(entries));
  }

  // -------------------------------------------------------------------------------------------------------------------

  void settle_default() {
    if (default_ != nowhere && bins_[default_].size > 0) return;
    std::vector<std::size_t> used;
    std::ranges::copy_if(order(), std::back_inserter(used), [this](std::size_t bin) { return bins_[bin].size > 0; });
    std::vector<std::size_t> domains(bins_.size());
    for (const Entry& entry : entries_)
      if (entry.bin != nowhere) domains[entry.bin] += entry.demand.domains;
    const std::size_t best = most_wanted_of(used, [&](std::size_t bin) { return domains[bin]; });
    if (best != nowhere) default_ = best;
  }

  std::vector<PackedCertificate> finish() {
    std::vector<std::vector<DnsName>> names(bins_.size());
    for (const Entry& entry : entries_)
      names[entry.bin].push_back(*entry.name);
    std::vector<PackedCertificate> packed;
    for (const std::size_t bin : order())
      if (!names[bin].empty()) packed.push_back({bins_[bin].name, bin == default_, std::move(names[bin])});
    return packed;
  }

  const PackingInput& input_;
  std::vector<Entry> entries_;  // by name
  std::vector<Bin> bins_;
  std::set<std::string> taken_;  // what the bins are called
  std::size_t default_ = nowhere;
  std::map<std::size_t, std::size_t> first_with_room_;  // for so many names
};

}  // namespace

std::vector<PackedCertificate> pack_names(const WantedNames& wanted, const PackingInput& input) {
  return Packer(wanted, input).pack();
}

}  // namespace mxcert::mx
