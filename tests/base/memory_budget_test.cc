#include "lib/base/memory_budget.h"

#include <gmock/gmock.h>

#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace pagesnap {
namespace {

constexpr int64_t kMib = int64_t{1} << 20;
// What the threads hold back from the count, and what the test itself allocates.
constexpr int64_t kSlack = kMib;

// Takes memory in pieces that are too small for the threads to count each.
std::vector<std::unique_ptr<char[]>> Pieces(int64_t bytes) {
  std::vector<std::unique_ptr<char[]>> pieces;
  for (int64_t taken = 0; taken < bytes; taken += 1000) {
    pieces.push_back(std::make_unique<char[]>(1000));
  }
  return pieces;
}

TEST(MemoryBudgetTest, CountsWhatIsAllocatedAndWhatIsFreed) {
  const int64_t before = MemoryInUse();
  {
    const std::vector<char> large(8 * kMib);
    EXPECT_NEAR(MemoryInUse() - before, 8 * kMib, kSlack);
    const auto small = Pieces(4 * kMib);
    EXPECT_NEAR(MemoryInUse() - before, 12 * kMib, 2 * kSlack);
  }
  EXPECT_NEAR(MemoryInUse(), before, kSlack);
}

TEST(MemoryBudgetTest, CountsWhatThreadsLeaveBehind) {
  const int64_t before = MemoryInUse();
  std::vector<std::vector<std::unique_ptr<char[]>>> left(100);
  for (auto& pieces : left) std::thread([&] { pieces = Pieces(100'000); }).join();
  EXPECT_NEAR(MemoryInUse() - before, 100 * 100'000, 3 * kSlack);
  left.clear();
  EXPECT_NEAR(MemoryInUse(), before, kSlack);
}

TEST(MemoryBudgetTest, WhatPassesTheLimitFails) {
  const MemoryLimitForTest limit(MemoryInUse() + 16 * kMib);
  EXPECT_NO_THROW(std::vector<char>(20 * kMib));  // no file is open
  const MemoryAllowance allowance(1000);
  EXPECT_NO_THROW(std::vector<char>(12 * kMib));
  EXPECT_THROW(std::vector<char>(20 * kMib), std::bad_alloc);
  EXPECT_THROW(Pieces(20 * kMib), std::bad_alloc);
  // What failed took nothing.
  for (int i = 0; i < 10; ++i) EXPECT_THROW(std::vector<char>(20 * kMib), std::bad_alloc);
  EXPECT_NO_THROW(std::vector<char>(12 * kMib));
}

TEST(MemoryBudgetTest, LargerFilesMayTakeMore) {
  const MemoryLimitForTest limit(MemoryInUse() + 16 * kMib);
  const MemoryAllowance first(kUnitFileBytes);
  EXPECT_THROW(std::vector<char>(20 * kMib), std::bad_alloc);
  {
    const MemoryAllowance second(kUnitFileBytes);
    EXPECT_NO_THROW(std::vector<char>(20 * kMib));
  }
  EXPECT_THROW(std::vector<char>(20 * kMib), std::bad_alloc);
}

TEST(MemoryBudgetTest, AlignedMemoryCounts) {
  const int64_t before = MemoryInUse();
  void* memory = ::operator new (4 * kMib, std::align_val_t{2 * kMib});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % (2 * kMib), 0u);
  EXPECT_NEAR(MemoryInUse() - before, 4 * kMib, kSlack);
  ::operator delete (memory, std::align_val_t{2 * kMib});
  EXPECT_NEAR(MemoryInUse(), before, kSlack);
}

}  // namespace
}  // namespace pagesnap
