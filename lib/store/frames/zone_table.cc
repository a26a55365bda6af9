#include "lib/store/frames/zone_table.h"

#include <algorithm>
#include <functional>
#include <queue>

#include "lib/store/sqlite/fact_tables.h"

namespace pagesnap {

ZoneTable::ZoneTable(const Database& database, int64_t snapshot_id) {
  Statement statement = SelectFacts(database, kMemoryZoneFacts,
                                    "node, name, start_pfn, spanned_count", "ORDER BY start_pfn");
  statement.Bind(1, snapshot_id);
  while (statement.Step()) {
    const auto start = static_cast<uint64_t>(statement.Int(2));
    zones_.push_back({statement.Int(0), std::string(statement.Text(1)), start,
                      start + static_cast<uint64_t>(statement.Int(3))});
  }
  Divide();
}

// Goes over the places where zones begin and end. The first of those that hold is what counts.
void ZoneTable::Divide() {
  std::vector<uint64_t> places;
  std::vector<const Zone*> waiting;
  for (const Zone& zone : zones_) {
    if (zone.start_pfn >= zone.end_pfn) continue;
    waiting.push_back(&zone);
    places.push_back(zone.start_pfn);
    places.push_back(zone.end_pfn);
  }
  // SQL orders signed numbers.
  std::stable_sort(waiting.begin(), waiting.end(),
                   [](const Zone* a, const Zone* b) { return a->start_pfn < b->start_pfn; });
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  // The addresses of zones ascend as they start.
  std::priority_queue<const Zone*, std::vector<const Zone*>, std::greater<>> open;
  size_t next = 0;
  for (const uint64_t place : places) {
    while (next < waiting.size() && waiting[next]->start_pfn <= place) open.push(waiting[next++]);
    while (!open.empty() && open.top()->end_pfn <= place) open.pop();
    const Zone* const zone = open.empty() ? nullptr : open.top();
    if (parts_.empty() || parts_.back().zone != zone) parts_.push_back({place, zone});
  }
  for (size_t i = 0; i + 1 < parts_.size(); ++i) {
    const uint64_t size = parts_[i + 1].start_pfn - parts_[i].start_pfn;
    if (parts_[i].zone == nullptr || size <= largest_size_) continue;
    largest_start_ = parts_[i].start_pfn;
    largest_size_ = size;
    largest_ = parts_[i].zone;
  }
}

const Zone* ZoneTable::Search(uint64_t pfn) const {
  const auto behind =
      std::upper_bound(parts_.begin(), parts_.end(), pfn,
                       [](uint64_t wanted, const Part& part) { return wanted < part.start_pfn; });
  return behind != parts_.begin() ? (behind - 1)->zone : nullptr;
}

uint64_t ZoneTable::EndFrom(uint64_t pfn) const {
  const auto behind =
      std::upper_bound(parts_.begin(), parts_.end(), pfn,
                       [](uint64_t wanted, const Part& part) { return wanted < part.start_pfn; });
  return behind != parts_.end() ? behind->start_pfn : UINT64_MAX;
}

}  // namespace pagesnap
