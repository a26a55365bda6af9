// The virtual table `usage_check`: adds up again what content_usage says.
#include <algorithm>
#include <optional>
#include <string>

#include "lib/base/error.h"
#include "lib/query/scan/content_scan.h"
#include "lib/query/sqlite/plain_table.h"
#include "lib/query/tables.h"
#include "lib/store/frames/content_usage.h"

namespace pagesnap {
namespace {

enum Column { kSnapshotId, kContentId, kProblem };

const std::vector<TableColumn> kColumns = {
    {"snapshot_id", "INTEGER"}, {"content_id", "INTEGER"}, {"problem", "TEXT"}};

class UsageCheckCursor final : public TableCursor {
 public:
  explicit UsageCheckCursor(SnapshotReader& reader) : reader_(reader) {}

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
  void Column(sqlite3_context* context, int column) override {
    const Row& row = rows_[index_];
    if (column == kSnapshotId) return Result(context, row.snapshot_id);
    if (column == kContentId) return Result(context, row.content_id);
    if (!row.problem.empty()) Result(context, std::string_view(row.problem));
  }

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
    FrameTable frames(*source.database, *source.Local(IdSpace::kSnapshot, snapshot.id));
    if (!frames.LoadSound().empty()) return;
    ForEachContent(
        reader_, ids, OnDamage::kSkip, [&](size_t index, std::span<const uint64_t> words, size_t) {
          const ContentUsage usage =
              ContentUsageCounter(snapshot.release, snapshot.page_size, FindLoadedFrame{&frames})
                  .Count(words);
          std::string& problem = rows_[first + index].problem;
          problem = usage == usages.at(ids[index])
                        ? ""
                        : "it is not what page words and frame facts add up to";
        });
  }

  SnapshotReader& reader_;
  std::vector<Row> rows_;
  size_t index_ = 0;
};

}  // namespace

std::unique_ptr<VirtualTable> MakeUsageCheckTable(SnapshotReader& reader) {
  return std::make_unique<PlainTable<UsageCheckCursor>>("usage_check", kColumns, 1e4, reader);
}

}  // namespace pagesnap
