// mapping_usage and process_usage: against a plain computation, and what they say of what is
// missing.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "lib/kernel/frame_flags.h"
#include "tests/query/random_snapshot.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/faulty_reader.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What the rules in KERNEL terms amount to, page by page, from the words and the frames.
std::string PlainUsage(SnapshotReader& reader, const MappingInfo& mapping, bool has_gap) {
  const SnapshotInfo& snapshot = reader.snapshot(mapping.snapshot_id);
  if (has_gap || !snapshot.pfn_visible) return "NULL|NULL|NULL|NULL|NULL";
  uint64_t rss = 0, pss = 0, uss = 0, swap = 0, huge = 0;
  bool flags_known = true, counts_known = true;
  for (const ChunkInfo& chunk : reader.Chunks(mapping)) {
    for (const uint64_t raw : reader.Words(chunk.content_id)) {
      const PageWord word(raw);
      if (snapshot.decoder.State(word) == PageState::kSwapped) ++swap;
      if (!word.present() || mapping.pfn_map) continue;
      const FrameFacts* frame = reader.Frames(snapshot.id)->Find(word.pfn());
      if (frame == nullptr || frame->flags == kNotRead) {
        flags_known = false;
      } else if ((frame->flags & kFrameHuge) != 0) {
        ++huge;
      } else if ((frame->flags & (kFrameZeroPage | kFrameNoPage)) == 0) {
        ++rss;
        if (frame->map_count == kNotRead) {
          counts_known = false;
        } else {
          const bool is_large = (frame->flags & (kFrameCompoundHead | kFrameCompoundTail)) != 0;
          const bool by_bit = is_large && snapshot.map_counts == MapCountKind::kAverage;
          if (by_bit ? (raw & PageWord::kMmapExclusive) != 0 : frame->map_count < 2) ++uss;
          pss += (snapshot.page_size << 12) / std::max<uint64_t>(frame->map_count, 1);
        }
      }
    }
  }
  const auto kib = [&](uint64_t pages, bool known) {
    return known ? std::to_string(pages * snapshot.page_size / 1024) : "NULL";
  };
  const bool all_known = flags_known && counts_known;
  return kib(rss, flags_known) + "|" + (all_known ? std::to_string(pss >> 22) : "NULL") + "|" +
         kib(uss, all_known) + "|" + kib(swap, true) + "|" + kib(huge, flags_known);
}

class UsagePropertyTest : public testing::TestWithParam<uint64_t> {};

TEST_P(UsagePropertyTest, EqualsThePlainComputation) {
  TestFolder folder;
  WriteRandomSnapshots(folder.File("a"), GetParam());
  Session session(folder.File("a"));
  for (const int64_t process : session.reader().Processes({})) {
    for (const MappingInfo& mapping : session.reader().Mappings(process, {})) {
      const auto rows =
          QueryRows(session.database(),
                    fmt::format("SELECT rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib, "
                                "missing IS NOT NULL FROM mapping_usage WHERE mapping_id = {}",
                                mapping.id));
      const bool has_gap =
          QueryRows(session.database(), fmt::format("SELECT 1 FROM gap WHERE mapping_id = {}",
                                                    mapping.id)) == std::vector<std::string>{"1"};
      const std::string expected = PlainUsage(session.reader(), mapping, has_gap);
      const bool missing = expected.find("NULL") != std::string::npos;
      EXPECT_THAT(rows, ElementsAre(expected + (missing ? "|1" : "|0"))) << mapping.id;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, UsagePropertyTest, testing::Range(uint64_t{0}, uint64_t{30}));

class UsageTest : public testing::Test {
 protected:
  UsageTest() : faulty_(machine_.reader()) {}
  CapturedSnapshot& file() {
    if (!file_) file_ = std::make_unique<CapturedSnapshot>(faulty_);
    return *file_;
  }
  std::vector<std::string> Usage() {
    return file().Rows(
        "SELECT rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib, missing FROM mapping_usage");
  }
  MachineTree machine_;
  FaultyReader faulty_;
  std::unique_ptr<CapturedSnapshot> file_;
};

// 4096 * 4096 / 3 is rounded down for each page: three pages of three mappings make 3 KiB and
// not 4.
TEST_F(UsageTest, PssIsDividedPageByPage) {
  machine_.AddFrames(0x100, 3, 0x28, 3, 1);
  machine_.AddProcess({.mappings = {{.pages = PresentRun(0x100, 3)}}});
  EXPECT_THAT(Usage(), ElementsAre("12|3|0|0|0|NULL"));
}

TEST_F(UsageTest, WhatIsNotRss) {
  machine_.AddFrames(0x100, 1, kFrameZeroPage, 0, 0);
  machine_.AddFrames(0x101, 1, kFrameZeroPage | kFrameThp, 0, 0);
  machine_.AddFrames(0x102, 1, kFrameNoPage, 0, 0);
  machine_.AddFrames(0x103, 1, kFrameHuge | 0x28, 2, 0);
  machine_.AddProcess({.mappings = {{.pages = PresentRun(0x100, 4)}}});
  EXPECT_THAT(Usage(), ElementsAre("0|0|0|0|4|NULL"));
}

TEST_F(UsageTest, MapCountZeroIsPrivate) {
  machine_.AddFrames(0x100, 1, 0x28, 0, 0);
  machine_.AddProcess({.mappings = {{.pages = PresentRun(0x100, 1)}}});
  EXPECT_THAT(Usage(), ElementsAre("4|4|4|0|0|NULL"));
}

TEST_F(UsageTest, DevicePagesAreNotAccounted) {
  machine_.AddFrames(0x100, 1, 0x28, 1, 0);
  machine_.AddProcess({.mappings = {{.pages = PresentRun(0x100, 1), .vm_flags = "rd io pf dd"}}});
  EXPECT_THAT(Usage(), ElementsAre("0|0|0|0|0|NULL"));
}

TEST_F(UsageTest, OnlySwapAreasAreSwap) {
  machine_.AddProcess(
      {.mappings = {{.pages = {Swapped(0, 1), Swapped(31, 2), Swapped(30, 3), kGuardPage}}}});
  EXPECT_THAT(Usage(), ElementsAre("0|0|0|4|0|NULL"));
  EXPECT_THAT(file().Rows("SELECT swapped_count, special_count FROM mapping_usage"),
              ElementsAre("1|3"));
}

TEST_F(UsageTest, WithoutMapCountsRssIsKnown) {
  FillSampleMachine(machine_);
  machine_.reader().Remove("proc/kpagecount");
  EXPECT_THAT(file().Rows("SELECT rss_kib, pss_kib, uss_kib, swap_kib, missing FROM mapping_usage "
                          "WHERE mapping_id IN (2, 3)"),
              ElementsAre("12|NULL|NULL|8|kpagecount was not read for all frames", "0|0|0|0|NULL"));
}

TEST_F(UsageTest, WithoutFlagsOnlySwapIsKnown) {
  FillSampleMachine(machine_);
  machine_.reader().Remove("proc/kpageflags");
  EXPECT_THAT(file().Rows("SELECT rss_kib, hugetlb_kib, swap_kib, missing FROM mapping_usage "
                          "WHERE mapping_id = 2"),
              ElementsAre("NULL|NULL|8|kpageflags was not read for all frames"));
}

TEST_F(UsageTest, HiddenPfns) {
  FillSampleMachine(machine_);
  machine_.HidePfns();
  EXPECT_THAT(file().Rows("SELECT rss_kib, swap_kib, missing FROM mapping_usage "
                          "WHERE mapping_id = 2"),
              ElementsAre("NULL|NULL|PFNs were hidden from capture"));
}

constexpr char kProcessUsage[] =
    "SELECT pid, virtual_kib, rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib, kernel_rss_kib, "
    "kernel_pss_kib, kernel_uss_kib, kernel_swap_kib, kernel_hugetlb_kib FROM process_usage "
    "WHERE pid >= 100 ORDER BY pid";

TEST_F(UsageTest, ProcessesAreSumsOfTheirMappings) {
  FillSampleMachine(machine_);
  EXPECT_THAT(file().Rows(kProcessUsage),
              ElementsAre("100|68|24|18|12|8|8|24|18|12|8|8", "101|28|28|22|16|0|0|28|22|16|0|0",
                          "300|0|0|0|0|0|0|0|0|0|0|0"));
}

TEST_F(UsageTest, AnUnreadMappingMakesTheSumUnknown) {
  FillSampleMachine(machine_);
  faulty_.FailWords("proc/100/pagemap", 0x500, 1, EIO);
  EXPECT_THAT(file().Rows(kProcessUsage),
              ElementsAre("100|68|NULL|NULL|NULL|NULL|NULL|24|18|12|8|8",
                          "101|28|28|22|16|0|0|28|22|16|0|0", "300|0|0|0|0|0|0|0|0|0|0|0"));
}

TEST_F(UsageTest, UnreadMappingsAreNoZero) {
  FillSampleMachine(machine_);
  faulty_.Fail("proc/100/smaps", EACCES);
  EXPECT_THAT(file().Rows(kProcessUsage),
              ElementsAre("100|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL",
                          "101|28|28|22|16|0|0|28|22|16|0|0", "300|0|0|0|0|0|0|0|0|0|0|0"));
}

TEST_F(UsageTest, WithoutSmapsTheKernelsFiguresAreNoZero) {
  FillSampleMachine(machine_);
  machine_.reader().Remove("proc/101/smaps");
  EXPECT_THAT(file().Rows(kProcessUsage),
              testing::Contains("101|28|28|22|16|0|0|NULL|NULL|NULL|NULL|NULL"));
}

}  // namespace
}  // namespace pagesnap
