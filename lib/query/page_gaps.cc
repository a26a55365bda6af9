#include "lib/query/page_gaps.h"

#include <algorithm>
#include <limits>

namespace pagesnap {
namespace {

// Without numbers, and with such as no capture writes, the whole mapping.
PageInterval IntervalFrom(const Statement& row, int first_column, int count_column) {
  constexpr PageInterval kAll = {0, std::numeric_limits<uint64_t>::max()};
  if (row.IsNull(first_column) || row.IsNull(count_column)) return kAll;
  const int64_t first = row.Int(first_column);
  const int64_t count = row.Int(count_column);
  if (first < 0 || count < 0) return kAll;
  return {static_cast<uint64_t>(first),
          static_cast<uint64_t>(first) + static_cast<uint64_t>(count)};
}

}  // namespace

PageGaps::PageGaps(const SnapshotReader& reader) {
  for (const Source& source : reader.sources()) {
    Statement row(*source.database,
                  "SELECT mapping_id, process_id, source || ': ' || reason, first, count FROM gap "
                  "WHERE source = 'pagemap' AND process_id IS NOT NULL ORDER BY id");
    while (row.Step()) {
      std::string reason(row.Text(2));
      if (row.IsNull(0)) {
        of_process_.emplace(source.Global(IdSpace::kProcess, row.Int(1)), std::move(reason));
        continue;
      }
      MappingGaps& gaps = of_mapping_[source.Global(IdSpace::kMapping, row.Int(0))];
      if (gaps.pages.empty()) gaps.reason = std::move(reason);
      gaps.pages.push_back(IntervalFrom(row, 3, 4));
    }
  }
}

const std::string& PageGaps::ReasonFor(const MappingInfo& mapping) const {
  static const std::string kNone;
  if (auto gaps = of_mapping_.find(mapping.id); gaps != of_mapping_.end()) {
    return gaps->second.reason;
  }
  auto gap = of_process_.find(mapping.process_id);
  return gap != of_process_.end() ? gap->second : kNone;
}

std::vector<PageInterval> PageGaps::PagesOf(const MappingInfo& mapping) const {
  if (of_process_.contains(mapping.process_id)) return {{0, mapping.page_count}};
  auto gaps = of_mapping_.find(mapping.id);
  if (gaps == of_mapping_.end()) return {};
  std::vector<PageInterval> sorted = gaps->second.pages;
  std::sort(sorted.begin(), sorted.end(),
            [](const PageInterval& a, const PageInterval& b) { return a.begin < b.begin; });
  std::vector<PageInterval> pages;
  for (PageInterval next : sorted) {
    next.end = std::min(next.end, mapping.page_count);
    if (!pages.empty()) next.begin = std::max(next.begin, pages.back().end);
    if (next.begin < next.end) pages.push_back(next);
  }
  return pages;
}

uint64_t PageGaps::UnreadCount(const MappingInfo& mapping, uint64_t first, uint64_t count) const {
  uint64_t unread = 0;
  for (const PageInterval& pages : PagesOf(mapping)) {
    const uint64_t begin = std::max(pages.begin, first);
    const uint64_t end = std::min(pages.end, first + count);
    if (begin < end) unread += end - begin;
  }
  return unread;
}

}  // namespace pagesnap
