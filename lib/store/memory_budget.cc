#include "lib/store/memory_budget.h"

#include <fmt/format.h>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

// The frames of a machine with 1 TiB in few kinds of runs take 256 MiB decoded, 4 MiB in the file.
constexpr int64_t kBytes = int64_t{64} << 20;
constexpr int64_t kBytesPerStoredByte = 128;

}  // namespace

MemoryBudget::MemoryBudget(const Database& database)
    : database_(database), left_(kBytes + kBytesPerStoredByte * database.Size()) {}

void MemoryBudget::Take(size_t bytes) {
  if (left_.fetch_sub(static_cast<int64_t>(bytes), std::memory_order_relaxed) >=
      static_cast<int64_t>(bytes)) {
    return;
  }
  throw Error(fmt::format(
      "{} unpacks to more than a file of its size can hold: it is damaged, or was made to",
      database_.label()));
}

}  // namespace pagesnap
