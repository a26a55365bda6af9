// Replaces the allocation functions of C++ by ones that count what they give, for programs that
// open files from strangers (memory_budget.h). In the loadable extension they are its own alone:
// the host keeps those that it has.
#include <malloc.h>

#include <cstddef>
#include <cstdlib>
#include <new>

#include "lib/base/memory_budget.h"

namespace {

// Counts what malloc(3) really gave: what is freed is asked for its size in the same way.
void* Counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  if (!pagesnap::TakeMemory(malloc_usable_size(memory))) {
    std::free(memory);
    throw std::bad_alloc();
  }
  return memory;
}

void* Allocate(size_t size) { return Counted(std::malloc(size == 0 ? 1 : size)); }

void* Allocate(size_t size, std::align_val_t alignment) {
  const auto bytes = static_cast<size_t>(alignment);
  return Counted(std::aligned_alloc(bytes, (size + bytes - 1) / bytes * bytes));
}

void Free(void* memory) noexcept {
  if (memory == nullptr) return;
  pagesnap::GiveMemory(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

// All forms, as the C++ library's own would call those of another library from within an extension.
void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void* operator new(size_t size, std::align_val_t alignment) { return Allocate(size, alignment); }
void* operator new[](size_t size, std::align_val_t alignment) { return Allocate(size, alignment); }
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  try {
    return Allocate(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](size_t size, const std::nothrow_t& nothrow) noexcept {
  return operator new(size, nothrow);
}
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete[](void* memory) noexcept { Free(memory); }
void operator delete(void* memory, size_t) noexcept { Free(memory); }
void operator delete[](void* memory, size_t) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { Free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { Free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { Free(memory); }
