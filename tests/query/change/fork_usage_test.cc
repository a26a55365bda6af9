// What forked processes share with their parents, and which of them copied a page.
#include <gmock/gmock.h>

#include "lib/kernel/frame_flags.h"
#include "lib/query/change/fork_copy.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kLeft = kFrameUptodate | kFrameLru | kFrameMmap | kFrameAnon | kFrameSwapBacked;
constexpr uint64_t kWritten = kLeft | kFrameAnonExclusive;
constexpr uint64_t kOfFile = kFrameUptodate | kFrameLru | kFrameMmap;

TEST(ForkCopyTest, FlagsTellWhoWrote) {
  auto copier = [](uint64_t child, uint64_t parent, KernelRelease release = {6, 1}) {
    return CopierOf({child, 1, 0}, {parent, 1, 0}, release);
  };
  EXPECT_EQ(copier(kWritten, kLeft), ForkFate::kChildCopied);
  EXPECT_EQ(copier(kLeft, kWritten), ForkFate::kParentCopied);
  EXPECT_EQ(copier(kWritten, kWritten), ForkFate::kDiffers);  // both wrote
  EXPECT_EQ(copier(kLeft, kLeft), ForkFate::kDiffers);        // both forked again
  EXPECT_EQ(copier(kWritten, kLeft, {5, 18}), ForkFate::kDiffers);
  EXPECT_EQ(copier(kNotRead, kLeft), ForkFate::kDiffers);
  EXPECT_EQ(copier(kWritten, kNotRead), ForkFate::kDiffers);
  // A copy is a frame by itself, whatever the flags of the folio are that the other one is of.
  EXPECT_EQ(copier(kWritten, kWritten | kFrameCompoundTail), ForkFate::kChildCopied);
  EXPECT_EQ(copier(kLeft | kFrameCompoundHead, kWritten), ForkFate::kParentCopied);
  EXPECT_EQ(copier(kWritten | kFrameCompoundTail, kLeft | kFrameCompoundTail), ForkFate::kDiffers);
}

class ForkUsageTest : public testing::Test {
 protected:
  ForkUsageTest() { machine_.SetSwaps({"/swap file 2097152 8 -2"}); }

  // A process with these pages, beside a page that nobody wrote since all were forked.
  void Add(int32_t pid, int32_t ppid, std::vector<uint64_t> pages, uint64_t stack = 0x7ffc00000000,
           const std::string& exe = "/usr/bin/server") {
    TreeProcess process{.pid = pid, .ppid = ppid, .start_time_ticks = 5000, .exe = exe};
    TreeMapping vdso{.start = stack + 0x100000, .page_count = 2, .path = "[vdso]"};
    // It grows downwards.
    TreeMapping stack_area{.start = stack - static_cast<uint64_t>(pid) * 0x1000,
                           .page_count = static_cast<uint64_t>(pid) + 1,
                           .path = "[stack]"};
    process.mappings = {{.start = 0x200000, .pages = {Present(0x900)}},
                        {.start = 0x300000, .pages = std::move(pages)},
                        stack_area,
                        vdso};
    machine_.AddProcess(process);
  }
  // The rows of a process that are not about the page that nobody wrote: shared, file,
  // child_copied, parent_copied, differs, child_only, parent_only.
  std::vector<std::string> Rows(int32_t pid, const std::string& sql = "SELECT 1") {
    machine_.AddFrames(0x900, 1, kLeft, 9, 7);
    CapturedSnapshot file(machine_.reader());
    ChangeFile(file.path(), sql);
    return file.Rows(
        "SELECT shared_count, file_count, child_copied_count, parent_copied_count, differs_count, "
        "child_only_count, parent_only_count FROM fork_usage u JOIN process p "
        "ON p.id = u.process_id JOIN mapping m ON m.id = u.mapping_id WHERE m.first_page = 768 "
        "AND p.pid = " +
        std::to_string(pid));
  }
  MachineTree machine_;
};

TEST_F(ForkUsageTest, EachPageIsOfOneKind) {
  machine_.AddFrames(0x100, 1, kLeft, 2, 7);
  machine_.AddFrames(0x101, 1, kLeft, 1, 7);
  machine_.AddFrames(0x102, 1, kWritten, 1, 7);
  machine_.AddFrames(0x103, 1, kOfFile, 2, 7);
  machine_.AddFrames(0x104, 1, uint64_t{1} << 24, 0, 7);  // ZERO_PAGE
  const uint64_t file = Present(0x103, PageWord::kFile);
  const uint64_t zero = Present(0x104);
  Add(100, 1,
      {Present(0x100), Present(0x101), Present(0x102), file, file, Present(0x102), 0,
       Present(0x102), 0, zero, Swapped(0, 5), Swapped(0, 6), kGuardPage});
  Add(101, 100,
      {Present(0x100), Present(0x102), Present(0x101), file, Present(0x102), file, Present(0x102),
       0, 0, zero, Swapped(0, 5), Present(0x102), kGuardPage});
  // In the order of the pages: shared, child copied, parent copied, file, child copied a page of a
  // file, the parent did, child only, parent only, nothing, nothing, shared, differs, nothing.
  EXPECT_THAT(Rows(101), ElementsAre("2|1|2|2|1|1|1"));
  EXPECT_THAT(Rows(100), IsEmpty());
}

// Before 5.19 the flags do not tell, but others that were forked do.
TEST_F(ForkUsageTest, RelativesTellWhoCopied) {
  machine_.SetRelease("5.15.0");
  machine_.AddFrames(0x100, 16, kLeft, 2, 7);
  const auto page = [](uint64_t pfn) { return std::vector<uint64_t>{Present(pfn)}; };
  Add(100, 1, page(0x100));
  Add(101, 100, page(0x101));
  EXPECT_THAT(Rows(101), ElementsAre("0|0|0|0|1|0|0"));
  // A sibling has the child's frame: the parent copied it.
  Add(102, 100, page(0x101));
  EXPECT_THAT(Rows(101), ElementsAre("0|0|0|1|0|0|0"));
  EXPECT_THAT(Rows(102), ElementsAre("0|0|0|1|0|0|0"));
  // One that is older has the parent's. Of a younger one that says nothing: the parent may have
  // copied the page before it forked that.
  Add(102, 100, page(0x100));
  EXPECT_THAT(Rows(101), ElementsAre("0|0|0|0|1|0|0"));
  Add(101, 100, page(0x100));
  Add(102, 100, page(0x102));
  EXPECT_THAT(Rows(102), ElementsAre("0|0|1|0|0|0|0"));
  // A child of the child has what the parent has; and what the child has.
  Add(102, 101, page(0x100));
  Add(101, 100, page(0x101));
  EXPECT_THAT(Rows(101), ElementsAre("0|0|1|0|0|0|0"));
  Add(102, 101, page(0x101));
  EXPECT_THAT(Rows(101), ElementsAre("0|0|0|0|1|0|0"));
  // The grandparent has what the parent has; and what the child has.
  Add(101, 100, page(0x100));
  Add(102, 101, page(0x102));
  EXPECT_THAT(Rows(102), ElementsAre("0|0|1|0|0|0|0"));
  Add(101, 100, page(0x101));
  Add(102, 101, page(0x100));
  EXPECT_THAT(Rows(102), ElementsAre("0|0|0|1|0|0|0"));
}

TEST_F(ForkUsageTest, WhoExecutedAProgramIsNone) {
  machine_.AddFrames(0x100, 1, kLeft, 2, 7);
  Add(100, 1, {Present(0x100)});
  Add(101, 100, {Present(0x100)});
  EXPECT_THAT(Rows(101), ElementsAre("1|0|0|0|0|0|0"));
  Add(101, 100, {Present(0x100)}, 0x7ffd00000000);  // its stack is elsewhere
  EXPECT_THAT(Rows(101), IsEmpty());
  Add(101, 100, {Present(0x100)}, 0x7ffc00000000, "/usr/bin/other");
  EXPECT_THAT(Rows(101), IsEmpty());
  Add(101, 99, {Present(0x100)});  // its parent was not captured
  EXPECT_THAT(Rows(101), IsEmpty());
  Add(101, 100, {Present(0x100)});
  EXPECT_THAT(Rows(101, "UPDATE process SET start_time_ticks = 9 WHERE pid = 101"), IsEmpty());
  EXPECT_THAT(Rows(101, "UPDATE process SET ended = 1 WHERE pid = 101"), IsEmpty());
}

TEST_F(ForkUsageTest, AnotherRunWithoutRandomisationSharesNothing) {
  machine_.AddFrames(0x100, 2, kWritten, 1, 7);
  Add(100, 1, {Present(0x100)});
  Add(101, 100, {Present(0x101)});
  constexpr char kNoSharedPage[] =
      "DELETE FROM page_chunk WHERE mapping_id IN "
      "(SELECT id FROM mapping WHERE first_page = 512)";
  EXPECT_THAT(Rows(101), ElementsAre("0|0|0|0|1|0|0"));
  EXPECT_THAT(Rows(101, kNoSharedPage), IsEmpty());
}

TEST_F(ForkUsageTest, WhatWasNotReadIsUnknown) {
  machine_.AddFrames(0x100, 1, kLeft, 2, 7);
  Add(100, 1, {Present(0x100)});
  Add(101, 100, {Present(0x100)});
  const std::string gap =
      "WITH one AS (SELECT id, process_id, first_page FROM mapping UNION ALL "
      "SELECT c.first_mapping_id + m.id - c.source_mapping_id, c.process_id, m.first_page "
      "FROM mapping_copy c JOIN mapping m ON m.id BETWEEN c.source_mapping_id AND "
      "c.source_mapping_id + c.row_count - 1) "
      "INSERT INTO gap (snapshot_id, process_id, mapping_id, source, first, count, reason) "
      "SELECT 1, p.id, m.id, 'pagemap', 0, 1, 'x' FROM process p JOIN one m "
      "ON m.process_id = p.id WHERE m.first_page = 768 AND p.pid = ";
  EXPECT_THAT(Rows(101, gap + "101"), ElementsAre("NULL|NULL|NULL|NULL|NULL|NULL|NULL"));
  EXPECT_THAT(Rows(101, gap + "100"), ElementsAre("NULL|NULL|NULL|NULL|NULL|NULL|NULL"));
  machine_.HidePfns();
  Add(100, 1, {Present(0)});
  Add(101, 100, {Present(0)});
  EXPECT_THAT(Rows(101), IsEmpty());
}

}  // namespace
}  // namespace pagesnap
