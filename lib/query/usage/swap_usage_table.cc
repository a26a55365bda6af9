// The virtual table `swap_usage`.
#include "lib/query/scan/mapping_table.h"
#include "lib/query/usage/swap_usage.h"
#include "lib/query/usage/tables.h"
#include "lib/store/frames/usage_sums.h"

namespace pagesnap {
namespace {

class SwapCursor final : public MappingCursor {
 public:
  explicit SwapCursor(AnalysisCache& cache) : MappingCursor(cache.reader()), cache_(cache) {}

  static const std::vector<CursorColumn<SwapCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    group_by_ = GroupByOf(constraints);
    MappingCursor::Filter(constraints);
  }
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }
  [[nodiscard]] GroupBy group_by() const { return group_by_; }

 protected:
  void Enter(std::span<const MappingInfo> mappings) override {
    snapshot_ = &cache_.reader().snapshot(mappings.front().snapshot_id);
    swap_ = cache_.Between<SwapUsages>({snapshot_->id, group_by_});
  }
  size_t Load(const MappingInfo& mapping) override {
    usages_ = swap_->Of(mapping);
    return usages_.size();
  }

 private:
  [[nodiscard]] const SwapUsage& usage() const { return usages_[row()]; }
  // Other entries have no slot.
  [[nodiscard]] bool HasSlots() const {
    return snapshot_->pfn_visible && usage().state == PageState::kSwapped;
  }
  static int64_t ToKib(uint64_t share) { return PssKib(static_cast<int64_t>(share)); }

  AnalysisCache& cache_;
  GroupBy group_by_ = GroupBy::kProcess;
  const SnapshotInfo* snapshot_ = nullptr;
  std::shared_ptr<SwapUsages> swap_;  // of the snapshot
  std::vector<SwapUsage> usages_;     // of the mapping
};

constexpr const char* kHidden = "slots were hidden";
constexpr const char* kNoSlot = "slots were hidden, or the entry has none";

const std::vector<CursorColumn<SwapCursor>> SwapCursor::kColumns = WithMappingKey<SwapCursor>({
    {{"first_page", kInteger}, [](auto& row, Out out) { out(row.usage().first_page); }},
    {{"state", kText}, [](auto& row, Out out) { out.Name(PageStateName(row.usage().state)); }},
    {{"swap_type", kInteger, "", kHidden},
     [](auto& row, Out out) {
       if (row.snapshot_->pfn_visible) out(row.usage().swap_type);
     }},
    {{"page_count", kInteger}, [](auto& row, Out out) { out(row.usage().page_count); }},
    {{"run_count", kInteger}, [](auto& row, Out out) { out(row.usage().run_count); }},
    {{"shared_page_count", kInteger, "", kNoSlot},
     [](auto& row, Out out) {
       if (row.HasSlots()) out(row.usage().shared_page_count);
     }},
    {{"kib", kInteger, "KiB"},
     [](auto& row, Out out) { out(row.usage().page_count * row.snapshot_->page_size / 1024); }},
    {{"pss_kib", kInteger, "KiB", kNoSlot},
     [](auto& row, Out out) {
       if (row.HasSlots()) out(ToKib(row.usage().pss));
     }},
    {{"uss_kib", kInteger, "KiB", kNoSlot},
     [](auto& row, Out out) {
       if (row.HasSlots()) out(ToKib(row.usage().uss));
     }},
    {{"pss", kInteger, "1/4096 bytes", kNoSlot},
     [](auto& row, Out out) {
       if (row.HasSlots()) out(row.usage().pss);
     }},
    {{"uss", kInteger, "1/4096 bytes", kNoSlot},
     [](auto& row, Out out) {
       if (row.HasSlots()) out(row.usage().uss);
     }},
    GroupByArgument<SwapCursor>(PushDown::kOptional),
});

}  // namespace

VirtualTable MakeSwapUsageTable(AnalysisCache& cache) {
  return {.name = "swap_usage",
          .columns = Describe(SwapCursor::kColumns),
          .order = kByMapping,
          .row_count = MappingCount,
          .open = [&cache] { return std::make_unique<SwapCursor>(cache); }};
}

}  // namespace pagesnap
