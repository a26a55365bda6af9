#include "lib/kernel/page_word.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace pagesnap {
namespace {

constexpr KernelRelease kNew = {6, 18};
constexpr SwapTypeConfig kNothing = {};
constexpr SwapTypeConfig kEverything = {
    .device_private = true, .memory_failure = true, .migration = true};

PageState StateOfType(const PageWordDecoder& decoder, unsigned type) {
  return decoder.State(PageWord(PageWord::kSwap | uint64_t{1234} << 5 | type));
}

// Returns the states of types 0 to 31 as one letter each: w swapped, ? special, D device,
// M migration, P poisoned, K marker.
std::string TypeLetters(KernelRelease release, std::optional<SwapTypeConfig> config) {
  const PageWordDecoder decoder(release, config, true);
  std::string letters;
  for (unsigned type = 0; type < 32; ++type) {
    switch (StateOfType(decoder, type)) {
      case PageState::kSwapped:
        letters += 'w';
        break;
      case PageState::kSpecial:
        letters += '?';
        break;
      case PageState::kDevice:
        letters += 'D';
        break;
      case PageState::kMigration:
        letters += 'M';
        break;
      case PageState::kPoisoned:
        letters += 'P';
        break;
      case PageState::kMarker:
        letters += 'K';
        break;
      default:
        letters += '!';
    }
  }
  return letters;
}

TEST(PageWordTest, EveryBitHasItsName) {
  std::string names[64];
  for (int bit = 55; bit < 64; ++bit) names[bit] = "bit" + std::to_string(bit);
  names[55] = "soft_dirty";
  names[56] = "mmap_exclusive";
  names[57] = "uffd_wp";
  names[58] = "guard_region";
  names[61] = "file";
  names[62] = "swap";
  names[63] = "present";
  const PageWordDecoder decoder(kNew, kEverything, true);
  for (int bit = 0; bit < 64; ++bit) {
    EXPECT_EQ(decoder.BitNames(PageWord(uint64_t{1} << bit)), names[bit]) << bit;
  }
  EXPECT_EQ(decoder.BitNames(PageWord(0x8980000000001234)),
            "soft_dirty,mmap_exclusive,bit59,present");
}

TEST(PageWordTest, BitsKnowTheirReleases) {
  struct Expected {
    int bit;
    KernelRelease since;
  };
  constexpr Expected kExpected[] = {{55, {3, 11}}, {56, {4, 2}}, {57, {5, 13}}, {58, {6, 15}},
                                    {61, {3, 5}},  {62, {2, 6}}, {63, {2, 6}}};
  ASSERT_EQ(PageWordBits().size(), std::size(kExpected));
  for (size_t i = 0; i < std::size(kExpected); ++i) {
    EXPECT_EQ(PageWordBits()[i].bit, kExpected[i].bit);
    EXPECT_EQ(PageWordBits()[i].since, kExpected[i].since) << kExpected[i].bit;
  }
}

TEST(PageWordTest, ConstantsAreTheirBits) {
  EXPECT_EQ(PageWord::kFieldMask, 0x007fffffffffffffu);
  EXPECT_EQ(PageWord::kSoftDirty, uint64_t{1} << 55);
  EXPECT_EQ(PageWord::kMmapExclusive, uint64_t{1} << 56);
  EXPECT_EQ(PageWord::kUffdWp, uint64_t{1} << 57);
  EXPECT_EQ(PageWord::kGuardRegion, uint64_t{1} << 58);
  EXPECT_EQ(PageWord::kFile, uint64_t{1} << 61);
  EXPECT_EQ(PageWord::kSwap, uint64_t{1} << 62);
  EXPECT_EQ(PageWord::kPresent, uint64_t{1} << 63);
}

TEST(PageWordTest, FieldsAreCutOut) {
  const PageWord present(0xff80000000000000 | 0x1234567);
  EXPECT_TRUE(present.present());
  EXPECT_FALSE(present.swap_format());
  EXPECT_TRUE(present.populated());
  EXPECT_EQ(present.pfn(), 0x1234567u);
  const PageWord swapped(0x4080000000000000 | 0x5555 << 5 | 3);
  EXPECT_FALSE(swapped.present());
  EXPECT_TRUE(swapped.swap_format());
  EXPECT_EQ(swapped.swap_type(), 3u);
  EXPECT_EQ(swapped.swap_offset(), 0x5555u);
  EXPECT_EQ(PageWord(PageWord::kSwap | PageWord::kFieldMask).swap_offset(),
            (uint64_t{1} << 50) - 1);
  EXPECT_FALSE(PageWord(0x3f80000000000000).populated());
}

TEST(PageWordTest, PageShiftBefore311) {
  const PageWordDecoder old({3, 10}, std::nullopt, true);
  EXPECT_EQ(old.BitNames(PageWord(0x8600000000001234)), "page_shift_12,present");
  EXPECT_EQ(old.BitNames(PageWord(0x0600000000000000)), "page_shift_12");
  EXPECT_EQ(old.BitNames(PageWord(0xa600000000001234)), "page_shift_12,file,present");
  EXPECT_EQ(old.BitNames(PageWord(0x8000000000001234)), "present");
  const PageWordDecoder since({3, 11}, std::nullopt, true);
  EXPECT_EQ(since.BitNames(PageWord(0x8080000000001234)), "soft_dirty,present");
}

TEST(PageWordTest, StatesHaveDistinctNames) {
  std::set<std::string> names;
  for (int i = 0; i < kPageStateCount; ++i) names.insert(PageStateName(static_cast<PageState>(i)));
  EXPECT_EQ(names, (std::set<std::string>{"absent", "present", "swapped", "swap_entry", "guard",
                                          "marker", "migration", "poisoned", "device", "special"}));
  EXPECT_STREQ(PageStateName(PageState::kAbsent), "absent");
  EXPECT_STREQ(PageStateName(PageState::kSwapEntry), "swap_entry");
  EXPECT_STREQ(PageStateName(PageState::kSpecial), "special");
}

TEST(PageWordTest, PresentAndAbsent) {
  const PageWordDecoder decoder(kNew, kEverything, true);
  EXPECT_EQ(decoder.State(PageWord(0)), PageState::kAbsent);
  EXPECT_EQ(decoder.State(PageWord(PageWord::kSoftDirty)), PageState::kAbsent);
  EXPECT_EQ(decoder.State(PageWord(PageWord::kPresent)), PageState::kPresent);
  EXPECT_EQ(decoder.State(PageWord(PageWord::kPresent | PageWord::kSwap)), PageState::kPresent);
}

TEST(PageWordTest, GuardRegion) {
  const PageWord guard(0x440000000000009f);
  EXPECT_EQ(guard.swap_type(), 31u);
  EXPECT_EQ(PageWordDecoder(kNew, kEverything, true).State(guard), PageState::kGuard);
  EXPECT_EQ(PageWordDecoder(kNew, std::nullopt, true).State(guard), PageState::kGuard);
  // The bit is visible to readers who see no types.
  EXPECT_EQ(PageWordDecoder(kNew, std::nullopt, false).State(PageWord(0x4400000000000000)),
            PageState::kGuard);
  // Guard regions came in 6.13, their bit in 6.15.
  EXPECT_EQ(PageWordDecoder({6, 14}, kEverything, true).State(guard), PageState::kMarker);
}

TEST(PageWordTest, SwapTypesOfKnownConfigurations) {
  EXPECT_EQ(TypeLetters(kNew, kEverything), std::string(24, 'w') + "PMMMDDDK");
  EXPECT_EQ(TypeLetters({6, 14}, kEverything), std::string(23, 'w') + "PMMMDDDDK");
  EXPECT_EQ(TypeLetters({6, 3}, kEverything), std::string(23, 'w') + "PMMMDDDDK");
  EXPECT_EQ(TypeLetters(kNew, kNothing), std::string(31, 'w') + "K");
  EXPECT_EQ(TypeLetters(kNew, SwapTypeConfig{.device_private = true}),
            std::string(28, 'w') + "DDDK");
  EXPECT_EQ(TypeLetters(kNew, SwapTypeConfig{.memory_failure = true}), std::string(30, 'w') + "PK");
  EXPECT_EQ(TypeLetters(kNew, SwapTypeConfig{.migration = true}), std::string(28, 'w') + "MMMK");
  EXPECT_EQ(TypeLetters(kNew, SwapTypeConfig{.memory_failure = true, .migration = true}),
            std::string(27, 'w') + "PMMMK");
}

TEST(PageWordTest, SwapTypesOfUnknownConfigurations) {
  EXPECT_EQ(TypeLetters(kNew, std::nullopt), std::string(22, 'w') + "?????????K");
  // Before 6.3 the marker was not alone at the top.
  EXPECT_EQ(TypeLetters({6, 2}, std::nullopt), std::string(22, 'w') + "??????????");
  EXPECT_EQ(TypeLetters({6, 2}, kEverything), std::string(22, 'w') + "??????????");
  EXPECT_EQ(TypeLetters({3, 10}, std::nullopt), std::string(22, 'w') + "??????????");
}

TEST(PageWordTest, WhatMayBeSwapCountsAsSwap) {
  PageCounts counts;
  for (int i = 0; i < kPageStateCount; ++i) counts.Add(static_cast<PageState>(i));
  EXPECT_EQ(counts.present, 1);
  EXPECT_EQ(counts.swapped, 2);  // swapped, swap_entry
  EXPECT_EQ(counts.special, 6);
  EXPECT_EQ(counts.populated(), static_cast<uint64_t>(kPageStateCount) - 1);
}

TEST(PageWordTest, HiddenPfnsHideSwapTypes) {
  const PageWordDecoder decoder(kNew, kEverything, false);
  EXPECT_FALSE(decoder.pfn_visible());
  EXPECT_EQ(decoder.State(PageWord(PageWord::kSwap)), PageState::kSwapEntry);
  EXPECT_EQ(decoder.State(PageWord(PageWord::kPresent)), PageState::kPresent);
  EXPECT_EQ(decoder.State(PageWord(0)), PageState::kAbsent);
}

}  // namespace
}  // namespace pagesnap
