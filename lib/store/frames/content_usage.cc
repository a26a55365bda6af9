#include "lib/store/frames/content_usage.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/error.h"
#include "lib/codec/checksum.h"
#include "lib/codec/page_words.h"
#include "lib/kernel/frame_flags.h"
#include "lib/store/frames/content_scan.h"
#include "lib/store/frames/frame_table.h"
#include "lib/store/sqlite/damage.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {
namespace {

// The facts of a chunk take 64 KiB while they are looked up: 64 MiB, for the frames of 256 GiB.
constexpr size_t kMaxFrameChunks = 1024;

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

// Writes what is known of all pages.
void Insert(Statement& insert, int64_t snapshot_id, std::span<const int64_t> content_ids,
            std::span<const ContentUsage> usages) {
  for (size_t i = 0; i < usages.size(); ++i) {
    const ContentUsage& usage = usages[i];
    if (!usage.complete()) continue;
    auto count = [&](size_t n) { return static_cast<int64_t>(usage.sums.*kCounts[n]); };
    insert.Run(snapshot_id, content_ids[i], usage.facts_hash, count(0), count(1), count(2),
               count(3), count(4), count(5), count(6), static_cast<int64_t>(usage.sums.pss));
  }
}

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

void FactsHash::EndRun() {
  if (page_count_ == 0) return;
  const FrameFacts facts = facts_ != nullptr ? *facts_ : FrameFacts{};
  const uint64_t run[] = {page_count_, facts.flags & ~kVolatileFrameFlags, facts.map_count,
                          facts.cgroup};
  // Facts that only differ in what is left out do not end a run.
  if (runs_.size() >= 4 && std::equal(runs_.end() - 3, runs_.end(), run + 1)) {
    *(runs_.end() - 4) += page_count_;
  } else {
    runs_.insert(runs_.end(), std::begin(run), std::end(run));
  }
  page_count_ = 0;
}

int64_t FactsHash::Finish() {
  EndRun();
  facts_ = nullptr;
  const int64_t hash = WordsChecksum(runs_);
  runs_.clear();
  return hash;
}

void AddContentUsages(const Database& database, int64_t snapshot_id, KernelRelease release,
                      uint64_t page_size, std::vector<int64_t> content_ids, size_t worker_count) {
  if (content_ids.empty()) return;
  FrameTable frames(database, snapshot_id);
  if (frames.first_pfns().empty() || frames.first_pfns().size() > kMaxFrameChunks) return;
  if (content_ids.size() < kMinContentsForThreads) worker_count = 1;
  const LoadedFrames loaded = frames.LoadAll(worker_count);
  std::sort(content_ids.begin(), content_ids.end());
  content_ids.erase(std::unique(content_ids.begin(), content_ids.end()), content_ids.end());
  Statement insert(database, InsertSql("content_usage",
                                       "snapshot_id, content_id, facts_hash, rss_count, "
                                       "uss_count, hugetlb_count, anonymous_count, shmem_count, "
                                       "thp_count, torn_count, pss"));
  std::vector<ContentUsageCounter<LoadedFrames>> counters(worker_count,
                                                          {release, page_size, loaded});
  for (std::span<const int64_t> left = content_ids; !left.empty();) {
    const auto ids = left.first(std::min(left.size(), kContentsAtOnce));
    Insert(insert, snapshot_id, ids, AddUp(database, ids, &counters));
    left = left.subspan(ids.size());
  }
}

void LoadContentUsages(const Database& database, int64_t snapshot_id, uint64_t page_size,
                       const std::function<void(int64_t, const ContentUsage&)>& take) {
  Statement select(database,
                   "SELECT content_id, facts_hash, rss_count, uss_count, hugetlb_count, "
                   "anonymous_count, shmem_count, thp_count, torn_count, pss FROM content_usage "
                   "WHERE snapshot_id = ?");
  select.Bind(1, snapshot_id);
  while (select.Step()) {
    ContentUsage usage{.sums = {}, .facts_hash = select.Int(1)};
    bool possible = true;
    for (int i = 0; kFirstCount + i < kPss; ++i) {
      const int64_t count = select.Int(kFirstCount + i);
      possible = possible && count >= 0 && count <= kPagesPerChunk;
      usage.sums.*kCounts[i] = static_cast<uint64_t>(count);
    }
    const int64_t most = static_cast<int64_t>(usage.sums.rss * page_size << kPssShift);
    if (!possible || select.Int(kPss) < 0 || select.Int(kPss) > most) {
      ThrowDamaged(database,
                   fmt::format("the content_usage of content {} is impossible", select.Int(0)));
    }
    usage.sums.pss = static_cast<uint64_t>(select.Int(kPss));
    take(select.Int(0), usage);
  }
}

}  // namespace pagesnap
