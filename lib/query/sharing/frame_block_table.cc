// The virtual table `frame_block`: who owns the frames of each aligned block of N frames.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/kernel/frame_flags.h"
#include "lib/query/scan/frame_results.h"
#include "lib/query/scan/frame_scan.h"
#include "lib/query/sharing/frame_user_index.h"
#include "lib/query/sharing/tables.h"

namespace pagesnap {
namespace {

constexpr const char* kBlockFrames = "block_frames";

// Says which process maps a frame.
class FrameOwners {
 public:
  explicit FrameOwners(std::shared_ptr<FrameUserIndex> users) : users_(std::move(users)) {
    const SnapshotLayout& layout = users_->layout();
    for (size_t i = 0; i < layout.contents().size(); ++i) of_content_.push_back(layout.OwnerOf(i));
  }
  [[nodiscard]] Owner Of(uint32_t ordinal) const {
    Owner owner;
    users_->ForEachPage(ordinal,
                        [&](size_t content, uint64_t) { owner.Add(of_content_[content]); });
    return owner;
  }

 private:
  std::shared_ptr<FrameUserIndex> users_;
  std::vector<Owner> of_content_;
};

struct Owned {
  int64_t process_id;
  int64_t frame_count;
};

class FrameBlockCursor final : public TableCursor {
 public:
  explicit FrameBlockCursor(AnalysisCache& cache) : cache_(cache), scan_(cache.reader()) {}

  static const std::vector<CursorColumn<FrameBlockCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    int64_t frames = 0;
    for (const TableConstraint& constraint : constraints) {
      if (constraint.name == kBlockFrames) frames = constraint.value.value_or(0);
    }
    if (frames < 1) throw Error("frame_block: a block has 1 frame or more");
    block_frames_ = static_cast<uint64_t>(frames);
    scan_.Start(constraints);
    Next();
  }

  void Next() override {
    at_end_ = scan_.AtEnd();
    if (at_end_) return;
    snapshot_ = &scan_.snapshot();
    if (!owners_ || owners_of_ != snapshot_->id) {
      owners_.reset();
      owners_of_ = snapshot_->id;
      owners_.emplace(cache_.Of<FrameUserIndex>(owners_of_));
    }
    block_ = scan_.pfn() / block_frames_;
    first_referenced_ = scan_.pfn();
    frame_count_ = shared_count_ = 0;
    owned_.clear();
    do {
      Add();
      scan_.Next();
    } while (!scan_.AtEnd() && scan_.snapshot().id == snapshot_->id &&
             scan_.pfn() / block_frames_ == block_);
  }

  [[nodiscard]] bool AtEnd() const override { return at_end_; }

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 private:
  // Zero pages, and PFNs without a frame, are nobody's memory.
  void Add() {
    ++frame_count_;
    const uint64_t flags = scan_.facts().flags;
    if (flags != kNotRead && !IsMemory(flags)) return;
    const Owner owner = owners_->Of(scan_.ordinal());
    if (owner.is_several()) ++shared_count_;
    if (!owner.is_one()) return;
    // Mostly the one of the frame before.
    for (Owned& owned : owned_) {
      if (owned.process_id != owner.process_id()) continue;
      ++owned.frame_count;
      return;
    }
    owned_.push_back({owner.process_id(), 1});
  }

  // Returns the process that owns most, of equals the first; null when none owns any.
  [[nodiscard]] const Owned* Most() const {
    const Owned* most = nullptr;
    for (const Owned& owned : owned_) {
      if (most == nullptr || owned.frame_count > most->frame_count ||
          (owned.frame_count == most->frame_count && owned.process_id < most->process_id)) {
        most = &owned;
      }
    }
    return most;
  }

  // Returns {"process id": frames, ...}.
  [[nodiscard]] std::string OwnersText() const {
    std::string text;
    for (const Owned& owned : owned_) {
      text +=
          fmt::format("{}\"{}\":{}", text.empty() ? "{" : ",", owned.process_id, owned.frame_count);
    }
    return text.empty() ? "{}" : text + "}";
  }

  [[nodiscard]] const Zone* zone() const { return snapshot_->ZoneOf(first_referenced_); }

  AnalysisCache& cache_;
  FrameScan scan_;
  uint64_t block_frames_ = 1;
  std::optional<FrameOwners> owners_;
  int64_t owners_of_ = 0;  // a snapshot
  const SnapshotInfo* snapshot_ = nullptr;
  uint64_t block_ = 0;
  uint64_t first_referenced_ = 0;
  int64_t frame_count_ = 0;
  int64_t shared_count_ = 0;
  std::vector<Owned> owned_;
  bool at_end_ = true;
};

const std::vector<CursorColumn<FrameBlockCursor>> FrameBlockCursor::kColumns = {
    {{"snapshot_id", kInteger, "", "", PushDown::kEqual, Key::kSnapshot},
     [](auto& row, Out out) { out(row.snapshot_->id); }},
    {{"pfn", kInteger}, [](auto& row, Out out) { out(row.block_ * row.block_frames_); }},
    {{"frame_count", kInteger}, [](auto& row, Out out) { out(row.frame_count_); }},
    {{"shared_count", kInteger}, [](auto& row, Out out) { out(row.shared_count_); }},
    {{"process_id", kInteger, "", "no process alone maps any"},
     [](auto& row, Out out) {
       if (const Owned* most = row.Most()) out(most->process_id);
     }},
    {{"owned_count", kInteger},
     [](auto& row, Out out) {
       const Owned* most = row.Most();
       out(most == nullptr ? 0 : most->frame_count);
     }},
    {{"owners", kText}, [](auto& row, Out out) { out(std::string_view(row.OwnersText())); }},
    {{"node", kInteger, "", "in no zone"}, [](auto& row, Out out) { PutNode(out, row.zone()); }},
    {{"zone", kText, "", "in no zone"}, [](auto& row, Out out) { PutZone(out, row.zone()); }},
    {{kBlockFrames, kIntegerArgument, "", "", PushDown::kRequired},
     [](auto& row, Out out) { out(row.block_frames_); }},
};

}  // namespace

VirtualTable MakeFrameBlockTable(AnalysisCache& cache) {
  return {.name = "frame_block",
          .columns = Describe(FrameBlockCursor::kColumns),
          .order = {"snapshot_id", "pfn"},
          .row_count = [](const ReaderSize& size) { return std::max(1.0, size.frames / 512); },
          // Every frame is looked at.
          .row_cost = [](const ReaderSize&) { return 100.0; },
          .open = [&cache] { return std::make_unique<FrameBlockCursor>(cache); }};
}

}  // namespace pagesnap
