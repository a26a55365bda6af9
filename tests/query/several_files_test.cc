// Several files as one: their snapshots in order, their ids distinct, reports as with one.
#include <gmock/gmock.h>

#include "tests/query/random_snapshot.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Twelve files of two snapshots each: more than SQLite can attach.
class SeveralFilesTest : public testing::Test {
 protected:
  static constexpr int kFiles = 12;
  SeveralFilesTest() {
    for (int i = 0; i < kFiles; ++i) {
      paths_.push_back(folder_.File("f" + std::to_string(i)));
      WriteRandomSnapshots(paths_.back(), i + 1);
    }
  }
  // Runs a query on all files, and on each alone, and returns both.
  std::vector<std::string> Together(const std::string& sql) {
    Session session(paths_);
    return QueryRows(session.database(), sql);
  }
  std::vector<std::string> OneByOne(const std::string& sql) {
    std::vector<std::string> rows;
    for (const std::string& path : paths_) {
      Session session(path);
      for (std::string& row : QueryRows(session.database(), sql)) rows.push_back(std::move(row));
    }
    return rows;
  }

  TestFolder folder_;
  std::vector<std::string> paths_;
};

TEST_F(SeveralFilesTest, RowsAreThoseOfEachFile) {
  for (const char* sql :
       {"SELECT page, state, pfn, flags, map_count FROM page",
        "SELECT pfn, flags, user_count FROM frame", "SELECT pfn, page FROM frame_user",
        "SELECT page, page_count, state, pfn FROM page_run",
        "SELECT page, page_count, pfn FROM physical_run WHERE page_count > 1",
        "SELECT run_count, page_count FROM page_run_count",
        "SELECT length, run_count, page_count, largest FROM run_length",
        "SELECT present_count, single_count FROM folio_usage",
        "SELECT process_count, pids, frame_count FROM sharing_group",
        "SELECT rss_kib, pss_kib, uss_kib, swap_kib, missing FROM mapping_usage",
        "SELECT pid, start, end, path FROM mapping_detail ORDER BY mapping_id",
        "SELECT pid, rss_kib, pss_kib FROM process_usage ORDER BY process_id",
        "SELECT reason FROM gap ORDER BY id", "SELECT name, bit FROM flag_name",
        "SELECT COUNT(*) FROM blob_check GROUP BY table_name = 'none', key LIKE 'id%' HAVING 0"}) {
    EXPECT_EQ(Together(sql), OneByOne(sql)) << sql;
  }
}

TEST_F(SeveralFilesTest, IdsAreDistinct) {
  for (const char* table : {"snapshot", "process", "mapping", "page_content", "gap"}) {
    const std::string sql = std::string("SELECT COUNT(*) = COUNT(DISTINCT id) FROM ") + table;
    EXPECT_THAT(Together(sql), ElementsAre("1")) << sql;
  }
  EXPECT_THAT(Together("SELECT COUNT(*) = (SELECT COUNT(*) FROM mapping) FROM mapping m "
                       "JOIN process p ON p.id = m.process_id JOIN snapshot s "
                       "ON s.id = p.snapshot_id"),
              ElementsAre("1"));
}

// A reference behind the ids of a file must not reach into the next one, wherever it points.
TEST_F(SeveralFilesTest, WhatAFileDoesNotHaveIsNotFoundInTheNext) {
  for (const char* id : {"(SELECT MAX(id) + 1 FROM process)", "9223372036854775807", "0", "-1",
                         "-9223372036854775808"}) {
    ChangeFile(paths_[1], "DELETE FROM gap");
    ChangeFile(paths_[1], "INSERT INTO gap (snapshot_id, process_id, source, reason) VALUES (1, " +
                              std::string(id) + ", 'pagemap', 'made up')");
    EXPECT_THAT(Together("SELECT p.pid FROM gap g JOIN process p ON p.id = g.process_id "
                         "WHERE g.reason = 'made up'"),
                IsEmpty())
        << id;
    EXPECT_THAT(Together("SELECT process_id FROM gap WHERE reason = 'made up'"),
                ElementsAre("9223372036854775807"));
  }
}

TEST_F(SeveralFilesTest, SnapshotsAreNumberedThroughAndKnowTheirFile) {
  std::vector<std::string> expected;
  for (int i = 0; i < 2 * kFiles; ++i) {
    expected.push_back(std::to_string(i + 1) + "|" + std::to_string(i % 2 + 1) + "|" +
                       paths_[i / 2]);
  }
  EXPECT_EQ(Together("SELECT * FROM snapshot_file"), expected);
}

TEST_F(SeveralFilesTest, ReportOfASnapshotIsThatOfItsFile) {
  std::vector<std::string> all = {"processes"};
  all.insert(all.end(), paths_.begin(), paths_.end());
  for (const char* more : {"--format", "csv", "--snapshot", "13"}) all.emplace_back(more);
  const ReportResult together = RunReport(all);
  const ReportResult alone =
      RunReport({"processes", paths_[6], "--format", "csv", "--snapshot", "1"});
  EXPECT_EQ(together.out, alone.out);
  EXPECT_EQ(together.code, kExitOk);
}

TEST_F(SeveralFilesTest, CheckNamesTheDamageOfAnyFile) {
  FlipBit(paths_[4], "page_content", "words", 1);
  std::vector<std::string> all = {"check"};
  all.insert(all.end(), paths_.begin(), paths_.end());
  const ReportResult check = RunReport(all);
  EXPECT_EQ(check.code, kExitFailed);
  EXPECT_THAT(check.out, HasSubstr("damaged"));
}

TEST_F(SeveralFilesTest, UnknownBootsOfTwoFilesAreUnknown) {
  ChangeFile(paths_[0], "UPDATE snapshot SET boot_id = ''");
  ChangeFile(paths_[1], "UPDATE snapshot SET boot_id = ''");
  EXPECT_THAT(Together("SELECT same_boot(1, 2), same_boot(1, 3), same_boot(1, 5), same_boot(5, 6)"),
              ElementsAre("1|NULL|NULL|1"));
}

TEST_F(SeveralFilesTest, LastArgumentOfSqlIsTheQuestion) {
  const ReportResult result = RunReport(
      {"sql", paths_[0], paths_[1], "SELECT COUNT(*) AS n FROM snapshot", "--format", "json"});
  EXPECT_EQ(result.out, "[\n{\"n\":4}\n]\n");
}

TEST_F(SeveralFilesTest, AnUnreadableFileIsNamed) {
  EXPECT_EQ(ErrorOf([&] {
              Session session({paths_[0], folder_.File("none")});
            }),
            folder_.File("none") + ": No such file or directory");
}

}  // namespace
}  // namespace pagesnap
