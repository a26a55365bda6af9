// samples/versions has a snapshot of every version of the format; this release reads all of them.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "lib/store/format_tables.h"
#include "lib/store/schema.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;

class VersionTest : public testing::Test {
 protected:
  static std::string Folder() { return PAGESNAP_SAMPLE_DIR "/versions"; }
  static std::string File(int64_t version) {
    return Folder() + "/format-" + std::to_string(version) + ".pagesnap";
  }
};

TEST_F(VersionTest, EveryVersionHasAFileAndNoOtherIsThere) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(Folder())) {
    EXPECT_LT(entry.file_size(), 100 * 1024) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, static_cast<size_t>(kFormatVersion));
  for (int64_t version = 1; version <= kFormatVersion; ++version) {
    EXPECT_TRUE(std::filesystem::exists(File(version))) << File(version);
  }
}

TEST_F(VersionTest, EveryVersionIsReadAndSound) {
  for (int64_t version = 1; version <= kFormatVersion; ++version) {
    SCOPED_TRACE(File(version));
    const Session session(File(version));
    EXPECT_THAT(QueryRows(session.database(), "PRAGMA user_version"),
                ElementsAre(std::to_string(version)));
    EXPECT_THAT(QueryRows(session.database(),
                          "SELECT (SELECT COUNT(*) FROM page) = (SELECT SUM(present_count + "
                          "swapped_count + special_count) FROM page_chunk)"),
                ElementsAre("1"));
    for (const char* report : {"info", "processes", "maps"}) {
      EXPECT_EQ(RunReport({report, File(version)}).code, kExitOk) << report;
    }
    EXPECT_THAT(BrokenInvariants(session.database()), testing::IsEmpty());
    const ReportResult check = RunReport({"check", File(version)});
    EXPECT_EQ(check.code, kExitOk) << check.out;
  }
}

// The text of tables.sql is read here as SQLite reads it.
TEST_F(VersionTest, TablesAreThoseThatSqliteMakes) {
  const Database database = Database::OpenReadOnly(File(kFormatVersion));
  std::vector<std::string> expected;
  for (const auto& [table, columns] : FormatTables()) {
    for (const FormatColumn& column : columns) {
      expected.push_back(fmt::format("{}|{}|{}", table, column.name, column.type));
    }
  }
  EXPECT_EQ(QueryRows(database,
                      "SELECT t.name, c.name, c.type FROM sqlite_schema t, "
                      "pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY t.name, cid"),
            expected);
  std::vector<std::string> objects;
  for (const auto& [object, definition] : FormatObjects()) objects.push_back(object);
  EXPECT_EQ(QueryRows(database, "SELECT type || ' ' || name FROM sqlite_schema ORDER BY 1"),
            objects);
}

// What an older file lacks is there with its default, in one file and in several.
TEST_F(VersionTest, OlderFilesHaveAllColumns) {
  for (int64_t version = 1; version < kFormatVersion; ++version) {
    SCOPED_TRACE(File(version));
    const Session one(File(version));
    const Session two({File(version), File(kFormatVersion)});
    for (const auto& [table, columns] : FormatTables()) {
      for (const FormatColumn& column : columns) {
        const std::string sql = fmt::format("SELECT COUNT({}) >= 0 FROM {}", column.name, table);
        EXPECT_THAT(QueryRows(one.database(), sql), ElementsAre("1")) << sql;
        EXPECT_THAT(QueryRows(two.database(), sql), ElementsAre("1")) << sql;
      }
    }
    EXPECT_THAT(QueryRows(one.database(), "SELECT DISTINCT page_table_kib FROM process"),
                ElementsAre("NULL"));
    EXPECT_THAT(QueryRows(one.database(), "SELECT COUNT(*) FROM counter"), ElementsAre("0"));
    EXPECT_THAT(QueryRows(one.database(), "SELECT COUNT(*) FROM ram_chunk, ram_range, free_area"),
                ElementsAre("0"));
    EXPECT_THAT(QueryRows(one.database(), "SELECT COUNT(*) FROM ram_group"), ElementsAre("0"));
    if (version >= 5) continue;
    EXPECT_THAT(QueryRows(one.database(), "SELECT DISTINCT block_count FROM file"),
                ElementsAre("NULL"));
    if (version >= 4) continue;
    EXPECT_THAT(QueryRows(two.database(),
                          "SELECT DISTINCT s.map_count_kind, p.memory_process_id, p.ended FROM "
                          "process p JOIN snapshot s ON s.id = p.snapshot_id WHERE s.id = 1"),
                ElementsAre("NULL|NULL|0"));
    EXPECT_THAT(
        QueryRows(one.database(), "SELECT DISTINCT size, mtime_ns, build_id, link_count FROM file"),
        ElementsAre("NULL|NULL|NULL|NULL"));
    if (version >= 3) continue;
    const std::string defaults =
        "SELECT p.cmdline_process_id = p.id, p.cmdline_length = LENGTH(p.cmdline), "
        "p.frozen = s.frozen, p.stopped_ns FROM process p JOIN snapshot s ON s.id = p.snapshot_id "
        "WHERE s.id = 1 LIMIT 1";
    EXPECT_THAT(QueryRows(one.database(), defaults), ElementsAre("1|1|1|NULL"));
    EXPECT_THAT(QueryRows(two.database(), defaults), ElementsAre("1|1|1|NULL"));
  }
}

}  // namespace
}  // namespace pagesnap
