#include "lib/store/frames/frame_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/base/error.h"
#include "lib/kernel/page_word.h"
#include "lib/store/frames/content_scan.h"
#include "lib/store/sqlite/damage.h"
#include "lib/store/sqlite/statement.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {
namespace {

// How many frames are fetched at once.
constexpr size_t kPrefetched = 32;

}  // namespace

FrameTable::FrameTable(const Database& database, int64_t snapshot_id, PfnRange range)
    : database_(database), snapshot_id_(snapshot_id) {
  Statement statement(database,
                      "SELECT first_pfn, frame_count, frame_content_id FROM frame_chunk "
                      "WHERE snapshot_id = ? ORDER BY 1");
  statement.Bind(1, snapshot_id);
  while (statement.Step()) {
    const auto first_pfn = static_cast<uint64_t>(statement.Int(0));
    if (!range.Contains(first_pfn)) continue;
    AddSlot(first_pfn, statement.Int(1), statement.Int(2));
  }
  slots_.Finish();
}

void FrameTable::AddSlot(uint64_t first_pfn, int64_t frame_count, int64_t content_id) {
  if (first_pfn % kFramesPerChunk != 0 || first_pfn > PageWord::kFieldMask || frame_count < 1 ||
      frame_count > kFramesPerChunk ||
      (!first_pfns().empty() && first_pfn <= first_pfns().back())) {
    ThrowDamaged(database_,
                 fmt::format("frame_chunk has an impossible range at PFN {}", first_pfn));
  }
  const auto count = static_cast<uint32_t>(frame_count);
  if (frame_count_ + uint64_t{count} > UINT32_MAX) {
    throw Error(fmt::format("{}: more than 4,294,967,295 frames in one snapshot are not supported",
                            database_.label()));
  }
  FrameSlot slot;
  slot.content_id = content_id;
  slot.first_ordinal = frame_count_;
  slot.frame_count = count;
  slots_.Add(first_pfn, std::move(slot));
  frame_count_ += count;
}

const FrameFacts* FrameTable::Find(uint64_t pfn) {
  const FrameChunk* chunk = Chunk(pfn);
  return chunk != nullptr ? &chunk->at(IndexInChunk(pfn)) : nullptr;
}

bool FrameTable::HasAny(uint64_t pfn, uint64_t flags) {
  const FrameChunk* chunk = Chunk(pfn);
  return chunk != nullptr && chunk->HasAny(IndexInChunk(pfn), flags);
}

const FrameChunk* FrameTable::Chunk(uint64_t pfn) {
  FrameSlot* slot = slots_.Find(pfn);
  if (slot == nullptr) return nullptr;
  if (slot->chunk == nullptr) {
    auto found = chunks_.find(slot->content_id);
    if (found == chunks_.end()) {
      Statement select(database_, kSelectFrameContent);
      StoredBlob stored;
      FetchFrameContent(select, database_, slot->content_id, &stored);
      // One that is damaged gets no place: LoadSound() has to find it.
      auto chunk =
          std::make_unique<FrameChunk>(DecodeFrameContent(stored), slot->frame_count, pool_);
      found = chunks_.emplace(slot->content_id, std::move(chunk)).first;
    }
    slot->SetChunk(found->second.get());
  }
  return slot->chunk;
}

LoadedFrames FrameTable::LoadAll(size_t worker_count) {
  const LoadedFrames frames = LoadSound(worker_count);
  if (!problem_.empty()) throw Error(problem_);
  return frames;
}

LoadedFrames FrameTable::LoadSound(size_t worker_count) {
  const LoadedFrames frames(slots_, problem_);
  if (all_loaded_) return frames;
  struct Wanted {
    int64_t content_id;
    uint32_t frame_count;
    std::unique_ptr<FrameChunk> chunk;
    std::string problem;
  };
  std::vector<Wanted> wanted;
  for (const FrameSlot& slot : slots_.all()) {
    if (chunks_.try_emplace(slot.content_id).second) {
      wanted.push_back({slot.content_id, slot.frame_count, nullptr, ""});
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
      item.wanted->chunk = std::make_unique<FrameChunk>(DecodeFrameContent(item.stored),
                                                        item.wanted->frame_count, pool_);
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
  for (FrameSlot& slot : slots_.all()) {
    const auto found = chunks_.find(slot.content_id);
    slot.SetChunk(found != chunks_.end() ? found->second.get() : nullptr);
  }
  all_loaded_ = true;
  return frames;
}

std::vector<int64_t> FrameTable::ContentIds() const {
  Statement statement(database_,
                      "SELECT c.content_id FROM process p "
                      "JOIN mapping m ON m.process_id = p.id "
                      "JOIN page_chunk c ON c.mapping_id = m.id "
                      "WHERE p.snapshot_id = ?1 AND c.present_count > 0 "
                      "UNION SELECT c.content_id FROM mapping_copy m "
                      "CROSS JOIN process p ON p.id = m.process_id AND p.snapshot_id = ?1 "
                      "CROSS JOIN page_chunk c ON c.mapping_id BETWEEN m.first_mapping_id "
                      "AND m.first_mapping_id + m.row_count - 1 "
                      "WHERE c.present_count > 0 ORDER BY 1");
  statement.Bind(1, snapshot_id_);
  std::vector<int64_t> ids;
  while (statement.Step()) ids.push_back(statement.Int(0));
  return ids;
}

FrameOrdinals FrameTable::LoadOrdinals() {
  const FrameOrdinals ordinals(slots_);
  if (ordinals_loaded_) return ordinals;
  for (FrameSlot& slot : slots_.all()) {
    slot.ranks = std::make_unique<FrameRanks>(pool_, slot.frame_count);
  }
  const std::vector<int64_t> ids = ContentIds();
  Statement select(database_, kSelectContent);
  ScanContents(
      ids, [&](int64_t id, StoredBlob* content) { FetchContent(select, database_, id, content); },
      [&](size_t, std::span<const uint64_t> words, size_t) { InsertFrames(words); }, ThrowAgain);
  for (const uint64_t first_pfn : first_pfns()) {
    const FrameSlot* slot = slots_.Find(first_pfn);
    if (const uint32_t count = slot->ranks->Count(); count != slot->frame_count) {
      ThrowDamaged(database_,
                   fmt::format("the frame_chunk from PFN {} has {} frames, and pages refer to {}",
                               first_pfn, slot->frame_count, count));
    }
  }
  ordinals_loaded_ = true;
  return ordinals;
}

void FrameTable::ThrowNoFrame(uint64_t pfn) const {
  ThrowDamaged(database_,
               fmt::format("a page refers to frame {}, which the snapshot does not have", pfn));
}

void FrameTable::InsertFrames(std::span<const uint64_t> words) {
  const FrameOrdinals ordinals(slots_);  // not all of them yet; for Prefetch()
  for (size_t i = 0; i < words.size(); ++i) {
    const PageWord word(words[i]);
    // Frames come in random order, and nothing is fetched for the next one while a locked write
    // waits for its own.
    if (i % kPrefetched == 0) {
      for (size_t next = i; next < std::min(i + kPrefetched, words.size()); ++next) {
        if (const PageWord ahead(words[next]); ahead.present()) ordinals.Prefetch(ahead.pfn());
      }
    }
    // The real frame 0 is never mapped: the kernel hid the PFN.
    if (!word.present() || word.pfn() == 0) continue;
    FrameSlot* slot = slots_.Find(word.pfn());
    if (slot == nullptr) ThrowNoFrame(word.pfn());
    slot->ranks->Insert(IndexInChunk(word.pfn()));
  }
}

}  // namespace pagesnap
