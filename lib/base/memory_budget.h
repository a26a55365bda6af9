// How much memory this process has taken, and how much it may take while it reads files that
// anybody may have made.
//
// All memory counts: what C++ allocates in a program that counted_new.cc is linked into, and what
// SQLite allocates after ConfigureSqlite(). So there is no structure that a crafted file can make
// grow past the limit, and nothing that has to be given back by hand. An allocation that would pass
// the limit fails as one does when the machine has no more: with std::bad_alloc, or SQLITE_NOMEM.
#ifndef LIB_BASE_MEMORY_BUDGET_H_
#define LIB_BASE_MEMORY_BUDGET_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace pagesnap {

// The limit for files of up to kUnitFileBytes in all. With the program itself, its stacks, and what
// malloc keeps of what was freed, the process then stays below 768 MiB. For larger files the limit
// grows in proportion: what a valid file needs is a small multiple of its size.
inline constexpr int64_t kMemoryLimit = int64_t{600} << 20;
inline constexpr int64_t kUnitFileBytes = 100'000'000;

// Returns how many bytes are allocated. Each thread may hold back 256 KiB from the count.
int64_t MemoryInUse() noexcept;

// Returns the most that was allocated since ResetPeakMemory(), as exactly as MemoryInUse() says it.
int64_t PeakMemory() noexcept;
void ResetPeakMemory() noexcept;

// Counts `bytes` that are about to be allocated, or were freed. TakeMemory() returns false, and
// counts nothing, when that would pass the limit. Thread-safe.
bool TakeMemory(size_t bytes) noexcept;
void GiveMemory(size_t bytes) noexcept;

// While one exists, the limit is in force: one limit for all files that a process has open.
class MemoryAllowance {
 public:
  // `file_bytes`: what the files take on the disk.
  explicit MemoryAllowance(int64_t file_bytes) noexcept;
  MemoryAllowance(const MemoryAllowance&) = delete;
  MemoryAllowance& operator=(const MemoryAllowance&) = delete;
  ~MemoryAllowance();

 private:
  int64_t file_bytes_;
};

// Replaces kMemoryLimit for a test, until it is destroyed.
class MemoryLimitForTest {
 public:
  explicit MemoryLimitForTest(int64_t bytes) noexcept;
  MemoryLimitForTest(const MemoryLimitForTest&) = delete;
  MemoryLimitForTest& operator=(const MemoryLimitForTest&) = delete;
  ~MemoryLimitForTest();
};

// Returns the sentence about a file (or "2 files") for which the memory did not suffice.
std::string MemoryMessage(const std::string& label);

}  // namespace pagesnap

#endif  // LIB_BASE_MEMORY_BUDGET_H_
