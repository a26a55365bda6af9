// What connections to files from others may not do: each setting of Database::Harden() and
// OpenReadOnly() by what happens without it.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "lib/store/schema.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class HardenTest : public testing::Test {
 protected:
  // What a question ends with.
  std::string Message(const std::string& sql) {
    return ErrorOf([&] { QueryRows(database_, sql); });
  }
  static std::string Repeated(int64_t count, const std::string& text, const char* between) {
    std::string all = text;
    for (int64_t i = 1; i < count; ++i) all += between + text;
    return all;
  }

  Database database_ = Database::OpenMemory("memory");
};

TEST_F(HardenTest, SchemaCannotBeWritten) {
  database_.Execute("CREATE TABLE t (a)");
  EXPECT_THAT(ErrorOf([&] {
                database_.Execute("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = ''");
              }),
              HasSubstr("may not be modified"));
}

TEST_F(HardenTest, SchemaIsNotTrusted) {
  EXPECT_THAT(QueryRows(database_, "PRAGMA trusted_schema"), ElementsAre("0"));
}

TEST_F(HardenTest, TriggersDoNotFire) {
  database_.Execute(
      "CREATE TABLE t (a); CREATE TRIGGER r AFTER INSERT ON t WHEN NEW.a = 1 BEGIN INSERT INTO t "
      "VALUES (2); END; INSERT INTO t VALUES (1)");
  EXPECT_THAT(QueryRows(database_, "SELECT a FROM t"), ElementsAre("1"));
}

TEST_F(HardenTest, CellSizesAreChecked) {
  EXPECT_THAT(QueryRows(database_, "PRAGMA cell_size_check"), ElementsAre("1"));
}

TEST_F(HardenTest, FilesAreNotMapped) {
  const TestFolder folder;
  WriteSnapshotFile(folder.File("a"), [](SnapshotWriter&) {});
  EXPECT_THAT(QueryRows(OpenSnapshotFile(folder.File("a")), "PRAGMA mmap_size"), ElementsAre("0"));
}

TEST_F(HardenTest, LengthsAreLimited) {
  EXPECT_EQ(Message("SELECT LENGTH(zeroblob(32 << 20))"), "no error");
  EXPECT_THAT(Message("SELECT LENGTH(zeroblob((32 << 20) + 1))"),
              HasSubstr("of a size that no capture writes"));
  EXPECT_THAT(Message("SELECT 1 -- " + std::string(2 << 20, 'x')), HasSubstr("size"));
}

TEST_F(HardenTest, ColumnsAreLimited) {
  EXPECT_EQ(Message("SELECT " + Repeated(200, "1", ",")), "no error");
  EXPECT_THAT(Message("SELECT " + Repeated(201, "1", ",")), HasSubstr("too many columns"));
}

TEST_F(HardenTest, ExpressionsAreLimited) {
  EXPECT_EQ(Message("SELECT " + Repeated(400, "1", "+")), "no error");
  EXPECT_THAT(Message("SELECT " + Repeated(600, "1", "+")), HasSubstr("too large"));
  EXPECT_EQ(Message(Repeated(100, "SELECT 1", " UNION ALL ")), "no error");
  EXPECT_THAT(Message(Repeated(101, "SELECT 1", " UNION ALL ")), HasSubstr("too many terms"));
  EXPECT_THAT(Message("SELECT ?1001"), HasSubstr("variable number"));
  EXPECT_THAT(Message(fmt::format("SELECT 'a' LIKE '{}'", std::string(1001, '%'))),
              HasSubstr("too complex"));
}

TEST_F(HardenTest, NothingCanBeAttached) {
  EXPECT_THAT(Message("ATTACH ':memory:' AS other"), HasSubstr("too many attached databases"));
}

// An immutable file has no other files beside it: none is read, none is made.
TEST_F(HardenTest, NothingBesideTheFileIsReadOrWritten) {
  const TestFolder folder;
  const std::string path = folder.File("a");
  WriteSnapshotFile(path, [](SnapshotWriter&) {});
  {
    // Read and write version 2: a write-ahead log belongs to it (sqlite.org/fileformat2.html).
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(18);
    file << "\2\2";
  }
  std::ofstream(path + "-journal") << std::string(4096, 'x');
  const std::vector<std::string> names = folder.Names();
  const Database database = OpenSnapshotFile(path);
  EXPECT_THAT(QueryRows(database, "SELECT COUNT(*) FROM snapshot"), ElementsAre("0"));
  EXPECT_EQ(folder.Names(), names);
}

}  // namespace
}  // namespace pagesnap
