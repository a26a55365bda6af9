#include "lib/store/frames/content_usage.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/error.h"
#include "lib/codec/page_words.h"
#include "lib/store/frames/content_scan.h"
#include "lib/store/frames/frame_table.h"
#include "lib/store/sqlite/damage.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {
namespace {

// The counts of a row, in the order of the columns of schema/tables.sql.
constexpr uint64_t UsageSums::*kCounts[] = {
    &UsageSums::rss,   &UsageSums::uss, &UsageSums::hugetlb, &UsageSums::anonymous,
    &UsageSums::shmem, &UsageSums::thp, &UsageSums::torn};
constexpr int kFirstCount = 2;  // behind content_id and facts_hash
constexpr int kPss = kFirstCount + static_cast<int>(std::size(kCounts));

// With less, starting threads costs more than it saves.
constexpr size_t kMinContentsForThreads = 64;

// So many contents are added up before their rows are written.
constexpr size_t kContentsAtOnce = 4096;

constexpr char kColumns[] =
    "facts_hash, rss_count, uss_count, hugetlb_count, anonymous_count, shmem_count, thp_count, "
    "torn_count, pss";

// Reads a row of "content_id" and kColumns.
ContentUsage ReadUsage(const Statement& select) {
  ContentUsage usage{.sums = {}, .facts_hash = select.Int(1)};
  for (int i = 0; kFirstCount + i < kPss; ++i) {
    usage.sums.*kCounts[i] = static_cast<uint64_t>(select.Int(kFirstCount + i));
  }
  usage.sums.pss = static_cast<uint64_t>(select.Int(kPss));
  return usage;
}

// Writes the rows of a snapshot: of the frames of one range, then of the next. Rows wait in the
// file, so that no memory grows with their number.
class UsageRows {
 public:
  UsageRows(const Database& database, int64_t snapshot_id)
      : snapshot_id_(snapshot_id),
        replace_(database,
                 fmt::format("INSERT OR REPLACE INTO content_usage (snapshot_id, content_id, {}) "
                             "VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                             kColumns)),
        select_(database, fmt::format("SELECT content_id, {} FROM content_usage "
                                      "WHERE snapshot_id = ? AND content_id = ?",
                                      kColumns)),
        remove_(database, "DELETE FROM content_usage WHERE snapshot_id = ? AND content_id = ?") {}

  // Adds the pages of the first range; of a content that is not complete, there is no row.
  void Add(int64_t content_id, const ContentUsage& usage) {
    if (!usage.complete()) return;
    auto count = [&](size_t n) { return static_cast<int64_t>(usage.sums.*kCounts[n]); };
    replace_.Run(snapshot_id_, content_id, usage.facts_hash, count(0), count(1), count(2), count(3),
                 count(4), count(5), count(6), static_cast<int64_t>(usage.sums.pss));
  }
  // Adds those of a later range to the row, if there is one still.
  void AddMore(int64_t content_id, const ContentUsage& usage) {
    if (usage == ContentUsage{}) return;  // no pages there
    if (!usage.complete()) {
      remove_.Run(snapshot_id_, content_id);
      return;
    }
    select_.Reset();
    select_.Bind(1, snapshot_id_);
    select_.Bind(2, content_id);
    if (!select_.Step()) return;
    ContentUsage all = ReadUsage(select_);
    select_.Reset();
    all.Add(usage);
    Add(content_id, all);
  }

 private:
  int64_t snapshot_id_;
  Statement replace_;
  Statement select_;
  Statement remove_;
};

// Returns what each of the contents amounts to. There is a counter for each thread.
std::vector<ContentUsage> AddUp(const Database& database, std::span<const int64_t> content_ids,
                                std::vector<ContentUsageCounter<LoadedFrames>>* counters) {
  std::vector<ContentUsage> usages(content_ids.size());
  Statement select(database, kSelectContent);
  ScanContents(
      content_ids,
      [&](int64_t id, StoredBlob* content) { FetchContent(select, database, id, content); },
      [&](size_t index, std::span<const uint64_t> words, size_t worker) {
        usages[index] = (*counters)[worker].Count(words);
      },
      ThrowAgain, counters->size());
  return usages;
}

}  // namespace

bool IsSumOf(const ContentUsage& stored, const ContentUsage& counted) {
  if (stored.sums.torn == 0) return stored == counted;
  ContentUsage as_counted = stored;
  as_counted.sums.anonymous = counted.sums.anonymous;
  as_counted.sums.shmem = counted.sums.shmem;
  as_counted.sums.torn = counted.sums.torn;
  return stored.sums.torn <= counted.sums.torn && as_counted == counted;
}

void AddContentUsages(const Database& database, int64_t snapshot_id, KernelRelease release,
                      MapCountKind map_counts, uint64_t page_size, std::vector<int64_t> content_ids,
                      size_t worker_count, size_t max_chunks) {
  if (content_ids.empty()) return;
  const std::vector<uint64_t> starts = FrameTable(database, snapshot_id).first_pfns();
  if (content_ids.size() < kMinContentsForThreads) worker_count = 1;
  std::sort(content_ids.begin(), content_ids.end());
  content_ids.erase(std::unique(content_ids.begin(), content_ids.end()), content_ids.end());
  UsageRows rows(database, snapshot_id);
  for (size_t first = 0; first < starts.size(); first += max_chunks) {
    // Together the ranges have all PFNs: nothing is known of those that are in no chunk.
    PfnRange range;
    if (first > 0) range.first = starts[first];
    if (first + max_chunks < starts.size()) range.last = starts[first + max_chunks] - 1;
    FrameTable frames(database, snapshot_id, range);
    std::vector<ContentUsageCounter<LoadedFrames>> counters(
        worker_count, {release, map_counts, page_size, frames.LoadAll(worker_count), range});
    for (std::span<const int64_t> left = content_ids; !left.empty();) {
      const auto ids = left.first(std::min(left.size(), kContentsAtOnce));
      const std::vector<ContentUsage> usages = AddUp(database, ids, &counters);
      for (size_t i = 0; i < ids.size(); ++i) {
        first == 0 ? rows.Add(ids[i], usages[i]) : rows.AddMore(ids[i], usages[i]);
      }
      left = left.subspan(ids.size());
    }
  }
}

void LoadContentUsages(const Database& database, int64_t snapshot_id, uint64_t page_size,
                       const std::function<void(int64_t, const ContentUsage&)>& take) {
  Statement select(
      database,
      fmt::format("SELECT content_id, {} FROM content_usage WHERE snapshot_id = ?", kColumns));
  select.Bind(1, snapshot_id);
  while (select.Step()) {
    const ContentUsage usage = ReadUsage(select);
    // As unsigned numbers, negative ones are too large.
    const auto is_possible = [&](auto count) { return usage.sums.*count <= kPagesPerChunk; };
    const uint64_t max_pss = usage.sums.rss * page_size << kPssShift;
    if (!std::ranges::all_of(kCounts, is_possible) || usage.sums.pss > max_pss) {
      ThrowDamaged(database,
                   fmt::format("the content_usage of content {} is impossible", select.Int(0)));
    }
    take(select.Int(0), usage);
  }
}

}  // namespace pagesnap
