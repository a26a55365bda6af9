#include "lib/store/write/mapping_store.h"

#include <array>
#include <cstring>
#include <utility>

#include "lib/codec/checksum.h"

namespace pagesnap {
namespace {

// Most processes have fewer mappings.
constexpr int64_t kIdsAtOnce = 256;

// A row takes some 40 bytes, and a copy 20.
constexpr int64_t kMinRowsOfACopy = 2;

// The thread that adds mappings writes rows later than others: they wait for its mappings, to read
// their pages.
constexpr size_t kMinBytesOfMappings = size_t{512} << 10;

// Returns what names all that a row says, but for its id and process.
ContentIdentity ContentIdentityOf(const MappingRow& row) {
  uint32_t perms = 0;
  static_assert(sizeof perms == sizeof row.perms);
  std::memcpy(&perms, row.perms.data(), sizeof perms);
  const std::array<uint64_t, 6> facts = {
      static_cast<uint64_t>(row.first_page),  static_cast<uint64_t>(row.page_count),
      static_cast<uint64_t>(row.offset),      static_cast<uint64_t>(row.file_id),
      static_cast<uint64_t>(row.vm_flags_id), perms};
  return IdentifyWords(facts);
}

}  // namespace

void MappingStore::BeginSnapshot(bool copies) {
  copies_ = copies;
  const std::lock_guard lock(mutex_);
  recent_ = {};
  previous_ = {};
}

int64_t MappingStore::TakeId(Ids* ids) {
  if (ids->next > ids->last) {
    ids->next = last_id_.fetch_add(kIdsAtOnce) + 1;
    ids->last = ids->next + kIdsAtOnce - 1;
  }
  return ids->next++;
}

void MappingStore::ReturnIds(Ids* ids) {
  if (ids->next <= ids->last) {
    int64_t last = ids->last;
    last_id_.compare_exchange_strong(last, ids->next - 1);
  }
  *ids = {};
}

// Returns the id of a stored row that says the same; 0 when there is none, and remembers the row,
// which is about to be stored, as one.
int64_t MappingStore::FindEqual(const MappingRow& row) {
  const ContentIdentity identity = ContentIdentityOf(row);
  const std::lock_guard lock(mutex_);
  if (const int64_t* id = recent_.Find(identity)) return *id;
  const int64_t* const earlier = previous_.Find(identity);
  const int64_t id = earlier != nullptr ? *earlier : row.id;
  if (recent_.size() == kMaxRemembered) {
    previous_ = std::exchange(recent_, {});
  }
  recent_.Insert(identity, id);
  return id == row.id ? 0 : id;
}

void MappingStore::Add(const MappingRow& row) {
  rows_.WriteIfMany(rows_.pending().Add(row), kMinBytesOfMappings);
}

void MappingStore::List::Add(const MappingRow& row) {
  const int64_t equal_id = store_.copies_ ? store_.FindEqual(row) : 0;
  if (count_ > 0 && row.id == first_.id + count_ && equal_id == source_id_ + count_) {
    ++count_;
    return;
  }
  Finish();
  if (equal_id == 0) return store_.Add(row);
  first_ = row;
  source_id_ = equal_id;
  count_ = 1;
}

void MappingStore::List::Finish() {
  const int64_t count = std::exchange(count_, 0);
  if (count == 0) return;
  if (count < kMinRowsOfACopy) return store_.Add(first_);
  store_.rows_.WriteIfMany(
      store_.rows_.pending().Add(MappingCopyRow{.first_id = first_.id,
                                                .process_id = first_.process_id,
                                                .row_count = count,
                                                .source_id = source_id_}),
      kMinBytesOfMappings);
}

}  // namespace pagesnap
