#include "lib/kernel/frame_flags.h"

#include <gtest/gtest.h>

#include <string>

namespace pagesnap {
namespace {

constexpr KernelRelease kNew = {6, 18};

struct Expected {
  int bit;
  const char* name;  // on 6.18
};

// Written down from the kernel's documentation, apart from the table under test.
constexpr Expected kExpected[] = {
    {0, "LOCKED"},         {1, "ERROR"},      {2, "REFERENCED"},   {3, "UPTODATE"},
    {4, "DIRTY"},          {5, "LRU"},        {6, "ACTIVE"},       {7, "SLAB"},
    {8, "WRITEBACK"},      {9, "RECLAIM"},    {10, "BUDDY"},       {11, "MMAP"},
    {12, "ANON"},          {13, "SWAPCACHE"}, {14, "SWAPBACKED"},  {15, "COMPOUND_HEAD"},
    {16, "COMPOUND_TAIL"}, {17, "HUGE"},      {18, "UNEVICTABLE"}, {19, "HWPOISON"},
    {20, "NOPAGE"},        {21, "KSM"},       {22, "THP"},         {23, "OFFLINE"},
    {24, "ZERO_PAGE"},     {25, "IDLE"},      {26, "PGTABLE"},     {32, "RESERVED"},
    {33, "MLOCKED"},       {34, "OWNER_2"},   {35, "PRIVATE"},     {36, "PRIVATE_2"},
    {37, "OWNER_PRIVATE"}, {38, "ARCH"},      {39, "UNCACHED"},    {40, "SOFTDIRTY"},
    {41, "ARCH_2"},        {42, "ARCH_3"},
};

TEST(FrameFlagsTest, EveryBitHasItsName) {
  std::string names[64];
  for (int bit = 0; bit < 64; ++bit) names[bit] = "bit" + std::to_string(bit);
  for (const Expected& expected : kExpected) names[expected.bit] = expected.name;
  for (int bit = 0; bit < 64; ++bit) {
    EXPECT_EQ(FrameFlagNames(uint64_t{1} << bit, kNew), names[bit]);
    const char* name = FrameFlagName(bit, kNew);
    EXPECT_EQ(name == nullptr ? "bit" + std::to_string(bit) : name, names[bit]);
  }
}

TEST(FrameFlagsTest, NoOtherFlagsThanThese) {
  // Two bits have two names each.
  EXPECT_EQ(FrameFlags().size(), std::size(kExpected) + 2);
  for (size_t i = 1; i < FrameFlags().size(); ++i) {
    EXPECT_LE(FrameFlags()[i - 1].bit, FrameFlags()[i].bit);
  }
}

TEST(FrameFlagsTest, RenamedBitsHaveTheNameOfTheirRelease) {
  EXPECT_STREQ(FrameFlagName(23, {5, 1}), "BALLOON");
  EXPECT_STREQ(FrameFlagName(23, {5, 2}), "OFFLINE");
  EXPECT_STREQ(FrameFlagName(34, {6, 14}), "MAPPEDTODISK");
  EXPECT_STREQ(FrameFlagName(34, {6, 15}), "OWNER_2");
  EXPECT_STREQ(FrameFlagName(23, {3, 10}), "BALLOON");
}

TEST(FrameFlagsTest, OldReleasesKeepTheNamesOfBackportedFlags) {
  EXPECT_STREQ(FrameFlagName(26, {4, 14}), "PGTABLE");
  EXPECT_STREQ(FrameFlagName(0, {}), "LOCKED");
}

TEST(FrameFlagsTest, NamesAreListedFromTheLowestBit) {
  EXPECT_EQ(FrameFlagNames(0, kNew), "");
  EXPECT_EQ(FrameFlagNames(uint64_t{1} << 43 | 0x28, kNew), "UPTODATE,LRU,bit43");
}

// Bit 34 has another meaning on anonymous frames.
TEST(FrameFlagsTest, AnonExclusive) {
  constexpr uint64_t kBit = uint64_t{1} << 34;
  EXPECT_EQ(FrameFlagNames(kFrameAnon | kBit, kNew), "ANON,ANON_EXCLUSIVE");
  EXPECT_EQ(FrameFlagNames(kBit, kNew, kFrameAnon), "ANON_EXCLUSIVE");
  EXPECT_EQ(FrameFlagNames(kFrameLru | kBit, kNew), "LRU,OWNER_2");
  EXPECT_EQ(FrameFlagNames(kFrameAnon | kBit, {6, 1}), "ANON,ANON_EXCLUSIVE");
  EXPECT_EQ(FrameFlagNames(kFrameLru | kBit, {6, 1}), "LRU,MAPPEDTODISK");
  EXPECT_EQ(FrameFlagNames(kFrameAnon | kBit, {5, 15}), "ANON,MAPPEDTODISK");
  EXPECT_EQ(FindFrameFlag("ANON_EXCLUSIVE"), kBit);
  EXPECT_EQ(FlagsOfOthers(kFrameAnon | kFrameLru), kBit);
  EXPECT_EQ(FlagsOfOthers(kFrameLru | kBit), 0u);
}

TEST(FrameFlagsTest, ConstantsAreTheirBits) {
  EXPECT_EQ(FrameFlagNames(kFrameBuddy, kNew), "BUDDY");
  EXPECT_EQ(FrameFlagNames(kFrameHuge, kNew), "HUGE");
  EXPECT_EQ(FrameFlagNames(kFrameNoPage, kNew), "NOPAGE");
  EXPECT_EQ(FrameFlagNames(kFrameThp, kNew), "THP");
  EXPECT_EQ(FrameFlagNames(kFrameZeroPage, kNew), "ZERO_PAGE");
}

TEST(FrameFlagsTest, FlagsAreFoundByEveryNameTheyHad) {
  EXPECT_EQ(FindFrameFlag("DIRTY"), kFrameDirty);
  EXPECT_EQ(FindFrameFlag("BALLOON"), uint64_t{1} << 23);
  EXPECT_EQ(FindFrameFlag("OFFLINE"), uint64_t{1} << 23);
  EXPECT_EQ(FindFrameFlag("dirty"), std::nullopt);
}

TEST(FrameFlagsTest, ExclusiveIsMapCountOneOnlyOfMappedPagesOfTheirOwn) {
  constexpr uint64_t kAnonymousPage = 0x5828;  // UPTODATE,LRU,MMAP,ANON,SWAPBACKED
  EXPECT_TRUE(ExclusiveIsMapCountOne(kAnonymousPage));
  EXPECT_TRUE(ExclusiveIsMapCountOne(kAnonymousPage | kFrameKsm));
  EXPECT_FALSE(ExclusiveIsMapCountOne(kAnonymousPage & ~kFrameMmap));
  EXPECT_FALSE(ExclusiveIsMapCountOne(0));
  for (uint64_t flag : {kFrameCompoundHead, kFrameCompoundTail, kFrameHuge, kFrameThp, kFrameBuddy,
                        kFrameNoPage, kFrameZeroPage, uint64_t{1} << 7, uint64_t{1} << 26}) {
    EXPECT_FALSE(ExclusiveIsMapCountOne(kAnonymousPage | flag)) << flag;
  }
}

}  // namespace
}  // namespace pagesnap
