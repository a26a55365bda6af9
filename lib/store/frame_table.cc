#include "lib/store/frame_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "lib/base/error.h"
#include "lib/codec/checksum.h"

namespace pagesnap {
namespace {

// Chunks below this one are found by index: 2^20 of them are 256 TiB of 4 KiB frames.
constexpr uint64_t kNearChunks = uint64_t{1} << 20;

}  // namespace

FrameChunk::FrameChunk(uint64_t first_pfn, const FrameColumns& columns)
    : first_pfn_(first_pfn), words_(columns.referenced.size()), kind_of_(columns.flags.size()) {
  uint32_t rank = 0;
  for (size_t i = 0; i < words_.size(); ++i) {
    words_[i] = {columns.referenced[i], rank};
    rank += __builtin_popcountll(columns.referenced[i]);
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
}

FrameTable::FrameTable(const Database& database, int64_t snapshot_id)
    : database_(database), snapshot_id_(snapshot_id) {
  Statement statement(database,
                      "SELECT first_pfn FROM frame_chunk WHERE snapshot_id = ? ORDER BY first_pfn");
  statement.Bind(1, snapshot_id);
  uint64_t near_end = 0;
  while (statement.Step()) {
    auto first_pfn = static_cast<uint64_t>(statement.Int(0));
    if (first_pfn % kFramesPerChunk != 0) {
      throw Error(fmt::format("{} is damaged: frame_chunk has a range that starts at PFN {}",
                              database.label(), first_pfn));
    }
    first_pfns_.push_back(first_pfn);
    uint64_t number = first_pfn / kFramesPerChunk;
    if (number < kNearChunks) near_end = std::max(near_end, number + 1);
  }
  std::sort(first_pfns_.begin(), first_pfns_.end());  // SQLite sorts them as signed
  chunks_.resize(near_end);
}

const FrameFacts* FrameTable::Find(uint64_t pfn) {
  uint32_t index = pfn % kFramesPerChunk;
  uint64_t number = pfn / kFramesPerChunk;
  if (number < chunks_.size() && chunks_[number] != nullptr) return chunks_[number]->Find(index);
  const FrameChunk* chunk = Chunk(pfn - index);
  return chunk != nullptr ? chunk->Find(index) : nullptr;
}

const FrameChunk* FrameTable::Chunk(uint64_t first_pfn) {
  if (!std::binary_search(first_pfns_.begin(), first_pfns_.end(), first_pfn)) return nullptr;
  uint64_t number = first_pfn / kFramesPerChunk;
  std::unique_ptr<FrameChunk>& chunk =
      number < chunks_.size() ? chunks_[number] : far_chunks_[number];
  if (chunk == nullptr) chunk = Load(first_pfn);
  return chunk.get();
}

std::unique_ptr<FrameChunk> FrameTable::Load(uint64_t first_pfn) {
  Statement statement(database_,
                      "SELECT frame_count, columns, checksum FROM frame_chunk "
                      "WHERE snapshot_id = ? AND first_pfn = ?");
  statement.Bind(1, snapshot_id_);
  statement.Bind(2, static_cast<int64_t>(first_pfn));
  statement.Step();
  auto frame_count = statement.Int(0);
  ByteSpan blob = statement.Blob(1);
  if (BlobChecksum(blob) != statement.Int(2) || frame_count < 0 || frame_count > kFramesPerChunk) {
    throw Error(
        fmt::format("{} is damaged: the frames from PFN {} in snapshot {} do not match "
                    "their checksum; 'analyze check' lists all such places",
                    database_.label(), first_pfn, snapshot_id_));
  }
  return std::make_unique<FrameChunk>(first_pfn,
                                      DecodeFrameColumns(blob, static_cast<uint32_t>(frame_count)));
}

}  // namespace pagesnap
