// What parents, children and smaps say of pages.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "lib/kernel/frame_flags.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/comparison_rules.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kPage = 4096;
constexpr uint64_t kAnon = 0x5828;   // UPTODATE,LRU,MMAP,ANON,SWAPBACKED
constexpr uint64_t kShmem = 0x4828;  // the same without ANON
constexpr uint64_t kFile = 0x828;

// Two machines, captured one after the other.
class PageComparisonTest : public testing::Test {
 protected:
  PageComparisonTest() {
    for (MachineTree* machine : {&before_, &after_}) {
      machine->AddFrames(0x100, 0x20, kAnon, 1, 1);
      machine->AddFrames(0x120, 0x20, kAnon, 2, 1);
      machine->AddFrames(0x140, 0x20, kShmem, 1, 1);
      machine->AddFrames(0x160, 0x20, kFile, 2, 1);
      machine->SetSwaps({"/swap file 2097152 8 -2"});
    }
  }
  static TreeProcess Process(int32_t pid, int32_t ppid, const std::vector<uint64_t>& pages,
                             uint64_t start_ticks = 5000) {
    TreeProcess process{.pid = pid, .ppid = ppid, .start_time_ticks = start_ticks};
    process.mappings = {{.start = 0x10000, .pages = pages, .page_count = 8}};
    return process;
  }
  static TreeProcess Shared(const std::vector<uint64_t>& pages, uint64_t swap_kib) {
    TreeProcess process{.pid = 100};
    process.mappings = {{.start = 0x10000, .pages = pages, .page_count = 8, .perms = "rw-s"}};
    process.mappings[0].path = "/memfd:a (deleted)";
    process.mappings[0].figures = {{"Swap", swap_kib}};
    return process;
  }
  Session& session() {
    if (!session_) {
      before_file_ = std::make_unique<CapturedSnapshot>(before_.reader());
      after_file_ = std::make_unique<CapturedSnapshot>(after_.reader());
      session_ = std::make_unique<Session>(
          std::vector<std::string>{before_file_->path(), after_file_->path()});
    }
    return *session_;
  }
  std::vector<std::string> Rows(const std::string& sql) {
    return QueryRows(session().database(), sql);
  }
  // Returns "PID CHANGE PAGES", and checks what holds of any comparison.
  std::vector<std::string> Changes() {
    const RunQuery query = [&](const std::string& sql) { return Rows(sql); };
    EXPECT_THAT(BrokenComparisonRules(query, "same"), IsEmpty());
    return Rows(
        "SELECT p.pid || ' ' || change || ' ' || SUM(page_count) FROM page_change(1, 2) "
        "JOIN process p ON p.id = COALESCE(after_process_id, before_process_id) "
        "GROUP BY p.pid, change ORDER BY 1");
  }
  std::string Diff() {
    session();
    return RunReport({"diff", before_file_->path(), after_file_->path(), "--format", "csv"}).out;
  }

  MachineTree before_;
  MachineTree after_;
  std::unique_ptr<CapturedSnapshot> before_file_;
  std::unique_ptr<CapturedSnapshot> after_file_;
  std::unique_ptr<Session> session_;
};

// Before the fork the parent's frames were its own.
TEST_F(PageComparisonTest, WhatTheParentWroteIsCopiedAndTheChildInherits) {
  before_.AddProcess(Process(100, 1, {Present(0x120), Present(0x121), Present(0x122), 0}));
  after_.AddProcess(
      Process(100, 1, {Present(0x120), Present(0x101), Present(0x122), Present(0x103)}));
  after_.AddProcess(
      Process(200, 100, {Present(0x120), Present(0x121), Present(0x102), Present(0x104)}, 6000));
  // The child has two frames of the parent, one that the parent no longer has; and two of its own.
  EXPECT_THAT(Changes(), ElementsAre("100 copied_on_write 1", "100 faulted_in 1", "100 unchanged 2",
                                     "200 faulted_in 2", "200 inherited 2"));
}

TEST_F(PageComparisonTest, FramesOfItsOwnThatTheChildHasAreCopied) {
  before_.AddProcess(Process(100, 1, {Present(0x100), Present(0x101)}));
  after_.AddProcess(Process(100, 1, {Present(0x102), Present(0x103)}));
  after_.AddProcess(Process(200, 100, {Present(0x100)}, 6000));
  EXPECT_THAT(Changes(), ElementsAre("100 copied_on_write 1", "100 migrated 1", "200 inherited 1"));
  EXPECT_THAT(Diff(), AllOf(HasSubstr("pages,inherited from the parent,,,,\"1 page (4.0 KiB), "),
                            HasSubstr("pages,copied on write,,,,\"1 page (4.0 KiB), ")));
}

// At another address, or in a process that is no child, the frame came by another way.
TEST_F(PageComparisonTest, OnlyAForkCopies) {
  before_.AddProcess(Process(100, 1, {Present(0x100), Present(0x101)}));
  after_.AddProcess(Process(100, 1, {Present(0x102), Present(0x103)}));
  after_.AddProcess(Process(200, 100, {0, Present(0x100)}, 6000));
  after_.AddProcess(Process(300, 1, {Present(0x100)}, 6000));
  after_.AddProcess(Process(400, 100, {Present(0x100)}, 4000));  // older than its parent
  EXPECT_THAT(Changes(), ElementsAre("100 migrated 2", "200 faulted_in 1", "300 faulted_in 1",
                                     "400 faulted_in 1"));
}

TEST_F(PageComparisonTest, FramesOfFilesAreNotInherited) {
  before_.AddProcess(Process(100, 1, {Present(0x160, PageWord::kFile)}));
  after_.AddProcess(Process(100, 1, {Present(0x160, PageWord::kFile)}));
  after_.AddProcess(Process(200, 100, {Present(0x160, PageWord::kFile)}, 6000));
  EXPECT_THAT(Changes(), ElementsAre("100 unchanged 1", "200 faulted_in 1"));
}

TEST_F(PageComparisonTest, SwapSlotsAreInherited) {
  before_.AddProcess(Process(100, 1, {Swapped(0, 7)}));
  after_.AddProcess(Process(100, 1, {0}));
  after_.AddProcess(Process(200, 100, {Swapped(0, 7), Swapped(0, 8)}, 6000));
  EXPECT_THAT(Changes(), ElementsAre("100 dropped 1", "200 faulted_in 1", "200 inherited 1"));
}

TEST_F(PageComparisonTest, WhatAChildLeavesItsParentHas) {
  before_.AddProcess(Process(100, 1, {Present(0x120)}));
  before_.AddProcess(Process(200, 100, {Present(0x120), Present(0x101)}, 6000));
  after_.AddProcess(Process(100, 1, {Present(0x120)}));
  EXPECT_THAT(Changes(), ElementsAre("100 unchanged 1", "200 dropped 1", "200 left_to_parent 1"));
}

TEST_F(PageComparisonTest, SharedMemoryMayBeInSwap) {
  const std::vector<uint64_t> pages = PresentRun(0x140, 4, PageWord::kFile);
  before_.AddProcess(Shared(pages, 0));
  after_.AddProcess(Shared({pages[0], 0, 0, pages[3]}, 8));
  EXPECT_THAT(Changes(), ElementsAre("100 maybe_swapped_out 2", "100 unchanged 2"));
  EXPECT_THAT(Diff(),
              HasSubstr("pages,dropped or swapped out,,,,\"2 pages (8.0 KiB), "
                        "/memfd:a (deleted) rw-s of server 100; smaps has 8 KiB of it in swap\""));
}

TEST_F(PageComparisonTest, SharedMemoryThatIsAbsentAllInSwap) {
  const std::vector<uint64_t> pages = PresentRun(0x140, 8, PageWord::kFile);
  before_.AddProcess(Shared(pages, 0));
  after_.AddProcess(Shared({pages[0], 0, 0, pages[3]}, 24));
  EXPECT_THAT(Changes(), ElementsAre("100 swapped_out 6", "100 unchanged 2"));
}

TEST_F(PageComparisonTest, SharedMemoryThatIsNotInSwapWasDropped) {
  const std::vector<uint64_t> pages = PresentRun(0x140, 4, PageWord::kFile);
  before_.AddProcess(Shared(pages, 8));
  after_.AddProcess(Shared({pages[0], 0, 0, pages[3], Present(0x150, PageWord::kFile)}, 0));
  EXPECT_THAT(Changes(), ElementsAre("100 dropped 2", "100 maybe_swapped_in 1", "100 unchanged 2"));
}

// Smaller folios are named by size.
TEST_F(PageComparisonTest, FoliosBySize) {
  constexpr uint64_t kThp = kAnon | kFrameThp;
  after_.AddFrames(0x200, 1, kThp | kFrameCompoundHead, 1, 1);
  after_.AddFrames(0x201, 7, kThp | kFrameCompoundTail, 1, 1);
  before_.AddProcess(Process(100, 1, PresentRun(0x100, 8)));
  after_.AddProcess(Process(100, 1, PresentRun(0x200, 8)));
  EXPECT_THAT(Changes(), ElementsAre("100 resized 8"));
  EXPECT_THAT(Rows("SELECT before_folio_kib, after_folio_kib, page_count FROM page_change(1, 2)"),
              ElementsAre("4|32|8"));
  EXPECT_THAT(Diff(), HasSubstr("pages,now in folios of 32.0 KiB,,,,\"8 pages (32.0 KiB), "));
}

}  // namespace
}  // namespace pagesnap
