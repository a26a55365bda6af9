#include "lib/kernel/map_count.h"

#include <gtest/gtest.h>

namespace pagesnap {
namespace {

constexpr uint64_t kSmall = kFrameAnon;
constexpr uint64_t kHead = kFrameThp | kFrameCompoundHead;
constexpr uint64_t kTail = kFrameThp | kFrameCompoundTail;
constexpr PageWord kShared(PageWord::kPresent);
constexpr PageWord kExclusive(PageWord::kPresent | PageWord::kMmapExclusive);

TEST(MapCountKindTest, ByNameOrRelease) {
  EXPECT_EQ(FindMapCountKind("page", {6, 18}), MapCountKind::kPage);
  EXPECT_EQ(FindMapCountKind("average", {6, 18}), MapCountKind::kAverage);
  EXPECT_EQ(FindMapCountKind(std::nullopt, {6, 14}), MapCountKind::kPage);
  EXPECT_EQ(FindMapCountKind(std::nullopt, {6, 15}), MapCountKind::kUnknown);
  EXPECT_EQ(FindMapCountKind(std::nullopt, {}), MapCountKind::kUnknown);
  EXPECT_EQ(FindMapCountKind("of another release", {7, 1}), MapCountKind::kUnknown);
  for (const auto kind : {MapCountKind::kPage, MapCountKind::kAverage}) {
    EXPECT_EQ(FindMapCountKind(MapCountKindName(kind), {6, 18}), kind);
  }
  EXPECT_EQ(MapCountKindName(MapCountKind::kUnknown), nullptr);
}

TEST(MapCountKindTest, OwnOrOfTheFolio) {
  for (const uint64_t flags : {kSmall, kHead, kTail, kFrameHuge | kFrameCompoundHead}) {
    EXPECT_TRUE(IsOwnMapCount(MapCountKind::kPage, flags));
    const bool is_own = flags != kHead && flags != kTail;
    EXPECT_EQ(IsOwnMapCount(MapCountKind::kAverage, flags), is_own);
    EXPECT_EQ(IsOwnMapCount(MapCountKind::kUnknown, flags), is_own);
  }
}

TEST(MapCountKindTest, PrivatePages) {
  EXPECT_TRUE(IsPrivatePage(MapCountKind::kPage, kShared, kHead, 1));
  EXPECT_FALSE(IsPrivatePage(MapCountKind::kPage, kExclusive, kHead, 2));
  EXPECT_FALSE(IsPrivatePage(MapCountKind::kAverage, kShared, kHead, 1));
  EXPECT_TRUE(IsPrivatePage(MapCountKind::kAverage, kExclusive, kTail, 2));
  EXPECT_TRUE(IsPrivatePage(MapCountKind::kAverage, kShared, kSmall, 1));
  EXPECT_FALSE(IsPrivatePage(MapCountKind::kAverage, kShared, kSmall, 2));
  EXPECT_TRUE(IsPrivatePage(MapCountKind::kUnknown, kShared, kHead, 1));
}

}  // namespace
}  // namespace pagesnap
