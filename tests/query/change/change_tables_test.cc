// page_change and change_usage over captured fake machines.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "lib/kernel/frame_flags.h"
#include "tests/query/change/change_tables_testing.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The mapping shrank without a split: what is left has other neighbours.
TEST_F(ChangeTablesTest, PartOfAHugePageIsNone) {
  AddFrames(0x200, 1, kAnonFlags | kFrameThp | kFrameCompoundHead);
  AddFrames(0x201, 511, kAnonFlags | kFrameThp | kFrameCompoundTail);
  AddBoth(PresentRun(0x200, 512), PresentRun(0x200, 256));
  EXPECT_THAT(Rows("SELECT SUM(unchanged_count), SUM(before_thp_kib), SUM(after_thp_kib) "
                   "FROM change_usage(1, 2)"),
              ElementsAre("256|2048|0"));
  EXPECT_THAT(Rows("SELECT thp_kib FROM mapping_usage"), ElementsAre("2048", "0"));
}

TEST_F(ChangeTablesTest, LargeContentsThatDidNotChangeAreNotDecoded) {
  AddFrames(0x100, 200);
  AddFrames(0x200, 199);
  before_.AddFrames(0x2c7, 1, kAnonFlags, 1, 1);
  after_.AddFrames(0x2c7, 1, kAnonFlags, 2, 1);  // somebody else maps it now
  const std::vector<std::vector<uint64_t>> mappings = {PresentRun(0x100, 200),
                                                       PresentRun(0x200, 200)};
  for (MachineTree* machine : {&before_, &after_}) {
    machine->AddProcess(
        {.mappings = {{.pages = mappings[0]}, {.start = 0x100000, .pages = mappings[1]}}});
  }
  session();
  session_.reset();
  for (const auto& file : {before_file_->path(), after_file_->path()}) {
    for (const int id : {1, 2}) FlipBit(file, "page_content", "words", id);
  }
  session_ = std::make_unique<Session>(
      std::vector<std::string>{before_file_->path(), after_file_->path()});
  // The damaged blobs are alike: whoever looks into them finds out.
  EXPECT_THAT(Rows("SELECT unchanged_count, unread_count, before_rss_kib, after_uss_kib "
                   "FROM change_usage(1, 2)"),
              ElementsAre("200|0|800|800", "0|200|NULL|NULL"));
  EXPECT_THAT(Rows("SELECT unchanged_count, unread_count FROM change_usage(1, 2)"),
              ElementsAre("200|0", "0|200"));
  EXPECT_THAT(Rows("SELECT unchanged_count, unread_count FROM change_usage(1, 2, 'auto', 1)"),
              ElementsAre("0|200", "0|200"));
  EXPECT_THAT(Changes("before_page, change", "WHERE change <> 'unchanged'"),
              ElementsAre("256|unread"));
}

// What is known of frames says nothing of which they are.
TEST_F(ChangeTablesTest, OtherFramesOfWhichTheSameIsKnown) {
  AddFrames(0x100, 200);
  AddFrames(0x300, 200);
  AddBoth(PresentRun(0x100, 200), PresentRun(0x300, 200));
  EXPECT_THAT(Rows("SELECT unchanged_count, migrated_count FROM change_usage(1, 2)"),
              ElementsAre("0|200"));
  EXPECT_THAT(Rows("SELECT COUNT(DISTINCT facts_hash) FROM content_usage"), ElementsAre("1"));
}

// content_usage has them of both contents: of each its own.
TEST_F(ChangeTablesTest, FiguresOfChangedContents) {
  AddFrames(0x100, 200);
  std::vector<uint64_t> after = PresentRun(0x100, 200);
  after[7] = Swapped(0, 5);
  AddBoth(PresentRun(0x100, 200), after);
  EXPECT_THAT(Rows("SELECT unchanged_count, before_rss_kib, after_rss_kib, before_uss_kib, "
                   "after_uss_kib, before_swap_kib, after_swap_kib FROM change_usage(1, 2)"),
              ElementsAre("199|800|796|800|796|0|4"));
  EXPECT_THAT(Rows("SELECT COUNT(*) FROM content_usage"), ElementsAre("2"));
}

// Nobody knows what is in a gap, whatever the file has beside it.
TEST_F(ChangeTablesTest, LargeContentInAGap) {
  AddFrames(0x100, 200);
  AddBoth(PresentRun(0x100, 200), PresentRun(0x100, 200));
  session();
  session_.reset();
  ChangeFile(before_file_->path(),
             "INSERT INTO gap (snapshot_id, process_id, mapping_id, source, first, count, reason) "
             "VALUES (1, 1, 1, 'pagemap', 0, 200, 'lost')");
  session_ = std::make_unique<Session>(
      std::vector<std::string>{before_file_->path(), after_file_->path()});
  EXPECT_THAT(Rows("SELECT unchanged_count, unread_count FROM change_usage(1, 2)"),
              ElementsAre("0|200"));
}

TEST_F(ChangeTablesTest, RunsOfOneClass) {
  AddFrames(0x100, 32);
  AddBoth({Present(0x100), Present(0x105), 0, 0, Present(0x110), Swapped(0, 7), Present(0x111), 0},
          {Present(0x100), Present(0x105), 0, Present(0x10a), Present(0x112), Present(0x113),
           Swapped(0, 9), 0});
  EXPECT_THAT(
      Changes("before_mapping_id, before_page, after_mapping_id, after_page, page_count, change, "
              "before_state, before_pfn, before_swap_type, before_swap_offset, "
              "after_state, after_pfn, after_swap_type, after_swap_offset"),
      ElementsAre("1|16|2|16|2|unchanged|present|256|NULL|NULL|present|256|NULL|NULL",
                  "1|19|2|19|1|faulted_in|absent|NULL|NULL|NULL|present|266|NULL|NULL",
                  "1|20|2|20|1|migrated|present|272|NULL|NULL|present|274|NULL|NULL",
                  "1|21|2|21|1|swapped_in|swapped|NULL|0|7|present|275|NULL|NULL",
                  "1|22|2|22|1|swapped_out|present|273|NULL|NULL|swapped|NULL|0|9"));
}

TEST_F(ChangeTablesTest, CountsAndFigures) {
  AddFrames(0x100, 32);
  AddFrames(0x120, 2, kAnonFlags | kFrameThp, 3);  // of a large folio, but no whole huge page
  AddBoth({Present(0x100), Present(0x105), 0, 0, Present(0x110), Swapped(0, 7), 0, kGuardPage},
          {Present(0x100), 0, Present(0x120), 0, Present(0x112), Present(0x113), 0, kGuardPage});
  EXPECT_THAT(
      Rows("SELECT page_count, unchanged_count, dropped_count, faulted_in_count, migrated_count, "
           "swapped_in_count, absent_count FROM change_usage(1, 2)"),
      ElementsAre("8|2|1|1|1|1|2"));
  EXPECT_THAT(Rows("SELECT before_present_count, before_swapped_count, before_special_count, "
                   "before_absent_count, before_rss_kib, before_pss, before_uss_kib, "
                   "before_swap_kib, before_hugetlb_kib, before_thp_kib, before_missing "
                   "FROM change_usage(1, 2)"),
              ElementsAre(fmt::format("3|1|1|3|12|{}|12|4|0|0|NULL", uint64_t{3} << 24)));
  EXPECT_THAT(Rows("SELECT after_present_count, after_swapped_count, after_special_count, "
                   "after_absent_count, after_rss_kib, after_pss, after_uss_kib, after_swap_kib, "
                   "after_hugetlb_kib, after_thp_kib, after_missing FROM change_usage(1, 2)"),
              ElementsAre(fmt::format("4|0|1|3|16|{}|12|0|0|0|NULL", (3 << 24) + (1 << 24) / 3)));
}

TEST_F(ChangeTablesTest, FlagsAreNamed) {
  AddFrames(0x100, 1);
  before_.AddFrames(0x101, 1, kAnonFlags | uint64_t{1} << 33, 1, 1);
  after_.AddFrames(0x101, 1, kAnonFlags | uint64_t{1} << 18 | 1 << 6, 1, 1);
  AddBoth({Present(0x100), Present(0x101)}, {Present(0x100, PageWord::kUffdWp), Present(0x101)});
  EXPECT_THAT(Changes("change, flags_set, flags_cleared"),
              ElementsAre("flags_changed|uffd_wp|", "flags_changed|UNEVICTABLE|MLOCKED"));
  EXPECT_THAT(Rows("SELECT flags_set FROM page_change(1, 2, 'same', 1)"),
              ElementsAre("uffd_wp", "ACTIVE,UNEVICTABLE"));
}

TEST_F(ChangeTablesTest, OtherCgroup) {
  AddFrames(0x100, 1, kAnonFlags, 1, 4242);
  before_.AddFrames(0x101, 2, kAnonFlags, 1, 4242);
  after_.AddFrames(0x101, 2, kAnonFlags, 1, 4343);
  AddBoth(PresentRun(0x100, 3), PresentRun(0x100, 3));
  EXPECT_THAT(Changes("before_page, page_count, change, before_cgroup_inode, after_cgroup_inode"),
              ElementsAre("16|1|unchanged|NULL|NULL", "17|2|recharged|4242|4343"));
}

// The frames are all the same, but one side has no flags for them.
TEST_F(ChangeTablesTest, MissingFlagsAreNoUnchangedPages) {
  AddFrames(0x100, 4);
  AddBoth(PresentRun(0x100, 4), PresentRun(0x100, 4));
  after_reader_.Fail("proc/kpageflags", EACCES);
  EXPECT_THAT(Changes("change, page_count"), ElementsAre("incomparable|4"));
  EXPECT_THAT(WhatIsUnknown(),
              ElementsAre("copied_on_write merged migrated collapsed split recharged "));
  EXPECT_THAT(Rows("SELECT unchanged_count, incomparable_count, before_rss_kib, after_rss_kib, "
                   "after_missing FROM change_usage(1, 2)"),
              ElementsAre("0|4|16|NULL|kpageflags was not read for all frames"));
}

// A kernel without CONFIG_MEMCG has no such file.
TEST_F(ChangeTablesTest, MissingCgroupsAreNoZero) {
  AddFrames(0x100, 4);
  AddBoth(PresentRun(0x100, 4), PresentRun(0x100, 4));
  before_reader_.Fail("proc/kpagecgroup", ENOENT);
  EXPECT_THAT(Changes("change, page_count"), ElementsAre("unchanged|4"));
  EXPECT_THAT(WhatIsUnknown(), ElementsAre("recharged "));
}

TEST_F(ChangeTablesTest, HiddenPfns) {
  AddFrames(0x100, 4);
  AddBoth({Present(0x100), Present(0x101), 0}, {Present(0x100), 0, Present(0x102)});
  after_.HidePfns();
  EXPECT_THAT(Changes("change, before_pfn, after_pfn, after_state"),
              ElementsAre("incomparable|256|NULL|present", "dropped|257|NULL|absent",
                          "faulted_in|NULL|NULL|present"));
  EXPECT_THAT(Rows("SELECT before_rss_kib, after_present_count, after_rss_kib, after_missing "
                   "FROM change_usage(1, 2)"),
              ElementsAre("8|2|NULL|PFNs were hidden from capture"));
  EXPECT_THAT(WhatIsUnknown(), ElementsAre("slot_moved copied_on_write merged migrated collapsed "
                                           "split recharged flags_changed "));
}

TEST_F(ChangeTablesTest, LargeContentOfAnotherBoot) {
  AddFrames(0x100, 200);
  AddBoth(PresentRun(0x100, 200), PresentRun(0x100, 200));
  after_.reader().AddText("proc/sys/kernel/random/boot_id",
                          "11111111-2222-3333-4444-555555555555\n");
  EXPECT_THAT(Rows("SELECT unchanged_count, incomparable_count FROM change_usage(1, 2)"),
              ElementsAre("0|200"));
}

TEST_F(ChangeTablesTest, AnotherBoot) {
  AddFrames(0x100, 4);
  AddBoth({Present(0x100), Present(0x101)}, {Present(0x100), Swapped(0, 1)});
  after_.reader().AddText("proc/sys/kernel/random/boot_id",
                          "99999999-4455-6677-8899-aabbccddeeff\n");
  EXPECT_THAT(Rows("SELECT change FROM page_change(1, 2)"),
              ElementsAre("incomparable", "swapped_out"));
  EXPECT_THAT(WhatIsUnknown(), ElementsAre("slot_moved copied_on_write merged migrated recharged "
                                           "flags_changed "));
}

TEST_F(ChangeTablesTest, AnotherRun) {
  AddFrames(0x100, 4);
  AddBoth({Present(0x100), Present(0x101)}, {Present(0x100), Present(0x102)});
  EXPECT_THAT(WhatIsUnknown(), ElementsAre(""));
  EXPECT_THAT(WhatIsUnknown("rerun"), ElementsAre("slot_moved copied_on_write merged migrated "));
}

TEST_F(ChangeTablesTest, PagesThatCouldNotBeRead) {
  AddFrames(0x100, 8);
  AddBoth(PresentRun(0x100, 8), PresentRun(0x100, 8));
  after_reader_.FailWords("proc/100/pagemap", 18, 2, EIO);
  EXPECT_THAT(Changes("before_page, page_count, change, before_state"),
              ElementsAre("16|8|unread|NULL"));
  EXPECT_THAT(Rows("SELECT unchanged_count, unread_count, before_rss_kib, after_rss_kib, "
                   "after_missing FROM change_usage(1, 2)"),
              ElementsAre("0|8|32|NULL|pagemap: Input/output error"));
}

TEST_F(ChangeTablesTest, AProcessThatWasNotReadAtAll) {
  AddFrames(0x100, 8);
  AddBoth({Present(0x100), 0, 0}, {Present(0x100), 0, 0});
  before_reader_.Fail("proc/100/pagemap", EACCES);
  EXPECT_THAT(Changes("before_page, page_count, change"), ElementsAre("16|3|unread"));
  EXPECT_THAT(Rows("SELECT page_count, unread_count, absent_count FROM change_usage(1, 2)"),
              ElementsAre("3|3|0"));
}

TEST_F(ChangeTablesTest, MappingsWithoutCounterpart) {
  AddFrames(0x100, 8);
  before_.AddProcess({.mappings = {{.start = 0x10000, .pages = PresentRun(0x100, 2)}}});
  after_.AddProcess({.mappings = {{.start = 0x90000, .pages = PresentRun(0x104, 1)}}});
  EXPECT_THAT(Changes("change, before_mapping_id, before_page, after_mapping_id, after_page",
                      "ORDER BY change"),
              ElementsAre("dropped|1|16|NULL|NULL", "faulted_in|NULL|NULL|2|144"));
  EXPECT_THAT(Rows("SELECT before_rss_kib, after_rss_kib, before_absent_count, before_missing "
                   "FROM change_usage(1, 2) ORDER BY 1"),
              ElementsAre("0|4|0|NULL", "8|0|0|NULL"));
}

TEST_F(ChangeTablesTest, ConstraintsChooseRanges) {
  AddFrames(0x100, 8);
  for (MachineTree* machine : {&before_, &after_}) {
    machine->AddProcess({.mappings = {{.start = 0x10000, .pages = PresentRun(0x100, 2)},
                                      {.start = 0x20000, .pages = PresentRun(0x102, 2)}}});
    machine->AddProcess({.pid = 101, .mappings = {{.pages = PresentRun(0x104, 1)}}});
  }
  const std::string id = "before_mapping_id, after_mapping_id";
  EXPECT_THAT(Changes(id), ElementsAre("1|4", "2|5", "3|6"));
  EXPECT_THAT(Changes(id, "WHERE before_process_id = 2"), ElementsAre("3|6"));
  EXPECT_THAT(Changes(id, "WHERE after_process_id = 3"), ElementsAre("1|4", "2|5"));
  EXPECT_THAT(Changes(id, "WHERE after_mapping_id = 5"), ElementsAre("2|5"));
  EXPECT_THAT(Changes(id, "WHERE before_mapping_id = 7"), IsEmpty());
  EXPECT_THAT(Changes(id, "WHERE before_page >= 32"), ElementsAre("2|5"));
  EXPECT_THAT(Changes(id, "WHERE after_page < 32 AND after_process_id = 3"), ElementsAre("1|4"));
  EXPECT_THAT(Changes(id, "WHERE before_page = 'x'"), IsEmpty());
  EXPECT_THAT(Changes(id, "WHERE change = 'unchanged'"), ElementsAre("1|4", "2|5", "3|6"));
  EXPECT_THAT(Changes(id, "WHERE change <> 'dropped'"), ElementsAre("1|4", "2|5", "3|6"));
  EXPECT_THAT(Changes(id, "WHERE change <> 5"), ElementsAre("1|4", "2|5", "3|6"));
  EXPECT_THAT(Changes(id, "WHERE change <> 'unchanged'"), IsEmpty());
  EXPECT_THAT(Changes(id, "WHERE change IN ('migrated', 'unchanged') ORDER BY 1"),
              ElementsAre("1|4", "2|5", "3|6"));
  EXPECT_THAT(Rows("SELECT before_mapping_id FROM change_usage(1, 2) WHERE after_mapping_id = 5"),
              ElementsAre("2"));
}

TEST_F(ChangeTablesTest, Arguments) {
  AddFrames(0x100, 8);
  AddBoth(PresentRun(0x100, 2), PresentRun(0x100, 2));
  EXPECT_THAT(Rows("SELECT before_snapshot_id, after_snapshot_id, match, volatile "
                   "FROM page_change(2, 1)"),
              ElementsAre("2|1|auto|0"));
  EXPECT_THAT(Rows("SELECT match, volatile FROM change_usage(1, 2, 'rerun', 1)"),
              ElementsAre("rerun|1"));
  EXPECT_THAT(Rows("SELECT COUNT(*) FROM page_change WHERE after_snapshot_id = 2 "
                   "AND before_snapshot_id = 1"),
              ElementsAre("1"));
  // From another table, as a timeline has them.
  EXPECT_THAT(Rows("SELECT s.id, c.change FROM snapshot s, page_change(s.id, s.id) c"),
              ElementsAre("1|unchanged", "2|unchanged"));
  EXPECT_THAT(Rows("SELECT s.id, c.change FROM snapshot s JOIN page_change c "
                   "ON c.volatile = s.id AND c.before_snapshot_id = s.id "
                   "AND c.after_snapshot_id = 2 WHERE s.id = 1"),
              ElementsAre("1|unchanged"));
  EXPECT_THAT(Rows("SELECT 1 FROM page_change(1, NULL)"), IsEmpty());
  EXPECT_THAT(Rows("SELECT 1 FROM page_change(1, 2) WHERE before_snapshot_id = 2"), IsEmpty());
}

TEST_F(ChangeTablesTest, WrongArguments) {
  AddBoth({}, {});
  const auto error = [&](const std::string& sql) { return ErrorOf([&] { Rows(sql); }); };
  EXPECT_THAT(error("SELECT 1 FROM page_change(1, 3)"), HasSubstr("there is no snapshot 3"));
  EXPECT_THAT(error("SELECT 1 FROM page_change(1)"),
              HasSubstr("page_change needs the argument after_snapshot_id"));
  EXPECT_THAT(error("SELECT 1 FROM change_usage"),
              HasSubstr("change_usage needs the argument before_snapshot_id"));
  EXPECT_THAT(error("SELECT 1 FROM page_change('one', 2)"), HasSubstr("given as numbers"));
  EXPECT_THAT(error("SELECT 1 FROM page_change(1, 2, 'best')"),
              HasSubstr("match is 'auto', 'same' or 'rerun', and not 'best'"));
}

}  // namespace
}  // namespace pagesnap
