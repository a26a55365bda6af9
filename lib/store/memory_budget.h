// How much memory a file may make its reader take for what unpacks to far more than it is.
#ifndef LIB_STORE_MEMORY_BUDGET_H_
#define LIB_STORE_MEMORY_BUDGET_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "lib/store/sqlite.h"

namespace pagesnap {

// Thread-safe.
class MemoryBudget {
 public:
  // A budget for what `database`, which is borrowed, holds: more than capture can have meant.
  explicit MemoryBudget(const Database& database);

  // Takes so many bytes. Throws Error when there are no more.
  void Take(size_t bytes);

 private:
  const Database& database_;
  std::atomic<int64_t> left_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_MEMORY_BUDGET_H_
