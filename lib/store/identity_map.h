// A hash table from the identity of a content to whatever is known of it.
#ifndef LIB_STORE_IDENTITY_MAP_H_
#define LIB_STORE_IDENTITY_MAP_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "lib/codec/checksum.h"

namespace pagesnap {

// Open addressing in one array. A process can have a million small contents, and a node for each of
// them costs twice the memory and most of the time. Identities are hashes, and never all zero.
template <typename Value>
class IdentityMap {
 public:
  // Returns the value, or null. Valid until the next insertion.
  [[nodiscard]] const Value* Find(const ContentIdentity& identity) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[Place(identity)];
    return slot.identity == identity ? &slot.value : nullptr;
  }

  // Returns the value that is there, or `value`, which is so from now on, and whether that is new.
  std::pair<Value, bool> Insert(const ContentIdentity& identity, const Value& value) {
    if (4 * (count_ + 1) > 3 * slots_.size()) Grow();
    Slot& slot = slots_[Place(identity)];
    if (slot.identity == identity) return {slot.value, false};
    slot = {identity, value};
    ++count_;
    return {value, true};
  }

  [[nodiscard]] size_t size() const { return count_; }

 private:
  struct Slot {
    ContentIdentity identity = {};
    Value value = {};
  };

  // Returns where the identity is or belongs.
  [[nodiscard]] size_t Place(const ContentIdentity& identity) const {
    const size_t mask = slots_.size() - 1;
    size_t place = identity.low & mask;
    while (slots_[place].identity != ContentIdentity{} && slots_[place].identity != identity) {
      place = (place + 1) & mask;
    }
    return place;
  }

  void Grow() {
    constexpr size_t kFirstSize = 1024;
    std::vector<Slot> old =
        std::exchange(slots_, std::vector<Slot>(slots_.empty() ? kFirstSize : 2 * slots_.size()));
    for (const Slot& slot : old) {
      if (slot.identity != ContentIdentity{}) slots_[Place(slot.identity)] = slot;
    }
  }

  std::vector<Slot> slots_;  // a power of two of them
  size_t count_ = 0;
};

}  // namespace pagesnap

#endif  // LIB_STORE_IDENTITY_MAP_H_
