#include "lib/query/scan/page_gaps.h"

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
    Statement ended(*source.database, "SELECT id FROM process WHERE ended");
    while (ended.Step()) {
      of_process_.emplace(source.Global(IdSpace::kProcess, ended.Int(0)),
                          "the process ended, or executed another program, before it was read");
    }
  }
  for (auto& [id, gaps] : of_mapping_) Finish(&gaps);
}

const std::string& PageGaps::ReasonFor(const MappingInfo& mapping) const {
  static const std::string kNone;
  if (auto gaps = of_mapping_.find(mapping.id); gaps != of_mapping_.end()) {
    return gaps->second.reason;
  }
  auto gap = of_process_.find(mapping.process_id);
  return gap != of_process_.end() ? gap->second : kNone;
}

// Brings the intervals into order, and takes what overlaps from the later one.
void PageGaps::Finish(MappingGaps* gaps) {
  std::sort(gaps->pages.begin(), gaps->pages.end(),
            [](const PageInterval& a, const PageInterval& b) { return a.begin < b.begin; });
  std::vector<PageInterval> pages;
  uint64_t count = 0;
  for (PageInterval next : gaps->pages) {
    if (!pages.empty()) next.begin = std::max(next.begin, pages.back().end);
    if (next.begin >= next.end) continue;
    gaps->count_before.push_back(count);
    count += next.end - next.begin;
    pages.push_back(next);
  }
  gaps->pages = std::move(pages);
}

std::vector<PageInterval> PageGaps::PagesOf(const MappingInfo& mapping) const {
  if (of_process_.contains(mapping.process_id)) return {{0, mapping.page_count}};
  auto gaps = of_mapping_.find(mapping.id);
  if (gaps == of_mapping_.end()) return {};
  std::vector<PageInterval> pages;
  for (PageInterval next : gaps->second.pages) {
    next.end = std::min(next.end, mapping.page_count);
    if (next.begin >= next.end) break;
    pages.push_back(next);
  }
  return pages;
}

uint64_t PageGaps::UnreadCount(const MappingInfo& mapping, uint64_t first, uint64_t count) const {
  const uint64_t end = std::min(first + count, mapping.page_count);
  if (first >= end) return 0;
  if (of_process_.contains(mapping.process_id)) return end - first;
  const auto gaps = of_mapping_.find(mapping.id);
  if (gaps == of_mapping_.end()) return 0;
  return CountBefore(gaps->second, end) - CountBefore(gaps->second, first);
}

// Returns how many pages before `page` the gaps have.
uint64_t PageGaps::CountBefore(const MappingGaps& gaps, uint64_t page) {
  const auto behind =
      std::partition_point(gaps.pages.begin(), gaps.pages.end(),
                           [&](const PageInterval& pages) { return pages.begin < page; });
  if (behind == gaps.pages.begin()) return 0;
  const PageInterval& last = *(behind - 1);
  return gaps.count_before[static_cast<size_t>(behind - gaps.pages.begin()) - 1] +
         std::min(page, last.end) - last.begin;
}

}  // namespace pagesnap
