#include "lib/store/frame_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "lib/base/error.h"
#include "lib/base/pipeline.h"
#include "lib/kernel/page_word.h"
#include "lib/store/stored_blob.h"

namespace pagesnap {
namespace {

// Chunks below this one are found by index: 2^20 of them are 256 TiB of 4 KiB frames.
constexpr uint64_t kNearChunks = uint64_t{1} << 20;

}  // namespace

FrameChunk::FrameChunk(uint64_t first_pfn, const FrameColumns& columns)
    : first_pfn_(first_pfn),
      frame_count_(columns.flags.size()),
      words_(columns.referenced.size()),
      kind_of_(frame_count_) {
  uint32_t rank = 0;
  for (size_t i = 0; i < words_.size(); ++i) {
    words_[i] = {columns.referenced[i], rank};
    rank += static_cast<uint32_t>(__builtin_popcountll(columns.referenced[i]));
  }
  std::unordered_map<uint64_t, uint16_t> kinds;
  uint64_t last_key = ~uint64_t{0};
  uint16_t last_kind = 0;
  for (size_t i = 0; i < kind_of_.size(); ++i) {
    uint64_t key = uint64_t{columns.flags.indexes()[i]} << 32 |
                   uint64_t{columns.map_count.indexes()[i]} << 16 | columns.cgroup.indexes()[i];
    if (key != last_key) {
      auto [place, is_new] = kinds.try_emplace(key, static_cast<uint16_t>(kinds_.size()));
      if (is_new) {
        kinds_.push_back({columns.flags.at(i), columns.map_count.at(i), columns.cgroup.at(i)});
      }
      last_key = key;
      last_kind = place->second;
    }
    kind_of_[i] = last_kind;
  }
  for (const FrameFacts& kind : kinds_) {
    if (kind.flags != kNotRead) any_flags_ |= kind.flags;
  }
  Shrink();
}

// Less memory is also fewer cache misses: look-ups come in random order.
void FrameChunk::Shrink() {
  if (kinds_.size() > 256) return;
  if (kinds_.size() > 1) small_kind_of_.assign(kind_of_.begin(), kind_of_.end());
  kind_of_ = {};
}

FrameTable::FrameTable(const Database& database, int64_t snapshot_id)
    : database_(database), snapshot_id_(snapshot_id) {
  Statement statement(
      database, "SELECT first_pfn, frame_count FROM frame_chunk WHERE snapshot_id = ? ORDER BY 1");
  statement.Bind(1, snapshot_id);
  uint64_t frames = 0;
  while (statement.Step()) {
    auto first_pfn = static_cast<uint64_t>(statement.Int(0));
    auto count = static_cast<uint64_t>(statement.Int(1));
    if (first_pfn % kFramesPerChunk != 0 || first_pfn > PageWord::kFieldMask ||
        count > kFramesPerChunk || (!first_pfns_.empty() && first_pfn <= first_pfns_.back())) {
      throw Error(fmt::format("{} is damaged: frame_chunk has an impossible range at PFN {}",
                              database.label(), first_pfn));
    }
    if (frames + count > UINT32_MAX) {
      throw Error(
          fmt::format("{}: more than 4,294,967,295 frames in one snapshot are not supported",
                      database.label()));
    }
    first_pfns_.push_back(first_pfn);
    uint64_t number = first_pfn / kFramesPerChunk;
    if (number < kNearChunks) slots_.resize(std::max<size_t>(slots_.size(), number + 1));
    Slot& slot = number < slots_.size() ? slots_[number] : far_slots_[number];
    slot.first_ordinal = static_cast<uint32_t>(frames);
    slot.stored = true;
    frames += count;
  }
  frame_count_ = static_cast<uint32_t>(frames);
}

const FrameTable::Slot* FrameTable::FarSlot(uint64_t number) const {
  auto found = far_slots_.find(number);
  return found != far_slots_.end() ? &found->second : nullptr;
}

uint32_t FrameTable::FirstOrdinal(uint64_t first_pfn) const {
  const Slot* slot = FindSlot(first_pfn);
  return slot != nullptr ? slot->first_ordinal : 0;
}

const FrameFacts* FrameTable::Find(uint64_t pfn) {
  uint32_t index = pfn % kFramesPerChunk;
  const FrameChunk* chunk = Chunk(pfn - index);
  return chunk != nullptr ? chunk->Find(index) : nullptr;
}

const FrameChunk* FrameTable::Chunk(uint64_t first_pfn) {
  auto* slot = const_cast<Slot*>(FindSlot(first_pfn));
  if (slot == nullptr || !slot->stored) return nullptr;
  if (slot->chunk == nullptr) {
    Statement select(database_, kSelectFrameChunk);
    StoredBlob stored;
    FetchFrames(select, database_, snapshot_id_, first_pfn, &stored);
    slot->chunk = std::make_unique<FrameChunk>(first_pfn, DecodeFrames(stored, first_pfn));
  }
  return slot->chunk.get();
}

void FrameTable::LoadAll() {
  if (all_loaded_) return;
  struct Item {
    uint64_t first_pfn;
    StoredBlob stored;
  };
  Statement select(database_, kSelectFrameChunk);
  size_t next = 0;
  auto fetch = [&](Item* item) {
    while (next < first_pfns_.size() && FindSlot(first_pfns_[next])->chunk != nullptr) ++next;
    if (next == first_pfns_.size()) return false;
    item->first_pfn = first_pfns_[next++];
    FetchFrames(select, database_, snapshot_id_, item->first_pfn, &item->stored);
    return true;
  };
  RunPipeline<Item>(fetch, [&](Item& item, size_t) {
    // Each slot is written by one thread alone, and read after the pipeline's end.
    const_cast<Slot*>(FindSlot(item.first_pfn))->chunk =
        std::make_unique<FrameChunk>(item.first_pfn, DecodeFrames(item.stored, item.first_pfn));
  });
  all_loaded_ = true;
}

}  // namespace pagesnap
