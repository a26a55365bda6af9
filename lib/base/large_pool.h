// Memory in pieces that are used in random order and given back together.
#ifndef LIB_BASE_LARGE_POOL_H_
#define LIB_BASE_LARGE_POOL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "lib/base/large_vector.h"

namespace pagesnap {

// Where there are many, they lie in huge pages: with small ones each use in random order would be a
// TLB miss. Thread-safe.
class LargePool {
 public:
  static constexpr size_t kMaxPiece = size_t{64} << 10;

  // Returns `size` bytes, all of them 0, which live as long as this: a multiple of 64, up to
  // kMaxPiece.
  void* Take(size_t size) {
    const std::lock_guard lock(mutex_);
    if (free_ < size) {
      free_ = std::min(kMaxPiece << std::min(blocks_.size(), size_t{8}), kMaxBlock);
      blocks_.emplace_back(free_);
    }
    free_ -= size;
    return blocks_.back().data() + free_;
  }

 private:
  static constexpr size_t kMaxBlock = size_t{2} << 20;  // the first ones are smaller

  std::mutex mutex_;
  std::vector<LargeVector<uint8_t>> blocks_;
  size_t free_ = 0;  // bytes at the start of the last block
};

}  // namespace pagesnap

#endif  // LIB_BASE_LARGE_POOL_H_
