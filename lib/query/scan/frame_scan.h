// Goes over the referenced frames of the snapshots, in PFN order.
#ifndef LIB_QUERY_SCAN_FRAME_SCAN_H_
#define LIB_QUERY_SCAN_FRAME_SCAN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/query/sqlite/virtual_table.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// For tables whose first column is snapshot_id and whose second is pfn.
class FrameScan {
 public:
  // `reader` is borrowed.
  explicit FrameScan(SnapshotReader& reader) : reader_(reader) {}

  // Goes to the first frame that the constraints admit.
  void Start(const std::vector<TableConstraint>& constraints);
  void Next() {
    ++pfn_;
    SkipToReferenced();
  }
  [[nodiscard]] bool AtEnd() const { return snapshot_index_ >= reader_.snapshots().size(); }

  // The current frame.
  [[nodiscard]] const SnapshotInfo& snapshot() const {
    return reader_.snapshots()[snapshot_index_];
  }
  [[nodiscard]] uint64_t pfn() const { return pfn_; }
  [[nodiscard]] uint32_t ordinal() const { return first_ordinal_ + rank_; }
  [[nodiscard]] const FrameFacts& facts() const { return *facts_; }

 private:
  void Narrow(const TableConstraint& constraint);
  void SkipSnapshots();
  void EnterSnapshot();
  void SkipToReferenced();

  SnapshotReader& reader_;
  std::optional<int64_t> snapshot_id_;
  int64_t first_pfn_ = 0;
  int64_t last_pfn_ = 0;
  size_t snapshot_index_ = 0;
  std::shared_ptr<FrameTable> frames_;
  std::optional<FrameOrdinals> ordinals_;  // of frames_
  const FrameChunk* chunk_ = nullptr;      // that pfn_ is in, or null
  uint32_t first_ordinal_ = 0;             // of chunk_
  const FrameRanks* ranks_ = nullptr;      // of chunk_
  uint64_t chunk_start_ = 0;               // the PFN that chunk_ starts at
  uint64_t pfn_ = 0;
  uint32_t rank_ = 0;
  const FrameFacts* facts_ = nullptr;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_FRAME_SCAN_H_
