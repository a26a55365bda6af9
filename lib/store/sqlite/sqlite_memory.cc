#include "lib/store/sqlite/sqlite_memory.h"

#include <malloc.h>
#include <sqlite3.h>

#include <cstdlib>

#include "lib/base/memory_budget.h"

namespace pagesnap {
namespace {

// SQLite's allocator (sqlite.org/c3ref/mem_methods.html), which is malloc(3) by default, too.
void* Allocate(int size) {
  void* memory = std::malloc(static_cast<size_t>(size));
  if (memory != nullptr && !TakeMemory(malloc_usable_size(memory))) {
    std::free(memory);
    return nullptr;
  }
  return memory;
}

void Free(void* memory) {
  if (memory == nullptr) return;
  GiveMemory(malloc_usable_size(memory));
  std::free(memory);
}

void* Reallocate(void* memory, int size) {
  const size_t before = malloc_usable_size(memory);
  const auto wanted = static_cast<size_t>(size);
  const size_t more = wanted > before ? wanted - before : 0;
  if (!TakeMemory(more)) return nullptr;
  void* moved = std::realloc(memory, wanted);
  GiveMemory(more);
  if (moved == nullptr) return nullptr;
  // The limit was asked; what malloc adds to the size is counted in any case.
  GiveMemory(before);
  if (!TakeMemory(malloc_usable_size(moved))) GiveMemory(0 - malloc_usable_size(moved));
  return moved;
}

int SizeOf(void* memory) { return static_cast<int>(malloc_usable_size(memory)); }
int RoundUp(int size) { return (size + 7) / 8 * 8; }
int Start(void*) { return SQLITE_OK; }
void Stop(void*) {}

}  // namespace

void ConfigureSqlite() {
  static const sqlite3_mem_methods kMemory = {Allocate, Free,  Reallocate, SizeOf,
                                              RoundUp,  Start, Stop,       nullptr};
  sqlite3_config(SQLITE_CONFIG_MALLOC, &kMemory);
  // SQLite's own count takes a lock at each allocation, and knows of no memory but its own.
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  // By default each table that a query makes begins with 20 pages, and touches them all.
  sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0);
}

}  // namespace pagesnap
