#include "lib/kernel/ram_kind.h"

#include <gtest/gtest.h>

#include <string>

namespace pagesnap {
namespace {

constexpr uint64_t kCache = kFrameUptodate | kFrameLru;

TEST(RamKindTest, OneFlagDecides) {
  EXPECT_EQ(RamKindOf(kFrameNoPage), RamKind::kHole);
  EXPECT_EQ(RamKindOf(kFramePoisoned | kCache), RamKind::kPoisoned);
  EXPECT_EQ(RamKindOf(kFrameOffline), RamKind::kOffline);
  EXPECT_EQ(RamKindOf(kFrameBuddy | kFrameUptodate), RamKind::kFree);
  EXPECT_EQ(RamKindOf(kFramePageTable | kFrameMmap), RamKind::kPageTable);
  EXPECT_EQ(RamKindOf(kFrameHuge | kFrameMmap | kFrameAnon), RamKind::kHugetlb);
  EXPECT_EQ(RamKindOf(kFrameZeroPage | kFrameReserved), RamKind::kZeroPage);
  EXPECT_EQ(RamKindOf(kFrameReserved), RamKind::kReserved);
}

// As 6.18 shows slabs: their words are read as those of an anonymous page.
TEST(RamKindTest, SlabIsNoMemoryOfProcesses) {
  EXPECT_EQ(RamKindOf(kFrameSlab | kFrameAnon | kFrameKsm), RamKind::kSlab);
}

TEST(RamKindTest, MemoryOfProcesses) {
  constexpr uint64_t kSwapBacked = kCache | kFrameSwapBacked;
  EXPECT_EQ(RamKindOf(kSwapBacked | kFrameAnon | kFrameMmap), RamKind::kAnonymous);
  EXPECT_EQ(RamKindOf(kSwapBacked), RamKind::kShmem);
  EXPECT_EQ(RamKindOf(kCache | kFrameMmap), RamKind::kFile);
  EXPECT_EQ(RamKindOf(kFrameDirty), RamKind::kFile);
  EXPECT_EQ(RamKindOf(kFrameMmap), RamKind::kDriver);
  EXPECT_EQ(RamKindOf(kSwapBacked | kFrameAnon | kFrameSwapCache), RamKind::kSwapCache);
  EXPECT_EQ(RamKindOf(kSwapBacked | kFrameAnon | kFrameSwapCache | kFrameMmap),
            RamKind::kAnonymous);
  EXPECT_EQ(RamKindOf(0), RamKind::kUnflagged);
  EXPECT_EQ(RamKindOf(kFrameCompoundHead), RamKind::kUnflagged);
}

TEST(RamKindTest, TailIsWhatItsHeadIs) {
  RamKinds kinds;
  EXPECT_EQ(kinds.Of(8, 1, kFrameSlab | kFrameCompoundHead), RamKind::kSlab);
  EXPECT_EQ(kinds.Of(9, 7, kFrameCompoundTail), RamKind::kSlab);
  EXPECT_EQ(kinds.Of(16, 1, kFrameCompoundHead), RamKind::kUnflagged);
  EXPECT_EQ(kinds.Of(17, 1, kFrameCompoundTail), RamKind::kUnflagged);
  EXPECT_EQ(kinds.Of(18, 1, kFrameCompoundTail | kFramePoisoned), RamKind::kPoisoned);
}

TEST(RamKindTest, TailWithoutItsHeadIsWhatItsFlagsSay) {
  RamKinds kinds;
  EXPECT_EQ(kinds.Of(8, 1, kFrameSlab | kFrameCompoundHead), RamKind::kSlab);
  EXPECT_EQ(kinds.Of(10, 1, kFrameCompoundTail), RamKind::kUnflagged);
  EXPECT_EQ(kinds.Of(11, 1, 0), RamKind::kUnflagged);
  EXPECT_EQ(kinds.Of(12, 1, kFrameCompoundTail | kCache), RamKind::kFile);
}

TEST(RamKindTest, EveryKindHasAName) {
  EXPECT_STREQ(RamKindName(RamKind::kUnread), "unread");
  EXPECT_STREQ(RamKindName(RamKind::kReserved), "reserved");
  EXPECT_STREQ(RamKindName(RamKind::kUnflagged), "unflagged");
}

}  // namespace
}  // namespace pagesnap
