#include "lib/store/write/content_store.h"

#include <utility>
#include <vector>

#include "lib/codec/checksum.h"
#include "lib/codec/page_words.h"
#include "lib/codec/similar_words.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {
namespace {

// A smaller content is smaller than what a base would save.
constexpr size_t kMinPagesForBase = 32;
// Up to one miss in four words, the misses and their mask take less than the words alone.
constexpr size_t kMinWordsPerMiss = 4;

}  // namespace

int64_t ContentStore::Store(std::span<const uint64_t> words, const ChunkPlace& place) {
  const ContentIdentity identity = IdentifyWords(words);
  std::unique_lock lock(mutex_);
  if (const BlobKey* known = contents_.Find(identity)) return Remember(place, *known);
  std::optional<StoredContent> base =
      words.size() >= kMinPagesForBase ? FindBase(place) : std::nullopt;
  lock.unlock();

  std::string blob;
  if (base) blob = EncodeAgainst(*base, words, place);
  if (blob.empty()) {
    base.reset();
    blob = EncodePageWords(words);
  }
  const int64_t base_id = base ? base->id : 0;
  const int64_t checksum = BlobChecksum(AsBytes(blob));

  lock.lock();
  // Another thread may have stored the same content meanwhile.
  const auto [key, is_new] = contents_.Insert(
      identity, {static_cast<int64_t>(contents_.size() + 1), base ? base->steps + 1 : 0});
  size_t waiting = 0;
  if (is_new) {
    // It waits before others learn of it: whoever reads it as a base has waited for that.
    waiting = rows_.pending().Add(ContentRow{.id = key.id,
                                             .page_count = static_cast<int64_t>(words.size()),
                                             .base_id = base_id,
                                             .words = std::move(blob),
                                             .checksum = checksum});
  }
  const int64_t id = Remember(place, key);
  lock.unlock();
  rows_.WriteIfMany(waiting);
  return id;
}

// Returns the blob of the words against a base, or nothing where they differ too much.
std::string ContentStore::EncodeAgainst(const StoredContent& base, std::span<const uint64_t> words,
                                        const ChunkPlace& place) {
  StoredBlob stored;
  {
    const RowWriter::Access database = rows_.LockAllWritten();
    FetchContent(database->select_content, database.database(), base.id, &stored);
  }
  std::vector<uint64_t> base_words;
  DecodeContent(stored, &base_words);
  const int64_t shift = int64_t{place.into_chunk} - base.into_chunk;
  if (CountMisses(words, base_words, shift) > words.size() / kMinWordsPerMiss) return {};
  return EncodeSimilarWords(words, base_words, shift);
}

// What the same process had there is nearer than what another maps of the same file.
std::optional<ContentStore::StoredContent> ContentStore::FindBase(const ChunkPlace& place) const {
  for (uint64_t key : {place.process_key, place.file_key}) {
    if (key == 0) continue;
    auto found = last_at_.find(key);
    if (found != last_at_.end() && found->second.steps < kMaxBaseSteps) return found->second;
  }
  return std::nullopt;
}

// Notes the content as what is at the place now, and returns its id. Needs mutex_.
int64_t ContentStore::Remember(const ChunkPlace& place, const BlobKey& key) {
  const StoredContent content{key.id, place.into_chunk, key.steps};
  if (place.process_key != 0) last_at_[place.process_key] = content;
  // All processes are compared with the first, so that their contents need one step.
  if (place.file_key != 0) last_at_.try_emplace(place.file_key, content);
  return content.id;
}

}  // namespace pagesnap
