// ram_run, ram_group, ram_free_block and ram_block.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "lib/kernel/frame_flags.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/ram_machine.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RamTablesTest : public testing::Test {
 protected:
  RamTablesTest() { FillRamMachine(machine_); }
  std::vector<std::string> Rows(const std::string& sql) {
    if (!file_) file_ = std::make_unique<CapturedSnapshot>(machine_.reader(), AllFrames());
    return file_->Rows(sql);
  }
  MachineTree machine_;
  std::unique_ptr<CapturedSnapshot> file_;
};

TEST_F(RamTablesTest, RunsFollowEachOther) {
  EXPECT_THAT(Rows("SELECT first_pfn, frame_count, kind, map_count, cgroup_inode, node, zone "
                   "FROM ram_run WHERE first_pfn BETWEEN 4000 AND 6000"),
              ElementsAre("4096|1024|reserved|0|0|1|Normal", "5120|256|unflagged|0|0|1|Normal",
                          "5376|1|poisoned|0|0|1|Normal", "5377|255|unflagged|0|0|1|Normal",
                          "5632|16|offline|0|0|1|Normal", "5648|496|unflagged|0|0|1|Normal"));
  // None overlaps the one before, or is in no range.
  EXPECT_THAT(Rows("SELECT COUNT(*) FROM (SELECT first_pfn, LAG(first_pfn + frame_count, 1, 0) "
                   "OVER (ORDER BY first_pfn) AS before FROM ram_run) WHERE before > first_pfn"),
              ElementsAre("0"));
}

// SQLite trusts the table with what it pushed down.
TEST_F(RamTablesTest, RunsByFirstFrame) {
  const std::string all = "SELECT * FROM ram_run WHERE +first_pfn ";
  const std::string some = "SELECT * FROM ram_run WHERE first_pfn ";
  for (const char* condition : {"= 4096", "= 4097", "< 4096", "<= 4096", "> 65536", ">= 65536",
                                "< -1", "BETWEEN 200 AND 70000"}) {
    EXPECT_EQ(Rows(some + condition), Rows(all + condition)) << condition;
  }
}

TEST_F(RamTablesTest, KindsAndOwners) {
  EXPECT_THAT(
      Rows("SELECT kind, owner, is_huge, SUM(frame_count), SUM(kib) FROM ram_group "
           "WHERE kind <> 'unflagged' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"),
      ElementsAre(
          "anonymous|captured|0|7|28", "anonymous|others|0|16|64", "file|captured|0|3|12",
          "file|nobody|0|1024|4096", "file|nobody|1|512|2048", "free|nobody|0|249856|999424",
          "hugetlb|captured|0|2|8", "hugetlb|nobody|1|512|2048", "offline|nobody|0|16|64",
          "page_table|nobody|0|64|256", "poisoned|nobody|0|1|4", "reserved|nobody|0|1024|4096",
          "shmem|nobody|0|16|64", "slab|nobody|0|1024|4096", "zero_page|nobody|0|1|4"));
}

// A part of a run is captured.
TEST_F(RamTablesTest, OwnersWithinARun) {
  machine_.AddFrames(0x200, 0x10, 0x5828, 1, 4242);  // 0x200 to 0x202 are of process 100
  EXPECT_THAT(Rows("SELECT owner, SUM(frame_count) FROM ram_group WHERE kind = 'anonymous' AND "
                   "cgroup_inode = 4242 GROUP BY 1 ORDER BY 1"),
              ElementsAre("captured|3", "others|13"));
}

// ram_group is what ram_run says, added up.
TEST_F(RamTablesTest, GroupsAreRuns) {
  const std::string keys = "kind, flags, map_count, cgroup_inode, node, zone";
  EXPECT_EQ(Rows(fmt::format("SELECT {0}, SUM(frame_count) FROM ram_group GROUP BY {0}", keys)),
            Rows(fmt::format("SELECT {0}, SUM(frame_count) FROM ram_run GROUP BY {0}", keys)));
}

TEST_F(RamTablesTest, FreeBlocksAreThoseOfTheAllocator) {
  // Beside others, single frames at odd places, a block that is not aligned, and zones that touch.
  machine_.AddFrames(0x2101, 1, 0, 0, 0);
  machine_.AddFrames(0x1410, 0x18, kFrameBuddy, 0, 0);
  EXPECT_THAT(Rows("SELECT node, zone, block_order, block_count FROM ram_free_block "
                   "WHERE node = 1 ORDER BY block_order"),
              ElementsAre("1|Normal|0|1", "1|Normal|1|1", "1|Normal|2|1", "1|Normal|3|2",
                          "1|Normal|4|2", "1|Normal|5|1", "1|Normal|6|1", "1|Normal|7|1",
                          "1|Normal|8|1", "1|Normal|9|2", "1|Normal|10|240"));
  EXPECT_THAT(Rows("SELECT SUM(block_count << block_order) - (SELECT SUM(frame_count) FROM "
                   "ram_group WHERE kind = 'free') FROM ram_free_block"),
              ElementsAre("0"));
}

TEST_F(RamTablesTest, BlocksHaveAllFrames) {
  for (const char* frames : {"1", "7", "512", "262144", "9223372036854775807"}) {
    EXPECT_THAT(
        Rows(fmt::format("SELECT SUM(frame_count), SUM(free_count), SUM(anonymous_count), "
                         "SUM(file_count), SUM(slab_count), SUM(hugetlb_count) FROM ram_block({})",
                         frames)),
        ElementsAre("262046|249856|23|1539|1024|514"));
  }
  EXPECT_THAT(Rows("SELECT pfn, frame_count, free_count, slab_count, unflagged_count, kernel_count "
                   "FROM ram_block(512) WHERE pfn IN (0, 32768, 33280, 1024)"),
              ElementsAre("0|414|0|0|410|1", "1024|512|0|0|510|0", "32768|512|0|512|0|0",
                          "33280|512|0|512|0|0"));
  EXPECT_THAT(ErrorOf([&] { Rows("SELECT * FROM ram_block(0)"); }), HasSubstr("1 frame or more"));
}

// The last of two snapshots is asked for alone.
TEST_F(RamTablesTest, OneOfTwoSnapshots) {
  TestFolder folder;
  WriteSnapshotFile(folder.File("a"), [&](SnapshotWriter& writer) {
    Progress progress;
    Capture(AllProcesses(), machine_.reader(), writer, progress);
    Capture(AllFrames(), machine_.reader(), writer, progress);
  });
  Session session(folder.File("a"));
  for (const char* table : {"ram_run", "ram_group", "ram_free_block", "ram_block(512)"}) {
    EXPECT_THAT(QueryRows(session.database(),
                          fmt::format("SELECT COUNT(*) FROM {} WHERE snapshot_id = 1", table)),
                ElementsAre("0"));
    EXPECT_EQ(QueryRows(session.database(),
                        fmt::format("SELECT COUNT(*) > 0 FROM {} WHERE snapshot_id = 2", table)),
              QueryRows(session.database(), fmt::format("SELECT COUNT(*) > 0 FROM {}", table)));
  }
}

class DamagedRamTest : public RamTablesTest, public testing::WithParamInterface<const char*> {};

// What no capture writes is refused, and costs nothing.
TEST_P(DamagedRamTest, IsRefused) {
  CapturedSnapshot file(machine_.reader(), AllFrames());
  ChangeFile(file.path(), GetParam());
  for (const char* table : {"ram_run", "ram_group", "ram_free_block", "ram_block(512)"}) {
    EXPECT_THAT(ErrorOf([&] { file.Rows(fmt::format("SELECT COUNT(*) FROM {}", table)); }),
                testing::AnyOf(HasSubstr("is damaged"), HasSubstr("is not there")))
        << table;
  }
  EXPECT_THAT(file.Rows("SELECT table_name FROM blob_check WHERE problem IS NOT NULL"),
              ElementsAre("ram_chunk"));
}

INSTANTIATE_TEST_SUITE_P(
    All, DamagedRamTest,
    testing::Values("UPDATE ram_chunk SET frame_count = frame_count + 1",
                    "UPDATE ram_chunk SET first_pfn = -65536 WHERE first_pfn = 0",
                    "UPDATE ram_chunk SET first_pfn = 1 WHERE first_pfn = 0",
                    "UPDATE ram_chunk SET frame_content_id = 999",
                    "DELETE FROM ram_chunk WHERE first_pfn = 65536", "DELETE FROM ram_range",
                    "UPDATE ram_range SET first_pfn = -1 WHERE first_pfn = 1",
                    "UPDATE ram_range SET frame_count = 1 << 56 WHERE first_pfn = 256",
                    "UPDATE ram_range SET frame_count = 0 WHERE first_pfn = 1",
                    "UPDATE ram_range SET frame_count = 1000 WHERE first_pfn = 1",
                    "INSERT INTO ram_range VALUES (1, 1 << 40, 1 << 50)"));

}  // namespace
}  // namespace pagesnap
