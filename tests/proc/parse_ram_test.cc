#include "lib/proc/parse_ram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ParseRamTest, IomemHasTheWholeFramesOfSystemRam) {
  EXPECT_THAT(ParseIomemRam("00000000-00000fff : Reserved\n"
                            "00001000-0009fbff : System RAM\n"
                            "000f0000-000fffff : System ROM\n"
                            "00100800-bfffffff : System RAM\n"
                            "  01000000-02209987 : Kernel code\n"
                            "100000000-13fffffff : Persistent Memory\n"
                            "  100000000-10fffffff : System RAM (kmem)\n",
                            4096),
              ElementsAre(RamRange{1, 158}, RamRange{0x101, 0xbfeff}, RamRange{0x100000, 0x10000}));
}

TEST(ParseRamTest, IomemWithoutAddressesHasNoRam) {
  EXPECT_THAT(ParseIomemRam("00000000-00000000 : System RAM\n00000000-00000000 : Reserved\n", 4096),
              IsEmpty());
}

TEST(ParseRamTest, IomemQuotesWhatItCannotRead) {
  for (const char* line :
       {"zz-ff : System RAM", "0001000 : System RAM", "- : System RAM", " : System RAM"}) {
    EXPECT_THROW(ParseIomemRam(line, 4096), Error) << line;
  }
}

TEST(ParseRamTest, RangesAreJoined) {
  EXPECT_THAT(JoinedRanges({{20, 5}, {0, 10}, {10, 2}, {21, 2}, {30, 0}, {uint64_t{1} << 60, 5}}),
              ElementsAre(RamRange{0, 12}, RamRange{20, 5}));
  constexpr uint64_t kLast = (uint64_t{1} << 55) - 1;
  EXPECT_THAT(JoinedRanges({{kLast, ~uint64_t{0}}}), ElementsAre(RamRange{kLast, 1}));
}

TEST(ParseRamTest, Buddyinfo) {
  const auto areas = ParseBuddyinfo(
      "Node 0, zone      DMA      0      1 \nNode 1, zone   Normal     55     48      3 \n");
  ASSERT_EQ(areas.size(), 5);
  EXPECT_EQ(areas[1].zone, "DMA");
  EXPECT_EQ(areas[1].block_order, 1);
  EXPECT_EQ(areas[1].block_count, 1);
  EXPECT_EQ(areas[4].node, 1);
  EXPECT_EQ(areas[4].zone, "Normal");
  EXPECT_EQ(areas[4].block_order, 2);
  EXPECT_EQ(areas[4].block_count, 3);
}

TEST(ParseRamTest, BuddyinfoQuotesWhatItCannotRead) {
  std::string long_line = "Node 0, zone DMA";
  for (int i = 0; i < 40; ++i) long_line += " 1";
  for (const std::string& line :
       {std::string("Node 0 zone DMA 1"), std::string("Node 0, zone DMA x"), long_line}) {
    EXPECT_THROW(ParseBuddyinfo(line), Error) << line;
  }
}

TEST(ParseRamTest, PerCpuFrames) {
  EXPECT_EQ(ParsePerCpuFrames("Node 0, zone DMA\n  pages free 3\n  pagesets\n    cpu: 0\n"
                              "              count: 35\n              high: 100\n    cpu: 1\n"
                              "              count: 7\n"),
            42);
  EXPECT_EQ(ParsePerCpuFrames(""), 0);
  EXPECT_THROW(ParsePerCpuFrames("  count: many\n"), Error);
}

}  // namespace
}  // namespace pagesnap
