// The virtual table `usage_check`: adds up again what content_usage says.
#include <algorithm>
#include <optional>
#include <string>

#include "lib/base/error.h"
#include "lib/query/check/tables.h"
#include "lib/query/scan/content_scan.h"
#include "lib/store/frames/content_usage.h"
#include "lib/store/schema.h"

namespace pagesnap {
namespace {

// The first format version whose facts_hash is a sum.
constexpr int64_t kFirstVersionWithSum = 6;

class UsageCheckCursor final : public TableCursor {
 public:
  explicit UsageCheckCursor(SnapshotReader& reader) : reader_(reader) {}

  static const std::vector<CursorColumn<UsageCheckCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>&) override {
    rows_.clear();
    index_ = 0;
    for (const SnapshotInfo& snapshot : reader_.snapshots()) {
      try {
        Check(snapshot);
      } catch (const Error& error) {
        rows_.push_back({snapshot.id, std::nullopt, error.what()});
      }
    }
  }
  void Next() override { ++index_; }
  [[nodiscard]] bool AtEnd() const override { return index_ == rows_.size(); }
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 private:
  struct Row {
    int64_t snapshot_id = 0;
    std::optional<int64_t> content_id;
    std::string problem;
  };

  void Check(const SnapshotInfo& snapshot) {
    const auto kept = reader_.Usages(snapshot.id);
    const auto& usages = *kept;
    if (usages.empty()) return;
    std::vector<int64_t> ids;
    for (const auto& [content_id, usage] : usages) ids.push_back(content_id);
    std::sort(ids.begin(), ids.end());
    const size_t first = rows_.size();
    for (const int64_t id : ids) {
      rows_.push_back({snapshot.id, id, "what it is the sum of is damaged"});
    }
    // Of its own, so that memory does not grow with the number of snapshots.
    const Source& source = reader_.SourceOf(IdSpace::kSnapshot, snapshot.id);
    FrameTable table(*source.database, *source.Local(IdSpace::kSnapshot, snapshot.id));
    const LoadedFrames frames = table.LoadSound();
    if (!frames.problem().empty()) return;
    const bool hashes_runs = FormatVersionOf(*source.database) < kFirstVersionWithSum;
    ForEachContent(
        reader_, ids, OnDamage::kSkip, [&](size_t index, std::span<const uint64_t> words, size_t) {
          const ContentUsage usage = hashes_runs ? Count<FactsRunHash>(snapshot, frames, words)
                                                 : Count<FactsHash>(snapshot, frames, words);
          std::string& problem = rows_[first + index].problem;
          problem = IsSumOf(usages.at(ids[index]), usage)
                        ? ""
                        : "it is not what page words and frame facts add up to";
        });
  }

  template <typename Hash>
  static ContentUsage Count(const SnapshotInfo& snapshot, LoadedFrames frames,
                            std::span<const uint64_t> words) {
    return ContentUsageCounter<LoadedFrames, Hash>(snapshot.release, snapshot.map_counts,
                                                   snapshot.page_size, frames)
        .Count(words);
  }

  [[nodiscard]] const Row& row() const { return rows_[index_]; }

  SnapshotReader& reader_;
  std::vector<Row> rows_;
  size_t index_ = 0;
};

const std::vector<CursorColumn<UsageCheckCursor>> UsageCheckCursor::kColumns = {
    {{"snapshot_id", kInteger}, [](auto& cursor, Out out) { out(cursor.row().snapshot_id); }},
    {{"content_id", kInteger, "", "the whole snapshot cannot be checked"},
     [](auto& cursor, Out out) { out(cursor.row().content_id); }},
    {{"problem", kText, "", "the sums are right"},
     [](auto& cursor, Out out) {
       if (!cursor.row().problem.empty()) out(std::string_view(cursor.row().problem));
     }},
};

}  // namespace

VirtualTable MakeUsageCheckTable(AnalysisCache& cache) {
  return {.name = "usage_check",
          .columns = Describe(UsageCheckCursor::kColumns),
          .row_count = [](const ReaderSize&) { return 1e4; },
          .open = [&cache] { return std::make_unique<UsageCheckCursor>(cache.reader()); }};
}

}  // namespace pagesnap
