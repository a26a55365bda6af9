#include "lib/store/frames/frame_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "lib/base/error.h"
#include "lib/base/pipeline.h"
#include "lib/kernel/page_word.h"
#include "lib/store/frames/content_scan.h"
#include "lib/store/sqlite/damage.h"

namespace pagesnap {
namespace {

// Chunks are found by index where that takes no more than this: below 4 TiB of 4 KiB frames, and
// where at least one in so many chunks is there. The index takes 4 bytes for each.
constexpr uint64_t kNearChunks = uint64_t{1} << 14;
constexpr uint64_t kNearChunksPerSlot = 64;

// So many runs are searched faster than memory answers.
constexpr size_t kFewRuns = 32;
// And so few frames are searched for in less time than it takes to write down the kind of each of
// the 65,536 of a chunk.
constexpr uint32_t kFewFrames = 2048;

// How many frames are fetched at once.
constexpr size_t kPrefetched = 32;

template <typename Kind>
std::vector<Kind> KindOfEach(const std::vector<FrameRuns::Run>& runs) {
  std::vector<Kind> kinds;
  kinds.reserve(kFramesPerChunk);
  for (const FrameRuns::Run& run : runs) {
    kinds.insert(kinds.end(), run.last + size_t{1} - kinds.size(), static_cast<Kind>(run.kind));
  }
  return kinds;
}

}  // namespace

FrameChunk::FrameChunk(FrameRuns runs, uint32_t frame_count) : kinds_(std::move(runs.kinds)) {
  if (runs.runs.size() <= kFewRuns || frame_count <= kFewFrames) {
    runs_ = std::move(runs.runs);
  } else if (kinds_.size() > 256) {
    kind_of_ = KindOfEach<uint16_t>(runs.runs);
  } else {
    small_kind_of_ = KindOfEach<uint8_t>(runs.runs);
  }
  for (const FrameFacts& kind : kinds_) {
    if (kind.flags != kNotRead) any_flags_ |= kind.flags;
  }
}

const FrameRuns::Run& FrameChunk::RunOf(uint32_t index) const {
  // The last run ends with the chunk.
  return *std::lower_bound(
      runs_.begin(), runs_.end() - 1, index,
      [](const FrameRuns::Run& run, uint32_t place) { return run.last < place; });
}

uint32_t FrameChunk::EndOf(uint32_t index) const {
  auto end_in = [index](const auto& kind_of) {
    const auto kind = kind_of[index];
    return static_cast<uint32_t>(std::find_if(kind_of.begin() + index, kind_of.end(),
                                              [kind](auto other) { return other != kind; }) -
                                 kind_of.begin());
  };
  if (!small_kind_of_.empty()) return end_in(small_kind_of_);
  return kind_of_.empty() ? RunOf(index).last + 1u : end_in(kind_of_);
}

FrameRanks::Block& FrameRanks::AddBlock(std::atomic<Block*>* place) {
  auto block = std::make_unique<Block>();
  Block* other = nullptr;
  // Where two threads meet, the block of the first is everybody's.
  if (!place->compare_exchange_strong(other, block.get(), std::memory_order_acq_rel)) return *other;
  return *block.release();
}

uint32_t FrameRanks::Count() {
  uint32_t count = 0;
  for (const auto& place : blocks_) {
    Block* block = place.load(std::memory_order_relaxed);
    if (block == nullptr) continue;
    for (Word& word : *block) {
      word.rank = count;
      count += static_cast<uint32_t>(std::popcount(word.bits));
    }
  }
  return count;
}

uint32_t FrameRanks::NextFrom(uint32_t index) const {
  while (index < kFramesPerChunk) {
    if (BlockOf(index) == nullptr) {
      index = (index / kBlockFrames + 1) * kBlockFrames;
      continue;
    }
    const uint64_t rest = Bits(index / 64) >> (index % 64);
    if (rest != 0) return index + static_cast<uint32_t>(std::countr_zero(rest));
    index = (index / 64 + 1) * 64;
  }
  return kFramesPerChunk;
}

FrameTable::FrameTable(const Database& database, int64_t snapshot_id)
    : database_(database), snapshot_id_(snapshot_id) {
  Statement statement(database,
                      "SELECT first_pfn, frame_count, frame_content_id FROM frame_chunk "
                      "WHERE snapshot_id = ? ORDER BY 1");
  statement.Bind(1, snapshot_id);
  while (statement.Step()) {
    AddSlot(static_cast<uint64_t>(statement.Int(0)), statement.Int(1), statement.Int(2));
  }
  NumberSlots();
}

void FrameTable::NumberSlots() {
  const uint64_t most = kNearChunks + kNearChunksPerSlot * slots_.size();
  for (size_t i = 0; i < first_pfns_.size(); ++i) {
    const uint64_t number = first_pfns_[i] / kFramesPerChunk;
    if (number >= most) break;
    near_.resize(number + 1);
    near_[number] = &slots_[i];
  }
}

void FrameTable::AddSlot(uint64_t first_pfn, int64_t frame_count, int64_t content_id) {
  if (first_pfn % kFramesPerChunk != 0 || first_pfn > PageWord::kFieldMask || frame_count < 1 ||
      frame_count > kFramesPerChunk || (!first_pfns_.empty() && first_pfn <= first_pfns_.back())) {
    ThrowDamaged(database_,
                 fmt::format("frame_chunk has an impossible range at PFN {}", first_pfn));
  }
  const auto count = static_cast<uint32_t>(frame_count);
  if (frame_count_ + uint64_t{count} > UINT32_MAX) {
    throw Error(fmt::format("{}: more than 4,294,967,295 frames in one snapshot are not supported",
                            database_.label()));
  }
  first_pfns_.push_back(first_pfn);
  Slot& slot = slots_.emplace_back();
  slot.content_id = content_id;
  slot.first_ordinal = frame_count_;
  slot.frame_count = count;
  frame_count_ += count;
}

const FrameTable::Slot* FrameTable::FarSlot(uint64_t number) const {
  const uint64_t first_pfn = number * kFramesPerChunk;
  const auto found = std::lower_bound(first_pfns_.begin(), first_pfns_.end(), first_pfn);
  if (found == first_pfns_.end() || *found != first_pfn) return nullptr;
  return &slots_[static_cast<size_t>(found - first_pfns_.begin())];
}

uint32_t FrameTable::FirstOrdinal(uint64_t first_pfn) const {
  const Slot* slot = FindSlot(first_pfn);
  return slot != nullptr ? slot->first_ordinal : 0;
}

const FrameFacts* FrameTable::Find(uint64_t pfn) {
  uint32_t index = pfn % kFramesPerChunk;
  const FrameChunk* chunk = Chunk(pfn - index);
  return chunk != nullptr ? &chunk->at(index) : nullptr;
}

const FrameChunk* FrameTable::Chunk(uint64_t first_pfn) {
  Slot* slot = StoredSlot(first_pfn);
  if (slot == nullptr) return nullptr;
  if (slot->chunk == nullptr) {
    std::unique_ptr<FrameChunk>& chunk = chunks_[slot->content_id];
    if (chunk == nullptr) {
      Statement select(database_, kSelectFrameContent);
      StoredBlob stored;
      FetchFrameContent(select, database_, slot->content_id, &stored);
      chunk = std::make_unique<FrameChunk>(DecodeFrameContent(stored), slot->frame_count);
    }
    slot->chunk = chunk.get();
  }
  return slot->chunk;
}

void FrameTable::LoadAll(size_t worker_count) {
  if (const std::string problem = LoadSound(worker_count); !problem.empty()) throw Error(problem);
}

std::string FrameTable::LoadSound(size_t worker_count) {
  if (all_loaded_) return problem_;
  struct Wanted {
    int64_t content_id;
    uint32_t frame_count;
    std::unique_ptr<FrameChunk> chunk;
    std::string problem;
  };
  std::vector<Wanted> wanted;
  for (uint64_t first_pfn : first_pfns_) {
    const Slot* slot = FindSlot(first_pfn);
    if (chunks_.try_emplace(slot->content_id).second) {
      wanted.push_back({slot->content_id, slot->frame_count, nullptr, ""});
    }
  }
  struct Item {
    Wanted* wanted = nullptr;
    StoredBlob stored;
  };
  Statement select(database_, kSelectFrameContent);
  auto next = wanted.begin();
  auto fetch = [&](Item* item) {
    for (; next != wanted.end(); ++next) {
      item->wanted = &*next;
      try {
        FetchFrameContent(select, database_, next->content_id, &item->stored);
        ++next;
        return true;
      } catch (const Error& error) {
        next->problem = error.what();
      }
    }
    return false;
  };
  // Each chunk is written by one thread alone, and read after the pipeline's end.
  auto work = [&](Item& item, size_t) {
    try {
      item.wanted->chunk =
          std::make_unique<FrameChunk>(DecodeFrameContent(item.stored), item.wanted->frame_count);
    } catch (const Error& error) {
      item.wanted->problem = error.what();
    }
  };
  RunPipeline<Item>(fetch, work, worker_count);
  for (Wanted& one : wanted) {
    if (problem_.empty()) problem_ = one.problem;
    if (one.chunk != nullptr) {
      chunks_[one.content_id] = std::move(one.chunk);
    } else {
      chunks_.erase(one.content_id);
    }
  }
  for (uint64_t first_pfn : first_pfns_) {
    Slot* slot = StoredSlot(first_pfn);
    const auto found = chunks_.find(slot->content_id);
    slot->chunk = found != chunks_.end() ? found->second.get() : nullptr;
  }
  all_loaded_ = true;
  return problem_;
}

std::vector<int64_t> FrameTable::ContentIds() const {
  Statement statement(database_,
                      "SELECT DISTINCT c.content_id FROM process p "
                      "JOIN mapping m ON m.process_id = p.id "
                      "JOIN page_chunk c ON c.mapping_id = m.id "
                      "WHERE p.snapshot_id = ? AND c.present_count > 0 ORDER BY 1");
  statement.Bind(1, snapshot_id_);
  std::vector<int64_t> ids;
  while (statement.Step()) ids.push_back(statement.Int(0));
  return ids;
}

void FrameTable::LoadOrdinals() {
  if (ordinals_loaded_) return;
  for (uint64_t first_pfn : first_pfns_) {
    StoredSlot(first_pfn)->ranks = std::make_unique<FrameRanks>();
  }
  const std::vector<int64_t> ids = ContentIds();
  Statement select(database_, kSelectContent);
  ScanContents(
      ids, [&](int64_t id, StoredBlob* content) { FetchContent(select, database_, id, content); },
      [&](size_t, std::span<const uint64_t> words, size_t) { InsertFrames(words); }, ThrowAgain);
  for (uint64_t first_pfn : first_pfns_) {
    const Slot* slot = FindSlot(first_pfn);
    if (const uint32_t count = slot->ranks->Count(); count != slot->frame_count) {
      ThrowDamaged(database_,
                   fmt::format("the frame_chunk from PFN {} has {} frames, and pages refer to {}",
                               first_pfn, slot->frame_count, count));
    }
  }
  ordinals_loaded_ = true;
}

void FrameTable::InsertFrames(std::span<const uint64_t> words) {
  for (size_t i = 0; i < words.size(); ++i) {
    const PageWord word(words[i]);
    // Frames come in random order, and nothing is fetched for the next one while a locked write
    // waits for its own.
    if (i % kPrefetched == 0) {
      for (size_t next = i; next < std::min(i + kPrefetched, words.size()); ++next) {
        if (const PageWord ahead(words[next]); ahead.present()) PrefetchOrdinal(ahead.pfn());
      }
    }
    // The real frame 0 is never mapped: the kernel hid the PFN.
    if (!word.present() || word.pfn() == 0) continue;
    const Slot* slot = FindSlot(word.pfn());
    if (slot == nullptr || !slot->ranks) {
      ThrowDamaged(
          database_,
          fmt::format("a page refers to frame {}, which the snapshot does not have", word.pfn()));
    }
    slot->ranks->Insert(static_cast<uint32_t>(word.pfn() % kFramesPerChunk));
  }
}

}  // namespace pagesnap
