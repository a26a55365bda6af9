// frame_user, frame.user_count, sharing_group and page_run against what plain SQL over `page` says.
#include <gmock/gmock.h>

#include "lib/kernel/frame_flags.h"
#include "lib/query/session.h"
#include "lib/query/sharing/frame_user_index.h"
#include "tests/query/random_snapshot.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;

// All of it over random snapshots: overlapping and shared frames, zero pages, hidden PFNs.
class SharingTest : public testing::TestWithParam<uint64_t> {
 protected:
  SharingTest() {
    WriteRandomSnapshots(folder_.File("a"), GetParam());
    session_ = std::make_unique<Session>(folder_.File("a"));
  }
  std::vector<std::string> Rows(const std::string& sql) {
    return QueryRows(session_->database(), sql);
  }
  void ExpectSame(const std::string& sql, const std::string& reference) {
    EXPECT_EQ(Rows(sql), Rows(reference)) << sql;
  }

  TestFolder folder_;
  std::unique_ptr<Session> session_;
};

constexpr char kUsers[] =
    "SELECT snapshot_id, pfn, process_id, mapping_id, page FROM page WHERE pfn > 0 ";

TEST_P(SharingTest, FrameUserIsPageByFrame) {
  ExpectSame("SELECT * FROM frame_user", std::string(kUsers) + "ORDER BY 1, 2, 3, 4, 5");
}

TEST_P(SharingTest, FrameUserOfOneFrame) {
  for (const std::string& pfn : Rows("SELECT DISTINCT pfn FROM frame ORDER BY pfn LIMIT 20")) {
    ExpectSame("SELECT * FROM frame_user WHERE pfn = " + pfn,
               kUsers + ("AND pfn = " + pfn) + " ORDER BY 1, 2, 3, 4, 5");
  }
}

TEST_P(SharingTest, FrameUserInRange) {
  ExpectSame("SELECT * FROM frame_user WHERE pfn > 100 AND pfn <= 1000 AND snapshot_id = 2",
             std::string(kUsers) +
                 "AND pfn > 100 AND pfn <= 1000 AND snapshot_id = 2 ORDER BY 1, 2, 3, 4, 5");
}

// On a large machine the index holds the pages of some frames at a time.
TEST_P(SharingTest, UsersOfAFrameAreTheSameInWindows) {
  SnapshotReader& reader = session_->reader();
  AnalysisCache cache(reader);
  for (const SnapshotInfo& snapshot : reader.snapshots()) {
    FrameUserIndex whole(cache, snapshot.id);
    FrameUserIndex small(cache, snapshot.id, /*max_frames=*/1);
    const uint32_t count = reader.Frames(snapshot.id)->frame_count();
    std::vector<FrameUser> expected;
    std::vector<FrameUser> users;
    // There and back, over the ends of chunks.
    for (uint32_t i = 0; i < 2 * count; ++i) {
      const uint32_t ordinal = i < count ? i : 2 * count - 1 - i;
      whole.Find(ordinal, &expected);
      small.Find(ordinal, &users);
      ASSERT_TRUE(users == expected) << ordinal;
    }
  }
}

TEST_P(SharingTest, UserCountIsDistinctMappings) {
  ExpectSame("SELECT snapshot_id, pfn, user_count FROM frame",
             "SELECT snapshot_id, pfn, COUNT(DISTINCT mapping_id) FROM page WHERE pfn > 0 "
             "GROUP BY 1, 2 ORDER BY 1, 2");
}

// The frames of more than one process that are memory, each with its set of processes.
constexpr char kSharedFrames[] =
    "WITH used AS (SELECT DISTINCT g.snapshot_id, g.pfn, g.process_id FROM page g WHERE g.pfn > 0 "
    "AND (g.flags IS NULL OR g.flags & 0x1100000 = 0) ORDER BY 1, 2, 3), "
    "shared AS (SELECT snapshot_id, pfn, COUNT(*) AS n, GROUP_CONCAT(process_id) AS processes "
    "FROM used GROUP BY 1, 2 HAVING COUNT(*) > 1) ";

TEST_P(SharingTest, GroupsAreSetsOfProcesses) {
  ExpectSame(
      "SELECT g.snapshot_id, g.process_count, g.frame_count, g.kib * 1024 / s.page_size, "
      "(SELECT GROUP_CONCAT(process_id) FROM sharing_group_member m "
      " WHERE m.snapshot_id = g.snapshot_id AND m.group_id = g.group_id) AS processes "
      "FROM sharing_group g JOIN snapshot s ON s.id = g.snapshot_id "
      "ORDER BY 1, 3 DESC, processes",
      std::string(kSharedFrames) +
          "SELECT snapshot_id, n, COUNT(*), COUNT(*), processes FROM shared GROUP BY 1, 5 "
          "ORDER BY 1, 3 DESC, 5");
}

TEST_P(SharingTest, MembersCountTheirPages) {
  ExpectSame(
      "SELECT snapshot_id, process_id, SUM(page_count) FROM sharing_group_member "
      "GROUP BY 1, 2 ORDER BY 1, 2",
      std::string(kSharedFrames) +
          "SELECT snapshot_id, process_id, COUNT(*) FROM page JOIN shared USING (snapshot_id, pfn) "
          "GROUP BY 1, 2 ORDER BY 1, 2");
}

TEST_P(SharingTest, PidsAreThoseOfTheMembers) {
  ExpectSame("SELECT g.snapshot_id, g.group_id, j.value FROM sharing_group g, json_each(g.pids) j",
             "SELECT m.snapshot_id, m.group_id, p.pid FROM sharing_group_member m "
             "JOIN process p ON p.id = m.process_id ORDER BY 1, 2, m.process_id");
}

TEST_P(SharingTest, RunsUnfoldToPages) {
  ExpectSame(
      "WITH RECURSIVE one AS (SELECT r.*, s.pfn_visible AS step FROM page_run r "
      "JOIN snapshot s ON s.id = r.snapshot_id UNION ALL SELECT snapshot_id, process_id, "
      "mapping_id, page + 1, page_count - 1, state, pfn + step, swap_type, swap_offset + step, "
      "flags, flag_names, map_count, cgroup_inode, node, zone, step FROM one "
      "WHERE page_count > 1) "
      "SELECT mapping_id, page, state, pfn, swap_type, swap_offset, flags, map_count, "
      "cgroup_inode, node, zone, flag_names FROM one ORDER BY 1, 2",
      "SELECT mapping_id, page, state, pfn, swap_type, swap_offset, flags, map_count, "
      "cgroup_inode, node, zone, flag_names FROM page ORDER BY 1, 2");
}

TEST_P(SharingTest, RunsAreAsLongAsTheyCan) {
  EXPECT_THAT(Rows("SELECT COUNT(*) FROM (SELECT *, LAG(page + page_count) OVER w AS end, "
                   "LAG(pfn + page_count) OVER w AS next_pfn, "
                   "LAG(COALESCE(flags, -1) || ',' || COALESCE(map_count, -1) || ',' || "
                   "COALESCE(cgroup_inode, -1) || COALESCE(zone, '')) OVER w AS before "
                   "FROM page_run WINDOW w AS (PARTITION BY mapping_id ORDER BY page)) "
                   "WHERE page = end AND pfn = next_pfn AND before = COALESCE(flags, -1) || ',' || "
                   "COALESCE(map_count, -1) || ',' || COALESCE(cgroup_inode, -1) || "
                   "COALESCE(zone, '')"),
              ElementsAre("0"));
}

TEST_P(SharingTest, CountingNeedsNoDecoding) {
  ExpectSame("SELECT COUNT(*) FROM page", "SELECT COUNT(state) FROM page");
  ExpectSame("SELECT mapping_id, COUNT(*) FROM page WHERE process_id = 2 GROUP BY 1",
             "SELECT mapping_id, COUNT(state) FROM page WHERE process_id = 2 GROUP BY 1");
}

// Cursors on one reader do not take each other's words away.
TEST_P(SharingTest, PageJoinsItself) {
  ExpectSame(
      "SELECT COUNT(*), SUM(a.page = b.page), SUM(a.pfn IS b.pfn) FROM page a "
      "CROSS JOIN page b ON b.mapping_id = a.mapping_id AND b.page = a.page",
      "SELECT COUNT(*), COUNT(*), COUNT(*) FROM page");
}

INSTANTIATE_TEST_SUITE_P(Seeds, SharingTest, testing::Range<uint64_t>(1, 7));

// ---- Plans ----

// Where no frame has pages of two contents, content_usage says how many frames each has.
TEST(SharedContentsTest, GroupsNeedNoPageWords) {
  const TestFolder folder;
  const std::string path = folder.File("a");
  WriteSnapshotFile(path, [](SnapshotWriter& writer) {
    SnapshotFacts facts;
    facts.kernel_release = "6.18.0";
    facts.pfn_visible = true;
    writer.BeginSnapshot(facts);
    for (const int32_t pid : {10, 11}) {
      const int64_t process = writer.AddProcess({.pid = pid, .name = "a", .state = "S"});
      writer.SetMappingCount(process, 2);
      for (const uint64_t pfn :
           {uint64_t{1000}, uint64_t{2000} + 200 * static_cast<uint64_t>(pid)}) {
        MappingFacts mapping;
        mapping.first_page = pfn;
        mapping.page_count = 130;
        mapping.perms = "rw-p";
        mapping.device = "0:0";
        writer.AddPages(writer.AddMapping(process, mapping), 0, PresentRun(pfn, 130));
      }
    }
    FrameColumns columns;
    for (const uint64_t first : {1000, 4000, 4200}) {
      for (uint64_t pfn = first; pfn < first + 130; ++pfn) {
        columns.referenced[pfn / 64] |= uint64_t{1} << pfn % 64;
        columns.flags.Append(pfn < 1002 ? kFrameZeroPage : pfn == 1002 ? kFrameHuge : 0x5828);
        columns.map_count.Append(2);
        columns.cgroup.Append(1);
      }
    }
    writer.AddFrames(0, columns);
    writer.SetFrameSources(SourceState::kRead, SourceState::kRead, SourceState::kRead);
    writer.AddUsages();
    writer.Commit();
  });
  for (int64_t content = 1; content <= 3; ++content) {
    FlipBit(path, "page_content", "words", content);
  }
  const Session session(path);
  EXPECT_THAT(QueryRows(session.database(), "SELECT pids, frame_count FROM sharing_group"),
              ElementsAre("[10,11]|128"));
}

class PlanTest : public testing::Test {
 protected:
  PlanTest() {
    WriteRandomSnapshots(folder_.File("a"), 1);
    session_ = std::make_unique<Session>(folder_.File("a"));
  }
  std::string Plan(const std::string& sql) {
    Statement statement(session_->database(), "EXPLAIN QUERY PLAN " + sql);
    std::string plan;
    while (statement.Step()) plan += std::string(statement.Text(3)) + "\n";
    return plan;
  }
  TestFolder folder_;
  std::unique_ptr<Session> session_;
};

TEST_F(PlanTest, OrdersThatHoldAreNotSorted) {
  using testing::HasSubstr;
  using testing::Not;
  const auto unsorted = Not(HasSubstr("TEMP B-TREE"));
  EXPECT_THAT(Plan("SELECT pfn, COUNT(*) FROM frame_user WHERE snapshot_id = 1 GROUP BY pfn"),
              unsorted);
  EXPECT_THAT(Plan("SELECT * FROM frame_user ORDER BY snapshot_id, pfn, process_id, mapping_id"),
              unsorted);
  EXPECT_THAT(Plan("SELECT * FROM page WHERE process_id = 1 ORDER BY mapping_id, page"), unsorted);
  EXPECT_THAT(Plan("SELECT * FROM sharing_group ORDER BY snapshot_id, group_id"), unsorted);
  // Two snapshots: PFNs come once for each.
  EXPECT_THAT(Plan("SELECT pfn, COUNT(*) FROM frame_user GROUP BY pfn"), HasSubstr("TEMP B-TREE"));
}

// The narrow side comes first and hands its keys down.
TEST_F(PlanTest, JoinsAreDrivenByTheNarrowSide) {
  const std::string plan = Plan(
      "SELECT * FROM page g JOIN frame_user u ON u.snapshot_id = g.snapshot_id AND "
      "u.pfn = g.pfn WHERE g.mapping_id = 1 AND g.page = 5");
  EXPECT_LT(plan.find("SCAN g"), plan.find("SCAN u")) << plan;
  // Figures of ours and the kernel's: the second is asked by process (1) and mapping (2), for
  // equality (2).
  const std::string usage = Plan(
      "SELECT * FROM mapping_usage u JOIN kernel_usage k ON k.process_id = u.process_id "
      "AND k.mapping_id = u.mapping_id");
  EXPECT_THAT(usage, testing::HasSubstr(" 1 2 2 2 ")) << usage;
}

}  // namespace
}  // namespace pagesnap
