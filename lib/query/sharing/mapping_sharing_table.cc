// The virtual table `mapping_sharing`.
#include "lib/query/scan/mapping_table.h"
#include "lib/query/scan/page_gaps.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

enum SharingColumn {
  kPageCount,
  kSharedPageCount,
  kSharedFrameCount,
  kOutsidePageCount,
  kOutsideMapCount,
  kFreedFrameCount,
  kCachedFrameCount
};

const std::vector<TableColumn> kSharingColumns =
    WithMappingKey({{"page_count", "INTEGER"},
                    {"shared_page_count", "INTEGER"},
                    {"shared_frame_count", "INTEGER"},
                    {"outside_page_count", "INTEGER"},
                    {"outside_map_count", "INTEGER"},
                    {"freed_frame_count", "INTEGER"},
                    {"cached_frame_count", "INTEGER"}});

void CountResult(sqlite3_context* context, uint64_t count) {
  Result(context, static_cast<int64_t>(count));
}

class SharingCursor final : public MappingCursor {
 public:
  explicit SharingCursor(AnalysisCache& cache)
      : MappingCursor(cache.reader()), cache_(cache), gaps_(cache.reader()) {}

 protected:
  void Enter(std::span<const MappingInfo> mappings) override {
    snapshot_ = &cache_.reader().snapshot(mappings.front().snapshot_id);
    analysis_ = cache_.Of(snapshot_->id);
  }
  size_t Load(const MappingInfo& mapping) override {
    known_ = snapshot_->pfn_visible && gaps_.ReasonFor(mapping).empty();
    if (known_) sharing_ = analysis_->mapping_sharing()[analysis_->layout().IndexOf(mapping)];
    return 1;
  }
  // Without pages or PFNs nothing is known, and without the map counts not what others have.
  void FigureColumn(sqlite3_context* context, size_t, int figure) override {
    if (!known_) return;
    if (figure >= kOutsidePageCount && sharing_.unread_count > 0) return;
    CountResult(context, Figure(figure));
  }

 private:
  [[nodiscard]] uint64_t Figure(int figure) const {
    switch (figure) {
      case kPageCount:
        return sharing_.page_count;
      case kSharedPageCount:
        return sharing_.shared_page_count;
      case kSharedFrameCount:
        return sharing_.shared_frame_count;
      case kOutsidePageCount:
        return sharing_.outside_page_count;
      case kOutsideMapCount:
        return sharing_.outside_map_count;
      case kFreedFrameCount:
        return sharing_.freed_frame_count;
      default:
        return sharing_.cached_frame_count;
    }
  }

  AnalysisCache& cache_;
  PageGaps gaps_;
  const SnapshotInfo* snapshot_ = nullptr;
  std::shared_ptr<SnapshotAnalysis> analysis_;  // of the snapshot
  MappingSharing sharing_;
  bool known_ = false;
};

class SharingTable final : public MappingTable {
 public:
  explicit SharingTable(AnalysisCache& cache)
      : MappingTable("mapping_sharing", kSharingColumns, cache.reader()), cache_(cache) {}
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<SharingCursor>(cache_);
  }

 private:
  AnalysisCache& cache_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakeMappingSharingTable(AnalysisCache& cache) {
  return std::make_unique<SharingTable>(cache);
}

}  // namespace pagesnap
