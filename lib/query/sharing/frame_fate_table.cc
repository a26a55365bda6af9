// The virtual table `frame_fate`.
#include "lib/query/scan/mapping_table.h"
#include "lib/query/scan/page_gaps.h"
#include "lib/query/sharing/mapping_fates.h"
#include "lib/query/sharing/tables.h"

namespace pagesnap {
namespace {

class FateCursor final : public MappingCursor {
 public:
  explicit FateCursor(AnalysisCache& cache)
      : MappingCursor(cache.reader()), cache_(cache), gaps_(cache.OfAll<PageGaps>()) {}

  static const std::vector<CursorColumn<FateCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    group_by_ = GroupByOf(constraints);
    MappingCursor::Filter(constraints);
  }
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }
  [[nodiscard]] GroupBy group_by() const { return group_by_; }

 protected:
  void Enter(std::span<const MappingInfo> mappings) override {
    snapshot_ = &cache_.reader().snapshot(mappings.front().snapshot_id);
    if (snapshot_->pfn_visible) {
      fates_ = cache_.Between<MappingFates>({snapshot_->id, group_by_});
    }
  }
  size_t Load(const MappingInfo& mapping) override {
    known_ = snapshot_->pfn_visible && gaps_->ReasonFor(mapping).empty();
    if (!known_) return 1;
    counts_ = &fates_->Of(mapping);
    return counts_->size();
  }

 private:
  [[nodiscard]] const FateCount& count() const { return (*counts_)[row()]; }

  AnalysisCache& cache_;
  std::shared_ptr<const PageGaps> gaps_;
  GroupBy group_by_ = GroupBy::kProcess;
  const SnapshotInfo* snapshot_ = nullptr;
  std::shared_ptr<MappingFates> fates_;             // of the snapshot
  const std::vector<FateCount>* counts_ = nullptr;  // of the mapping
  bool known_ = false;
};

constexpr const char* kNoPages = "pages were not read, or PFNs were hidden";

const std::vector<CursorColumn<FateCursor>> FateCursor::kColumns = WithMappingKey<FateCursor>({
    {{"at_exit", kText, "", "likewise, or flags or map counts were not read"},
     [](auto& row, Out out) {
       const char* name = row.known_ ? ExitFateName(row.count().fate.at_exit) : nullptr;
       if (name != nullptr) out.Name(name);
     }},
    {{"price", kText, "", "likewise, or flags were not read"},
     [](auto& row, Out out) {
       const char* name = row.known_ ? ReclaimPriceName(row.count().fate.price) : nullptr;
       if (name != nullptr) out.Name(name);
     }},
    {{"is_cold", kInteger, "", kNoPages},
     [](auto& row, Out out) {
       if (row.known_) out(row.count().fate.is_cold ? 1 : 0);
     }},
    {{"frame_count", kInteger, "", kNoPages},
     [](auto& row, Out out) {
       if (row.known_) out(row.count().frames);
     }},
    {{"kib", kInteger, "KiB", kNoPages},
     [](auto& row, Out out) {
       if (row.known_) out(row.count().frames * row.snapshot_->page_size / 1024);
     }},
    GroupByArgument<FateCursor>(PushDown::kOptional),
});

}  // namespace

VirtualTable MakeFrameFateTable(AnalysisCache& cache) {
  return {.name = "frame_fate",
          .columns = Describe(FateCursor::kColumns),
          .order = kByMapping,
          .row_count = MappingCount,
          .open = [&cache] { return std::make_unique<FateCursor>(cache); }};
}

}  // namespace pagesnap
