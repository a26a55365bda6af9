// page_group and frame_group against what plain SQL over `page` and `frame` says.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "lib/codec/frame_columns.h"
#include "lib/codec/page_words.h"
#include "tests/query/random_snapshot.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class GroupTablesTest : public testing::TestWithParam<uint64_t> {
 protected:
  GroupTablesTest() {
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

constexpr char kPageGroups[] =
    "SELECT g.snapshot_id, process_id, mapping_id, MIN(page) AS first_page, state, swap_type, "
    "flags, flag_names, cgroup_inode, node, zone, COUNT(*) AS page_count, "
    "COUNT(*) * page_size / 1024 AS kib FROM page g JOIN snapshot s ON s.id = g.snapshot_id ";
constexpr char kPageKeys[] = "GROUP BY 1, 2, 3, 5, 6, 7, 8, 9, 10, 11 ORDER BY 2, 3, 4";

TEST_P(GroupTablesTest, PagesOfAKind) {
  ExpectSame("SELECT * FROM page_group", std::string(kPageGroups) + kPageKeys);
}

// Each alone, in a session of its own: what was grouped for one is not there for the other.
TEST_P(GroupTablesTest, PagesOfAKindOfOneOwner) {
  for (const char* owner : {"snapshot_id", "process_id", "mapping_id"}) {
    for (const std::string& id :
         Rows(fmt::format("SELECT DISTINCT {0} FROM page_group ORDER BY {0} LIMIT 4", owner))) {
      session_ = std::make_unique<Session>(folder_.File("a"));
      ExpectSame(fmt::format("SELECT * FROM page_group WHERE {} = {}", owner, id),
                 fmt::format("{} WHERE g.{} = {} {}", kPageGroups, owner, id, kPageKeys));
    }
  }
}

// Two scans at once, in different snapshots, share what does the grouping.
TEST_P(GroupTablesTest, TwoScansAtOnce) {
  const std::string pairs =
      "SELECT COUNT(*) > 10, COUNT(*), SUM(a.page_count * b.page_count), SUM(b.first_page) "
      "FROM {0} a CROSS JOIN {0} b ON b.snapshot_id <> a.snapshot_id AND b.state = a.state";
  Rows("CREATE TEMP TABLE copy AS SELECT * FROM page_group");
  const auto expected = Rows(fmt::format(fmt::runtime(pairs), "copy"));
  EXPECT_THAT(expected, ElementsAre(testing::StartsWith("1|")));
  EXPECT_EQ(Rows(fmt::format(fmt::runtime(pairs), "page_group")), expected);
}

TEST_P(GroupTablesTest, FramesOfAKind) {
  ExpectSame(
      "SELECT snapshot_id, flags, flag_names, map_count, cgroup_inode, node, zone, frame_count, "
      "kib FROM frame_group ORDER BY 1, 2, 4, 5, 6, 7",
      "SELECT f.snapshot_id, flags, flag_names, map_count, cgroup_inode, node, zone, COUNT(*), "
      "COUNT(*) * page_size / 1024 FROM frame f JOIN snapshot s ON s.id = f.snapshot_id "
      "GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 4, 5, 6, 7");
}

TEST_P(GroupTablesTest, FrameGroupsOfOneSnapshotAreInOrder) {
  ExpectSame("SELECT frame_count FROM frame_group WHERE snapshot_id = 1",
             "SELECT frame_count FROM frame_group WHERE snapshot_id = 1 ORDER BY 1 DESC");
}

// What SQLite is told of them: constraints are handed down, and the order needs no sorting.
TEST_P(GroupTablesTest, Plans) {
  auto plan = [&](const std::string& sql) {
    return testing::PrintToString(Rows("EXPLAIN QUERY PLAN " + sql));
  };
  using testing::HasSubstr;
  using testing::Not;
  EXPECT_THAT(plan("SELECT * FROM page_group ORDER BY process_id, mapping_id, first_page"),
              Not(HasSubstr("B-TREE")));
  EXPECT_THAT(plan("SELECT * FROM page_group ORDER BY first_page"), HasSubstr("B-TREE"));
  EXPECT_THAT(
      plan("SELECT * FROM page_group WHERE process_id = 2 AND mapping_id = 3 ORDER BY first_page"),
      Not(HasSubstr("B-TREE")));
  // The pages of one process alone: it is found first, and its id handed down.
  const std::string detail =
      plan("SELECT * FROM page_group_detail WHERE snapshot_id = 1 AND pid = 3");
  EXPECT_THAT(detail, testing::ContainsRegex("SCAN g VIRTUAL TABLE INDEX [0-9]+:[0-9]+ 1 2 "));
  EXPECT_LT(detail.find("SEARCH p "), detail.find(" g VIRTUAL"));
}

INSTANTIATE_TEST_SUITE_P(Seeds, GroupTablesTest, testing::Range(uint64_t{0}, uint64_t{8}));

// A file in which no two pages are alike: as many groups as pages, and no more.
TEST(GroupTablesLimitsTest, EveryPageAGroupOfItsOwn) {
  constexpr uint64_t kPages = 20 * kPagesPerChunk;
  const TestFolder folder;
  WriteSnapshotFile(folder.File("a"), [&](SnapshotWriter& writer) {
    SnapshotFacts facts;
    facts.kernel_release = "6.18.0";
    facts.pfn_visible = true;
    facts.page_size = 4096;
    writer.BeginSnapshot(facts);
    const int64_t process = writer.AddProcess({.pid = 1, .name = "p", .state = "S"});
    MappingFacts mapped;
    mapped.first_page = 16;
    mapped.page_count = kPages;
    mapped.perms = "rw-p";
    mapped.device = "0:0";
    const int64_t mapping = writer.AddMapping(process, mapped);
    for (uint64_t first = 0; first < kPages; first += kPagesPerChunk) {
      writer.AddPages(mapping, first, PresentRun(kFramesPerChunk + first, kPagesPerChunk));
    }
    for (uint64_t first = 0; first < kPages; first += kFramesPerChunk) {
      FrameColumns columns;
      for (uint64_t i = 0; i < std::min<uint64_t>(kFramesPerChunk, kPages - first); ++i) {
        columns.referenced[i / 64] |= uint64_t{1} << i % 64;
        columns.flags.Append(first + i);
        columns.map_count.Append(1);
        columns.cgroup.Append(0);
      }
      writer.AddFrames(kFramesPerChunk + first, columns);
    }
    writer.SetFrameSources(SourceState::kRead, SourceState::kRead, SourceState::kRead);
    writer.Commit();
  });
  Session session(folder.File("a"));
  EXPECT_THAT(
      QueryRows(session.database(),
                "SELECT COUNT(*), SUM(page_count), SUM(flags = first_page - 16) FROM page_group"),
      ElementsAre(fmt::format("{0}|{0}|{0}", kPages)));
  EXPECT_THAT(QueryRows(session.database(), "SELECT flags FROM frame_group"), SizeIs(kPages));
}

}  // namespace
}  // namespace pagesnap
