// mapping_span against the pages it counts, and the kinds of pages in mapping_usage.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "lib/kernel/frame_flags.h"
#include "tests/query/random_snapshot.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/faulty_reader.h"
#include "tests/support/machine_tree.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kAnon = uint64_t{1} << 12;
constexpr uint64_t kSwapBacked = uint64_t{1} << 14;
constexpr uint64_t kHead = uint64_t{1} << 15;
constexpr uint64_t kTail = uint64_t{1} << 16;

class SpanPropertyTest : public testing::TestWithParam<uint64_t> {};

// Rows follow each other without a hole and together are the mapping; what they count is what
// `page` has there, and what mapping_usage has in all.
TEST_P(SpanPropertyTest, EqualsThePages) {
  TestFolder folder;
  WriteRandomSnapshots(folder.File("a"), GetParam());
  Session session(folder.File("a"));
  for (const uint64_t pages : {1, 3, 16, 1000, 4096, 100000}) {
    const std::string spans = fmt::format("mapping_span({})", pages);
    EXPECT_THAT(
        QueryRows(session.database(),
                  "SELECT m.id, m.page_count, SUM(s.page_count) FROM mapping m LEFT JOIN " + spans +
                      " s ON s.mapping_id = m.id GROUP BY m.id "
                      "HAVING SUM(s.page_count) IS NOT m.page_count OR MIN(s.page) <> m.first_page "
                      "OR MAX(s.page + s.page_count) <> m.first_page + m.page_count"),
        IsEmpty());
    EXPECT_THAT(QueryRows(session.database(),
                          "SELECT * FROM (SELECT page, page_count, LEAD(page) OVER "
                          "(PARTITION BY mapping_id ORDER BY page) AS next FROM " +
                              spans + ") WHERE page + page_count <> next"),
                IsEmpty());
    EXPECT_THAT(
        QueryRows(
            session.database(),
            "SELECT s.mapping_id, s.page FROM " + spans +
                " s LEFT JOIN page p ON p.mapping_id = s.mapping_id AND p.page >= s.page AND "
                "p.page < s.page + s.page_count GROUP BY s.mapping_id, s.page HAVING "
                "s.present_count <> COUNT(*) FILTER (WHERE state = 'present') OR "
                "s.swapped_count <> COUNT(*) FILTER (WHERE state IN ('swapped', 'swap_entry')) OR "
                "s.present_count + s.swapped_count + s.special_count <> COUNT(p.page)"),
        IsEmpty());
    // Without the columns that need frames: from the chunks where they lie in one span.
    EXPECT_THAT(QueryRows(session.database(),
                          "SELECT u.mapping_id FROM mapping_usage u JOIN " + spans +
                              " s ON s.mapping_id = u.mapping_id GROUP BY u.mapping_id HAVING "
                              "SUM(s.present_count) <> u.present_count OR SUM(s.swapped_count) <> "
                              "u.swapped_count OR SUM(s.special_count) <> u.special_count OR "
                              "SUM(s.unread_count) <> u.gap_count"),
                IsEmpty());
    EXPECT_THAT(
        QueryRows(session.database(),
                  "SELECT u.mapping_id FROM mapping_usage u JOIN mapping m ON m.id = u.mapping_id "
                  "JOIN process p ON p.id = m.process_id JOIN snapshot n ON n.id = p.snapshot_id "
                  "JOIN " +
                      spans +
                      " s ON s.mapping_id = u.mapping_id WHERE u.missing IS NULL "
                      "GROUP BY u.mapping_id HAVING "
                      "SUM(s.anonymous_count) * n.page_size / 1024 <> u.anonymous_kib OR "
                      "SUM(s.file_count) * n.page_size / 1024 <> u.file_kib OR "
                      "SUM(s.shmem_count) * n.page_size / 1024 <> u.shmem_kib OR "
                      "SUM(s.huge_count) * n.page_size / 1024 <> u.thp_kib + u.hugetlb_kib OR "
                      "u.anonymous_kib + u.file_kib + u.shmem_kib <> u.rss_kib"),
        IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SpanPropertyTest, testing::Range(uint64_t{0}, uint64_t{8}));

class SpanTest : public testing::Test {
 protected:
  CapturedSnapshot& file() {
    if (!file_) file_ = std::make_unique<CapturedSnapshot>(faulty_);
    return *file_;
  }
  std::vector<std::string> Kinds() {
    return file().Rows(
        "SELECT rss_kib, anonymous_kib, file_kib, shmem_kib, thp_kib, torn_count, gap_count "
        "FROM mapping_usage");
  }
  MachineTree machine_;
  FaultyReader faulty_{machine_.reader()};
  std::unique_ptr<CapturedSnapshot> file_;
};

TEST_F(SpanTest, SpansOfTheHeap) {
  FillSampleMachine(machine_);
  // 10 pages: two present, two swapped, absent, guard, present, three absent.
  EXPECT_THAT(file().Rows("SELECT page, page_count, present_count, swapped_count, special_count, "
                          "absent_count, anonymous_count, shared_count FROM mapping_span(2) "
                          "WHERE mapping_id = 2"),
              ElementsAre("1280|2|2|0|0|0|2|0", "1282|2|0|2|0|0|0|0", "1284|2|0|0|1|1|0|0",
                          "1286|2|1|0|0|1|1|0", "1288|2|0|0|0|2|0|0"));
  EXPECT_THAT(file().Rows("SELECT present_count, file_count, shared_count, huge_count "
                          "FROM mapping_span(100) WHERE mapping_id IN (1, 3)"),
              ElementsAre("3|3|3|0", "2|0|0|2"));
}

TEST_F(SpanTest, TerabytesOfNothingAreOneRow) {
  machine_.AddFrames(0x100, 1, 0x28, 1, 0);
  std::vector<uint64_t> pages(20000, 0);
  pages[10000] = Present(0x100);
  machine_.AddProcess({.mappings = {{.pages = pages, .page_count = uint64_t{1} << 20}}});
  EXPECT_THAT(file().Rows("SELECT page - 16, page_count, present_count FROM mapping_span(16)"),
              ElementsAre("0|10000|0", "10000|16|1", "10016|1038560|0"));
}

TEST_F(SpanTest, WhatWasNotReadIsNotAbsent) {
  machine_.AddProcess({.mappings = {{.start = 0x10000, .page_count = 64}}});
  faulty_.FailWords("proc/100/pagemap", 0x20, 1, EIO);
  const auto rows = file().Rows(
      "SELECT SUM(unread_count) > 0, SUM(unread_count + absent_count), SUM(page_count), "
      "(SELECT gap_count FROM mapping_usage) = SUM(unread_count) FROM mapping_span(8)");
  EXPECT_THAT(rows, ElementsAre("1|64|64|1"));
}

TEST_F(SpanTest, ASpanNeedsAPage) {
  machine_.AddProcess({.mappings = {{.page_count = 1}}});
  for (const char* pages : {"0", "-1", "NULL", "'x'"}) {
    EXPECT_THAT(ErrorOf([&] { file().Rows(fmt::format("SELECT * FROM mapping_span({})", pages)); }),
                testing::HasSubstr("a span has 1 page or more"))
        << pages;
  }
}

TEST_F(SpanTest, HiddenPfnsHideTheKinds) {
  FillSampleMachine(machine_);
  machine_.HidePfns();
  EXPECT_THAT(file().Rows("SELECT present_count, anonymous_count, huge_count "
                          "FROM mapping_span(100) WHERE mapping_id = 1"),
              ElementsAre("3|NULL|NULL"));
}

TEST_F(SpanTest, KindsAsTheKernelCountsThem) {
  machine_.AddFrames(0x100, 1, 0x28 | kAnon | kSwapBacked, 1, 0);
  machine_.AddFrames(0x101, 1, 0x28 | kAnon, 1, 0);  // MADV_FREE
  machine_.AddFrames(0x102, 1, 0x28 | kSwapBacked, 1, 0);
  machine_.AddFrames(0x103, 1, 0x28, 1, 0);
  machine_.AddFrames(0x104, 1, kFrameZeroPage, 0, 0);
  machine_.AddFrames(0x105, 1, 0x28, 0, 0);  // nothing maps it: its word tells
  machine_.AddProcess({.mappings = {{.pages = PresentRun(0x100, 6)}}});
  EXPECT_THAT(Kinds(), ElementsAre("20|12|4|4|0|1|0"));
}

TEST_F(SpanTest, HugePagesAreWholeAndAligned) {
  const uint64_t flags = 0x28 | kAnon | kSwapBacked | kFrameThp;
  machine_.AddFrames(0x400, 1, flags | kHead, 1, 0);
  machine_.AddFrames(0x401, 511, flags | kTail, 1, 0);
  // Two folios of half the size, and one of which a page is missing.
  for (const uint64_t head : {0x600, 0x700}) {
    machine_.AddFrames(head, 1, flags | kHead, 1, 0);
    machine_.AddFrames(head + 1, 255, flags | kTail, 1, 0);
  }
  machine_.AddFrames(0x800, 1, flags | kHead, 1, 0);
  machine_.AddFrames(0x801, 510, flags | kTail, 1, 0);
  machine_.AddProcess({.mappings = {{.pages = PresentRun(0x400, 3 * 512 - 1)}}});
  EXPECT_THAT(Kinds(), ElementsAre("6140|6140|0|0|2048|0|0"));
}

// Frames 0x100 on are of both processes, 0x200 on of 100, 0x300 on of 101; 0x55 is a zero page.
TEST_F(SpanTest, BlocksHaveOwners) {
  FillSampleMachine(machine_);
  static constexpr char kBlocks[] =
      "SELECT b.pfn, frame_count, shared_count, p.pid, owned_count, node, zone "
      "FROM frame_block({}) b LEFT JOIN process p ON p.id = b.process_id";
  EXPECT_THAT(file().Rows(fmt::format(kBlocks, 256)),
              ElementsAre("0|1|0|NULL|0|0|DMA", "256|3|3|NULL|0|0|DMA", "512|3|0|100|3|0|DMA",
                          "768|4|0|101|4|0|DMA", "1024|2|0|100|2|0|DMA"));
  EXPECT_THAT(file().Rows(fmt::format(kBlocks, 1 << 20)), ElementsAre("0|13|3|100|5|0|DMA"));
  EXPECT_THAT(file().Rows("SELECT o.value, p.pid FROM frame_block(1 << 20) b, json_each(owners) o "
                          "JOIN process p ON p.id = o.key ORDER BY p.pid"),
              ElementsAre("5|100", "4|101"));
  EXPECT_THAT(file().Rows("SELECT owners FROM frame_block(1)").front(), "{}");
  EXPECT_THAT(ErrorOf([&] { file().Rows(fmt::format(kBlocks, 0)); }),
              testing::HasSubstr("a block has 1 frame or more"));
}

// Before 6.10 a tail does not have SWAPBACKED, whatever its folio is.
TEST_F(SpanTest, TailsOfOldKernelsAreWhatTheirHeadIs) {
  machine_.SetRelease("6.1.0");
  machine_.AddFrames(0x110, 1, 0x28 | kSwapBacked | kHead, 1, 0);
  machine_.AddFrames(0x111, 15, 0x28 | kTail, 1, 0);
  machine_.AddFrames(0x120, 1, 0x28 | kHead, 1, 0);
  machine_.AddFrames(0x121, 15, 0x28 | kTail, 1, 0);
  std::vector<uint64_t> pages = PresentRun(0x110, 32);
  pages.push_back(Present(0x118));
  machine_.AddProcess({.mappings = {{.pages = pages}}});
  EXPECT_THAT(Kinds(), ElementsAre("132|0|64|68|0|0|0"));
}

}  // namespace
}  // namespace pagesnap
