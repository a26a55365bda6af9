// Vectors of many megabytes that are used in random order.
#ifndef LIB_BASE_LARGE_VECTOR_H_
#define LIB_BASE_LARGE_VECTOR_H_

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <vector>

namespace pagesnap {

// Asks the kernel for huge pages: a fraction of the page faults at first use, and of the TLB misses
// at every other. Where it has none, small ones serve.
template <typename T>
struct LargeAllocator {
  using value_type = T;

  LargeAllocator() = default;
  template <typename Other>
  explicit LargeAllocator(const LargeAllocator<Other>&) {}

  T* allocate(size_t count) {
    const size_t size = count * sizeof(T);
    if (size < kHugePage) return static_cast<T*>(::operator new(size));
    void* memory = ::operator new (size, std::align_val_t{kHugePage});
    // The rest, less than a huge page, would take a whole one. Refused without huge pages at all.
    madvise(memory, size / kHugePage * kHugePage, MADV_HUGEPAGE);
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t count) {
    if (count * sizeof(T) < kHugePage) {
      ::operator delete(memory);
    } else {
      ::operator delete (memory, std::align_val_t{kHugePage});
    }
  }

  friend bool operator==(const LargeAllocator&, const LargeAllocator&) { return true; }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;  // on the machines with 4 KiB pages
};

template <typename T>
using LargeVector = std::vector<T, LargeAllocator<T>>;

}  // namespace pagesnap

#endif  // LIB_BASE_LARGE_VECTOR_H_
