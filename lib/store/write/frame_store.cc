#include "lib/store/write/frame_store.h"

#include <utility>

#include "lib/codec/checksum.h"
#include "lib/codec/similar_words.h"
#include "lib/kernel/frame_flags.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {
namespace {

// Bytes; the facts of a chunk without much variety are smaller than what a base would save.
constexpr size_t kMinBytesForBase = 64;

constexpr uint64_t kFolioFlags = kFrameCompoundHead | kFrameCompoundTail;

}  // namespace

void FrameStore::Add(int64_t snapshot_id, uint64_t first_pfn, const FrameColumns& columns,
                     bool series) {
  const BlobKey key = Store({first_pfn, /*is_ram=*/false}, columns, series);
  const RowWriter::Access database = rows_.Lock();
  database->frames.Run(snapshot_id, static_cast<int64_t>(first_pfn),
                       static_cast<int64_t>(columns.flags.size() - columns.behind_count), key.id);
}

void FrameStore::AddRam(int64_t snapshot_id, uint64_t first_pfn, const FrameColumns& columns,
                        uint32_t ram_count, uint32_t referenced_count, bool series) {
  const BlobKey key = Store({first_pfn, /*is_ram=*/true}, columns, series);
  const auto first = static_cast<int64_t>(first_pfn);
  const RowWriter::Access database = rows_.Lock();
  database->ram.Run(snapshot_id, first, int64_t{ram_count}, key.id);
  if (referenced_count != 0) {
    database->frames.Run(snapshot_id, first, int64_t{referenced_count}, key.id);
  }
}

// Returns the key of a content with these columns; adds it if there is none.
BlobKey FrameStore::Store(const Place& place, const FrameColumns& columns, bool series) {
  std::string blob = EncodeFrameColumns(columns, nullptr, kFolioFlags);
  const ContentIdentity identity = IdentifyBytes(AsBytes(blob));
  std::optional<BlobKey> key;
  {
    const RowWriter::Access lock = rows_.Lock();
    if (const BlobKey* known = contents_.Find(identity)) key = *known;
  }
  std::optional<BlobKey> base;
  if (!key && series) blob = Encode(place, columns, std::move(blob), &base);
  const RowWriter::Access database = rows_.Lock();
  if (!key) {
    // Another thread may have stored the same facts meanwhile.
    const auto [stored, is_new] = contents_.Insert(
        identity, {static_cast<int64_t>(contents_.size() + 1), base ? base->steps + 1 : 0});
    if (is_new) {
      const int64_t base_id = base ? base->id : 0;
      database->frame_content.Run(stored.id, base_id, AsBytes(blob), BlobChecksum(AsBytes(blob)));
    }
    key = stored;
  }
  if (series) last_[place.Key()] = *key;
  return *key;
}

// Returns the blob against what the last snapshot has there, and sets `base`, where that is smaller
// than `alone`, the blob that stands alone; else returns this.
std::string FrameStore::Encode(const Place& place, const FrameColumns& columns, std::string alone,
                               std::optional<BlobKey>* base) {
  if (alone.size() < kMinBytesForBase) return alone;
  StoredBlob stored;
  {
    const RowWriter::Access database = rows_.Lock();
    auto last = last_.find(place.Key());
    if (last == last_.end() || last->second.steps == kMaxBaseSteps) return alone;
    *base = last->second;
    FetchFrameContent(database->select_frames, database.database(), last->second.id, &stored);
  }
  const FrameRuns base_runs = DecodeFrameContent(stored);
  std::string blob = EncodeFrameColumns(columns, &base_runs, kFolioFlags);
  if (blob.size() < alone.size()) return blob;
  base->reset();
  return alone;
}

}  // namespace pagesnap
