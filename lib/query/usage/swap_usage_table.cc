// The virtual table `swap_usage`.
#include "lib/query/scan/mapping_table.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

enum SwapColumn {
  kFirstPage,
  kState,
  kSwapType,
  kPageCount,
  kRunCount,
  kSharedPageCount,
  kKib,
  kPssKib,
  kUssKib
};

const std::vector<TableColumn> kSwapColumns = WithMappingKey({{"first_page", "INTEGER"},
                                                              {"state", "TEXT"},
                                                              {"swap_type", "INTEGER"},
                                                              {"page_count", "INTEGER"},
                                                              {"run_count", "INTEGER"},
                                                              {"shared_page_count", "INTEGER"},
                                                              {"kib", "INTEGER"},
                                                              {"pss_kib", "INTEGER"},
                                                              {"uss_kib", "INTEGER"}});

void CountResult(sqlite3_context* context, uint64_t count) {
  Result(context, static_cast<int64_t>(count));
}

class SwapCursor final : public MappingCursor {
 public:
  explicit SwapCursor(AnalysisCache& cache) : MappingCursor(cache.reader()), cache_(cache) {}

 protected:
  void Enter(std::span<const MappingInfo> mappings) override {
    snapshot_ = &cache_.reader().snapshot(mappings.front().snapshot_id);
    analysis_ = cache_.Of(snapshot_->id);
  }
  size_t Load(const MappingInfo& mapping) override {
    usages_ = analysis_->swap_usages().Of(mapping);
    return usages_.size();
  }
  void FigureColumn(sqlite3_context* context, size_t row, int figure) override {
    const SwapUsage& usage = usages_[row];
    switch (figure) {
      case kFirstPage:
        return CountResult(context, usage.first_page);
      case kState:
        return NameResult(context, PageStateName(usage.state));
      case kPageCount:
        return CountResult(context, usage.page_count);
      case kRunCount:
        return CountResult(context, usage.run_count);
      case kKib:
        return CountResult(context, usage.page_count * snapshot_->page_size / 1024);
      default:
        if (snapshot_->pfn_visible) SlotColumn(context, figure, usage);
    }
  }

 private:
  static void SlotColumn(sqlite3_context* context, int figure, const SwapUsage& usage) {
    constexpr int kToKib = 10 + 12;  // from bytes << 12
    if (figure == kSwapType) return Result(context, int64_t{usage.swap_type});
    if (usage.state != PageState::kSwapped) return;  // other entries have no slot
    if (figure == kSharedPageCount) return CountResult(context, usage.shared_page_count);
    CountResult(context, (figure == kPssKib ? usage.pss : usage.uss) >> kToKib);
  }

  AnalysisCache& cache_;
  const SnapshotInfo* snapshot_ = nullptr;
  std::shared_ptr<SnapshotAnalysis> analysis_;  // of the snapshot
  std::vector<SwapUsage> usages_;               // of the mapping
};

class SwapTable final : public MappingTable {
 public:
  explicit SwapTable(AnalysisCache& cache)
      : MappingTable("swap_usage", kSwapColumns, cache.reader()), cache_(cache) {}
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<SwapCursor>(cache_);
  }

 private:
  AnalysisCache& cache_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakeSwapUsageTable(AnalysisCache& cache) {
  return std::make_unique<SwapTable>(cache);
}

}  // namespace pagesnap
