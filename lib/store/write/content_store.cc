#include "lib/store/write/content_store.h"

#include <algorithm>
#include <utility>

#include "lib/codec/checksum.h"
#include "lib/codec/page_words.h"
#include "lib/codec/similar_words.h"
#include "lib/kernel/page_word.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {
namespace {

// With so many words for each miss a base is worth it for certain; with fewer, both codings are
// tried. Frames that lie side by side take less than the misses.
constexpr size_t kManyWordsPerMiss = 16;

}  // namespace

void ContentStore::BeginSnapshot() {
  const std::lock_guard lock(mutex_);
  bases_.BeginSnapshot();
}

// Marks a place as one whose content is being encoded, for as long as it exists.
class ContentStore::Encoding {
 public:
  // Waits until no other thread encodes what may be like it. `lock` holds the store's mutex_.
  Encoding(ContentStore& store, std::unique_lock<std::mutex>& lock, uint64_t address_key)
      : store_(store), lock_(lock), key_(address_key) {
    if (key_ == 0) return;
    store_.encoded_.wait(lock_, [this] { return !store_.encoding_.contains(key_); });
    store_.encoding_.insert(key_);
  }
  ~Encoding() {
    if (key_ == 0) return;
    if (!lock_.owns_lock()) lock_.lock();
    store_.encoding_.erase(key_);
    store_.encoded_.notify_all();
  }
  Encoding(const Encoding&) = delete;
  Encoding& operator=(const Encoding&) = delete;

 private:
  ContentStore& store_;
  std::unique_lock<std::mutex>& lock_;
  uint64_t key_;
};

int64_t ContentStore::Store(std::span<const uint64_t> words, const ChunkPlace& place) {
  const ContentIdentity identity = IdentifyWords(words);
  const auto page_count = static_cast<uint32_t>(words.size());
  auto remember = [&](const BlobKey& key) {
    bases_.Remember(place, {key.id, place.into_chunk, page_count, key.steps});
    return key.id;
  };
  size_t waiting = 0;
  int64_t id = 0;
  {
    std::unique_lock lock(mutex_);
    if (const BlobKey* known = contents_.Find(identity)) return remember(*known);
    // Relatives are read at the same time: without this neither would be the base of the other.
    const bool alone = page_count < ContentBases::kMinPages;
    const Encoding encoding(*this, lock, alone ? 0 : place.address_key);
    const std::vector<StoredContent> candidates = bases_.Find(place, page_count);
    lock.unlock();

    Coded coded = Encode(words, place, candidates);
    const int64_t checksum = BlobChecksum(AsBytes(coded.blob));

    lock.lock();
    // Another thread may have stored the same content meanwhile.
    const auto [key, is_new] =
        contents_.Insert(identity, {static_cast<int64_t>(contents_.size() + 1), coded.steps});
    if (is_new) {
      // It waits before others learn of it: whoever reads it as a base has waited for that.
      waiting = rows_.pending().Add(ContentRow{.id = key.id,
                                               .page_count = page_count,
                                               .base_id = coded.base_id,
                                               .words = std::move(coded.blob),
                                               .checksum = checksum});
    }
    if (coded.base_id != 0) bases_.NoteUse(place.address_key, coded.base_id);
    id = remember(key);
  }
  rows_.WriteIfMany(waiting);
  return id;
}

ContentStore::Coded ContentStore::Encode(std::span<const uint64_t> words, const ChunkPlace& place,
                                         const std::vector<StoredContent>& candidates) {
  Coded coded;
  if (!candidates.empty()) {
    const Choice choice = Choose(words, place, candidates);
    const auto populated = static_cast<size_t>(
        std::ranges::count_if(words, [](uint64_t word) { return PageWord(word).populated(); }));
    if (choice.misses.present <= populated / 2) {
      coded = {.blob = EncodeSimilarWords(words, *choice.words,
                                          int64_t{place.into_chunk} - choice.base.into_chunk),
               .base_id = choice.base.id,
               .steps = choice.base.steps + 1};
      if (choice.misses.all <= populated / kManyWordsPerMiss) return coded;
    }
  }
  std::string alone = EncodePageWords(words);
  if (coded.base_id == 0 || alone.size() <= coded.blob.size()) coded = {.blob = std::move(alone)};
  return coded;
}

// Returns the candidate that differs least; of equal ones that with the fewest steps.
ContentStore::Choice ContentStore::Choose(std::span<const uint64_t> words, const ChunkPlace& place,
                                          const std::vector<StoredContent>& candidates) {
  // A word takes three bytes and more, a page that is not there only its place.
  auto price = [](const Choice& choice) {
    return std::pair(choice.misses.all + 4 * choice.misses.present, choice.base.steps);
  };
  Choice best;
  for (const StoredContent& base : candidates) {
    Choice choice{.base = base, .words = BaseWords(base.id)};
    choice.misses = CountMisses(words, *choice.words, int64_t{place.into_chunk} - base.into_chunk);
    if (best.words == nullptr || price(choice) < price(best)) best = std::move(choice);
  }
  return best;
}

// Returns the page words of a content that was stored.
std::shared_ptr<const ContentStore::Words> ContentStore::BaseWords(int64_t id) {
  auto decode = [&] {
    auto content = std::make_shared<BaseContent>(BaseContent{id, {}});
    StoredBlob stored;
    {
      const RowWriter::Access database = rows_.LockAllWritten();
      FetchContent(database->select_content, database.database(), id, &stored);
    }
    DecodeContent(stored, &content->words);
    return content;
  };
  const std::lock_guard lock(words_mutex_);
  const std::shared_ptr<BaseContent>& content =
      base_words_.Get([&](const BaseContent& one) { return one.id == id; }, decode);
  return {content, &content->words};
}

}  // namespace pagesnap
