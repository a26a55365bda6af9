// A hash table from the identity of a content to whatever is known of it.
#ifndef LIB_STORE_WRITE_IDENTITY_MAP_H_
#define LIB_STORE_WRITE_IDENTITY_MAP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "lib/codec/checksum.h"

namespace pagesnap {

// Open addressing: a process can have a million small contents, and a node for each of them costs
// twice the memory and most of the time. Many small tables, because the one that grows is there
// twice meanwhile. Identities are hashes, and never all zero.
template <typename Value>
class IdentityMap {
 public:
  // Returns the value, or null. Valid until the next insertion.
  [[nodiscard]] const Value* Find(const ContentIdentity& identity) const {
    const Table& table = tables_[Number(identity)];
    if (table.slots.empty()) return nullptr;
    const Slot& slot = table.slots[table.Place(identity)];
    return slot.identity == identity ? &slot.value : nullptr;
  }

  // Returns the value that is there, or `value`, which is so from now on, and whether that is new.
  std::pair<Value, bool> Insert(const ContentIdentity& identity, const Value& value) {
    Table& table = tables_[Number(identity)];
    if (4 * (table.count + 1) > 3 * table.slots.size()) table.Grow();
    Slot& slot = table.slots[table.Place(identity)];
    if (slot.identity == identity) return {slot.value, false};
    slot = {identity, value};
    ++table.count;
    ++count_;
    return {value, true};
  }

  [[nodiscard]] size_t size() const { return count_; }

 private:
  struct Slot {
    ContentIdentity identity = {};
    Value value = {};
  };

  struct Table {
    // Returns where the identity is or belongs.
    [[nodiscard]] size_t Place(const ContentIdentity& identity) const {
      const size_t mask = slots.size() - 1;
      size_t place = identity.low & mask;
      while (slots[place].identity != ContentIdentity{} && slots[place].identity != identity) {
        place = (place + 1) & mask;
      }
      return place;
    }

    void Grow() {
      constexpr size_t kFirstSize = 16;
      std::vector<Slot> old =
          std::exchange(slots, std::vector<Slot>(slots.empty() ? kFirstSize : 2 * slots.size()));
      for (const Slot& slot : old) {
        if (slot.identity != ContentIdentity{}) slots[Place(slot.identity)] = slot;
      }
    }

    std::vector<Slot> slots;  // a power of two of them
    size_t count = 0;
  };

  static constexpr size_t kTables = 64;
  static size_t Number(const ContentIdentity& identity) { return identity.high % kTables; }

  std::array<Table, kTables> tables_;
  size_t count_ = 0;
};

// A blob that was stored. Small: there is one for each content.
struct BlobKey {
  int64_t id : 56 = 0;
  int steps : 8 = 0;  // blobs that have to be decoded before it
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_IDENTITY_MAP_H_
