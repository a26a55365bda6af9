// The virtual table `mapping_sharing`.
#include "lib/base/error.h"
#include "lib/query/scan/mapping_table.h"
#include "lib/query/scan/page_gaps.h"
#include "lib/query/sharing/mapping_sharing.h"
#include "lib/query/sharing/tables.h"
#include "lib/store/frames/usage_sums.h"

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
    page_size_ = snapshot.page_size;
    pfn_visible_ = snapshot.pfn_visible;
    sharings_ = nullptr;
  }
  size_t Load(const MappingInfo& mapping) override {
    is_known_ = pfn_visible_ && gaps_->ReasonFor(mapping).empty();
    return 1;
  }

 private:
  // Returns the figures of the mapping, or null. They are computed when the first is asked for: a
  // report that may do without them joins this table, too.
  const MappingSharing* sharing() {
    if (!is_known_) return nullptr;
    if (sharings_ == nullptr) sharings_ = cache_.Of<MappingSharings>(mapping().snapshot_id);
    return &sharings_->Of(mapping());
  }
  // Without pages or PFNs nothing is known.
  template <uint64_t MappingSharing::*kCount>
  static void Put(SharingCursor& cursor, Out out) {
    if (const MappingSharing* sharing = cursor.sharing()) out(sharing->*kCount);
  }
  // Without the map counts it is not known what others have.
  template <uint64_t MappingSharing::*kCount>
  static void PutIfRead(SharingCursor& cursor, Out out) {
    const MappingSharing* const sharing = cursor.sharing();
    if (sharing != nullptr && sharing->unread_count == 0) out(sharing->*kCount);
  }
  // Returns what the exact figures are made of, or null. They stand beside other figures that
  // damage elsewhere in the file does not touch, so it makes them unknown, and is no error.
  const MappingSharing* SoundSharing() {
    if (damaged_snapshot_id_ == mapping().snapshot_id) return nullptr;
    try {
      return sharing();
    } catch (const Error& error) {
      cache_.reader().NoteDamage(error.what());
      damaged_snapshot_id_ = mapping().snapshot_id;
      return nullptr;
    }
  }
  // Calls put(sharing) if the exact figures are known: a single page can leave them open.
  template <typename Put>
  void IfExact(const Put& put) {
    const MappingSharing* const sharing = SoundSharing();
    if (sharing != nullptr && sharing->is_exact()) put(*sharing);
  }
  // Returns why they are not known, "" if they are.
  std::string_view ExactMissing() {
    if (!pfn_visible_) return "PFNs were hidden from capture";
    if (!is_known_) return gaps_->ReasonFor(mapping());
    const MappingSharing* const sharing = SoundSharing();
    if (sharing == nullptr) return "a blob is damaged, see 'analyze check'";
    if (sharing->unread_flag_count > 0) return "kpageflags was not read for all frames";
    if (sharing->unproven_count == 0) return "";
    return "processes that were not captured may map some of the frames";
  }

  AnalysisCache& cache_;
  std::shared_ptr<const PageGaps> gaps_;
  std::shared_ptr<MappingSharings> sharings_;  // of the snapshot; null: not asked for
  uint64_t page_size_ = 0;                     // bytes
  bool pfn_visible_ = false;
  bool is_known_ = false;            // the figures of the mapping are
  int64_t damaged_snapshot_id_ = 0;  // whose figures cannot be computed; 0: none
};

constexpr const char* kNoPages = "pages were not read, or PFNs were hidden";
constexpr const char* kNoCounts =
    "likewise, or map counts were not read, or are averages that do not tell";
constexpr const char* kNotExact = "`exact_missing` says why";

const std::vector<CursorColumn<SharingCursor>> SharingCursor::kColumns =
    WithMappingKey<SharingCursor>({
        {{"page_count", kInteger, "", kNoPages}, Put<&MappingSharing::page_count>},
        {{"shared_page_count", kInteger, "", kNoPages}, Put<&MappingSharing::shared_page_count>},
        {{"shared_frame_count", kInteger, "", kNoPages}, Put<&MappingSharing::shared_frame_count>},
        {{"outside_page_count", kInteger, "", kNoCounts},
         PutIfRead<&MappingSharing::outside_page_count>},
        {{"outside_map_count", kInteger, "", kNoCounts},
         PutIfRead<&MappingSharing::outside_map_count>},
        {{"exact_pss_kib", kInteger, "KiB", kNotExact},
         [](auto& row, Out out) {
           row.IfExact(
               [&](auto& sharing) { out(PssKib(static_cast<int64_t>(sharing.exact_pss))); });
         }},
        {{"exact_uss_kib", kInteger, "KiB", kNotExact},
         [](auto& row, Out out) {
           row.IfExact(
               [&](auto& sharing) { out(sharing.exact_uss_frame_count * row.page_size_ / 1024); });
         }},
        {{"exact_missing", kText, "", "nothing is missing"},
         [](auto& row, Out out) {
           if (const std::string_view reason = row.ExactMissing(); !reason.empty()) out(reason);
         }},
        {{"exact_pss", kInteger, "1/4096 bytes", kNotExact},
         [](auto& row, Out out) { row.IfExact([&](auto& sharing) { out(sharing.exact_pss); }); }},
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
