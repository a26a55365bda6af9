// What a file may be instead of a pagesnap file: one sentence for each.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "lib/store/schema.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

class OpenTest : public testing::Test {
 protected:
  OpenTest() : path_(folder_.File("a")) {}
  void Write(const std::string& text) const { std::ofstream(path_) << text; }
  // Makes a file of the sample, changed by SQL.
  void Capture(const std::string& sql) const {
    MachineTree machine;
    FillSampleMachine(machine);
    const CapturedSnapshot file(machine.reader());
    std::filesystem::copy_file(file.path(), path_,
                               std::filesystem::copy_options::overwrite_existing);
    if (!sql.empty()) ChangeFile(path_, sql);
  }
  std::string Message() const {
    return ErrorOf([&] { OpenSnapshotFile(path_); });
  }

  TestFolder folder_;
  std::string path_;
};

TEST_F(OpenTest, Sound) {
  Capture("");
  EXPECT_EQ(Message(), "no error");
}

// In an SQLite URI, as which it is opened, what follows "//" is a machine, and ":memory:" is no
// file.
TEST_F(OpenTest, NamesThatMeanSomethingToSqlite) {
  Capture("");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(std::filesystem::path(path_).parent_path());
  for (const char* name : {":memory:", "file:a", "a?mode=memory", "%41", "a#b", "-", "a b"}) {
    std::filesystem::copy_file("a", name);
    EXPECT_EQ(ErrorOf([&] { EXPECT_GT(OpenSnapshotFile(name).Size(), 0) << name; }), "no error");
  }
  std::filesystem::current_path(before);
  for (const char* prefix : {"/", "//", "/./"}) {
    EXPECT_EQ(ErrorOf([&] { OpenSnapshotFile(prefix + path_); }), "no error") << prefix;
  }
}

TEST_F(OpenTest, Missing) { EXPECT_EQ(Message(), path_ + ": No such file or directory"); }

TEST_F(OpenTest, Directory) {
  std::filesystem::create_directory(path_);
  EXPECT_EQ(Message(), path_ + " is a directory, not a pagesnap file");
}

TEST_F(OpenTest, Empty) {
  Write("");
  EXPECT_EQ(Message(), path_ + " is empty; a capture never leaves such a file, so copy it again");
}

TEST_F(OpenTest, Text) {
  Write(std::string(5000, 'x'));
  EXPECT_EQ(Message(), path_ + " is not a pagesnap file: it is not an SQLite database");
}

TEST_F(OpenTest, HeaderCutOff) {
  Write(std::string("SQLite format 3\0", 16));
  EXPECT_EQ(Message(), path_ + " is not a pagesnap file: it is not an SQLite database");
}

TEST_F(OpenTest, OtherApplication) {
  Capture("PRAGMA application_id = 0x12345678");
  EXPECT_EQ(Message(), path_ +
                           " is an SQLite database, but not a pagesnap file (its application_id "
                           "is 0x12345678)");
}

TEST_F(OpenTest, NewerVersionSaysWhoReadsIt) {
  const std::string newer = fmt::format("PRAGMA user_version = {}; ", kFormatVersion + 1);
  const std::string refused =
      fmt::format("{} has format version {}, and this analyze reads up to {}; use ", path_,
                  kFormatVersion + 1, kFormatVersion);
  const std::string unknown = "the pagesnap release that wrote it, or a newer one";
  Capture(newer + "UPDATE format SET oldest_release = '12.34.5'");
  EXPECT_EQ(Message(), refused + "pagesnap 12.34.5 or newer");
  // The file is anybody's.
  for (const char* change :
       {"UPDATE format SET oldest_release = '1.2; rm'", "DELETE FROM format", "DROP TABLE format",
        "UPDATE format SET oldest_release = printf('%.*c', 21, '1')",
        // Of a view, the SQL of the file would run, here for ever.
        "DROP TABLE format; CREATE VIEW format AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
        "SELECT i + 1 FROM n) SELECT MAX(i) AS oldest_release FROM n"}) {
    Capture(newer + change);
    EXPECT_EQ(Message(), refused + unknown) << change;
  }
}

TEST_F(OpenTest, VersionZero) {
  Capture("PRAGMA user_version = 0; DROP TABLE format");
  EXPECT_EQ(Message(),
            fmt::format("{} has format version 0, and this analyze reads up to {}; use the "
                        "pagesnap release that wrote it, or a newer one",
                        path_, kFormatVersion));
}

TEST_F(OpenTest, CutOff) {
  Capture("");
  const auto size = std::filesystem::file_size(path_);
  std::filesystem::resize_file(path_, size / 2);
  EXPECT_EQ(Message(), path_ + " is cut off: it has " + std::to_string(size / 2) + " of " +
                           std::to_string(size) + " bytes; copy it again");
}

TEST_F(OpenTest, Fifo) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(Message(), path_ + " is not a regular file; copy what it gives into one first");
}

TEST_F(OpenTest, NameWithWhatUrisEscape) {
  Capture("");
  const std::string strange = folder_.File("a%20b?c#d&mode=rwc");
  std::filesystem::rename(path_, strange);
  EXPECT_EQ(ErrorOf([&] { OpenSnapshotFile(strange); }), "no error");
  EXPECT_THAT(folder_.Names(), testing::ElementsAre("a%20b?c#d&mode=rwc"));
}

TEST_F(OpenTest, IsReadOnly) {
  Capture("");
  Database database = OpenSnapshotFile(path_);
  EXPECT_EQ(ErrorOf([&] { database.Execute("DELETE FROM gap"); }),
            path_ + ": attempt to write a readonly database");
}

TEST_F(OpenTest, ImpossiblePageSize) {
  Capture("UPDATE snapshot SET page_size = 4095");
  EXPECT_EQ(
      ErrorOf([&] { Session session(path_); }),
      path_ + " is damaged: snapshot 1 has a page size of 4095 bytes; no capture writes that");
}

TEST_F(OpenTest, PagesBehindTheEndOfTheirMapping) {
  Capture("UPDATE page_chunk SET first_page = 3 WHERE mapping_id = 1");
  Session session(path_);
  EXPECT_EQ(ErrorOf([&] { QueryRows(session.database(), "SELECT * FROM page"); }),
            path_ + " is damaged: mapping 1 has pages behind its end; no capture writes that");
}

}  // namespace
}  // namespace pagesnap
