// The virtual table `mapping_sharing`.
#include "lib/query/scan/mapping_table.h"
#include "lib/query/scan/page_gaps.h"
#include "lib/query/sharing/mapping_sharing.h"
#include "lib/query/sharing/tables.h"

namespace pagesnap {
namespace {

class SharingCursor final : public MappingCursor {
 public:
  explicit SharingCursor(AnalysisCache& cache)
      : MappingCursor(cache.reader()), cache_(cache), gaps_(cache.OfAll<PageGaps>()) {}

  static const std::vector<CursorColumn<SharingCursor>> kColumns;

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 protected:
  void Enter(std::span<const MappingInfo> mappings) override {
    const SnapshotInfo& snapshot = cache_.reader().snapshot(mappings.front().snapshot_id);
    pfn_visible_ = snapshot.pfn_visible;
    if (pfn_visible_) sharings_ = cache_.Of<MappingSharings>(snapshot.id);
  }
  size_t Load(const MappingInfo& mapping) override {
    sharing_ = nullptr;
    if (pfn_visible_ && gaps_->ReasonFor(mapping).empty()) sharing_ = &sharings_->Of(mapping);
    return 1;
  }

 private:
  // Without pages or PFNs nothing is known.
  template <uint64_t MappingSharing::*kCount>
  static void Put(SharingCursor& cursor, Out out) {
    if (cursor.sharing_ != nullptr) out(cursor.sharing_->*kCount);
  }
  // Without the map counts it is not known what others have.
  template <uint64_t MappingSharing::*kCount>
  static void PutIfRead(SharingCursor& cursor, Out out) {
    if (cursor.sharing_ != nullptr && cursor.sharing_->unread_count == 0) {
      out(cursor.sharing_->*kCount);
    }
  }

  AnalysisCache& cache_;
  std::shared_ptr<const PageGaps> gaps_;
  std::shared_ptr<MappingSharings> sharings_;  // of the snapshot
  const MappingSharing* sharing_ = nullptr;    // of the mapping, if it is known
  bool pfn_visible_ = false;
};

constexpr const char* kNoPages = "pages were not read, or PFNs were hidden";
constexpr const char* kNoCounts = "likewise, or map counts were not read";

const std::vector<CursorColumn<SharingCursor>> SharingCursor::kColumns =
    WithMappingKey<SharingCursor>({
        {{"page_count", kInteger, "", kNoPages}, Put<&MappingSharing::page_count>},
        {{"shared_page_count", kInteger, "", kNoPages}, Put<&MappingSharing::shared_page_count>},
        {{"shared_frame_count", kInteger, "", kNoPages}, Put<&MappingSharing::shared_frame_count>},
        {{"outside_page_count", kInteger, "", kNoCounts},
         PutIfRead<&MappingSharing::outside_page_count>},
        {{"outside_map_count", kInteger, "", kNoCounts},
         PutIfRead<&MappingSharing::outside_map_count>},
    });

}  // namespace

VirtualTable MakeMappingSharingTable(AnalysisCache& cache) {
  return {.name = "mapping_sharing",
          .columns = Describe(SharingCursor::kColumns),
          .order = kByMapping,
          .row_count = MappingCount,
          .open = [&cache] { return std::make_unique<SharingCursor>(cache); }};
}

}  // namespace pagesnap
