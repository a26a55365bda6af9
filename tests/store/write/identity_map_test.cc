#include "lib/store/write/identity_map.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace pagesnap {
namespace {

// Identities of which many begin at the same place of the table.
ContentIdentity Crowded(uint64_t i) { return {i % 7, i + 1}; }

TEST(IdentityMapTest, IsEmptyAtFirst) {
  const IdentityMap<int> map;
  EXPECT_EQ(map.Find({1, 2}), nullptr);
  EXPECT_EQ(map.size(), 0U);
}

TEST(IdentityMapTest, KeepsTheFirstValue) {
  IdentityMap<int> map;
  EXPECT_EQ(map.Insert({1, 2}, 5), std::pair(5, true));
  EXPECT_EQ(map.Insert({1, 2}, 6), std::pair(5, false));
  EXPECT_EQ(map.size(), 1U);
  EXPECT_EQ(map.Find({2, 1}), nullptr);
}

TEST(IdentityMapTest, FindsAllAfterItGrew) {
  IdentityMap<uint64_t> map;
  constexpr uint64_t kCount = 5000;
  for (uint64_t i = 0; i < kCount; ++i) EXPECT_TRUE(map.Insert(Crowded(i), i).second);
  EXPECT_EQ(map.size(), kCount);
  for (uint64_t i = 0; i < kCount; ++i) {
    ASSERT_NE(map.Find(Crowded(i)), nullptr) << i;
    EXPECT_EQ(*map.Find(Crowded(i)), i);
  }
  EXPECT_EQ(map.Find(Crowded(kCount)), nullptr);
}

}  // namespace
}  // namespace pagesnap
