// Files made by somebody who means harm: one sentence each, no crash, no hang, no mountain of
// memory.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <filesystem>

#include "lib/codec/checksum.h"
#include "lib/store/schema.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;

class UntrustedFileTest : public testing::Test {
 protected:
  UntrustedFileTest() : path_(folder_.File("a")) {
    MachineTree machine;
    FillSampleMachine(machine);
    const CapturedSnapshot file(machine.reader());
    std::filesystem::copy_file(file.path(), path_);
  }
  // Returns what opening the file and reading all its tables ends with.
  std::string Message() const {
    return ErrorOf([&] {
      Session session(path_);
      for (const char* table : {"page", "page_run", "frame", "frame_user", "sharing_group_member",
                                "physical_run", "run_length", "folio_usage", "folio_order",
                                "mapping_usage", "kernel_usage", "mapping_detail"}) {
        QueryRows(session.database(), std::string("SELECT * FROM ") + table);
      }
    });
  }
  void ExpectRefused(const std::string& sql, const std::string& object) {
    ChangeFile(path_, sql);
    EXPECT_EQ(ErrorOf([&] { OpenSnapshotFile(path_); }),
              path_ + " is not as capture writes it: " + object +
                  " is not what it should be, is not there, or does not belong there; the file "
                  "was changed, so ask for the original");
  }

  TestFolder folder_;
  std::string path_;
};

TEST_F(UntrustedFileTest, Sound) { EXPECT_EQ(Message(), "no error"); }

TEST_F(UntrustedFileTest, Trigger) {
  ExpectRefused("CREATE TRIGGER t AFTER INSERT ON gap BEGIN DELETE FROM gap; END", "trigger t");
}
TEST_F(UntrustedFileTest, View) {
  ExpectRefused("CREATE VIEW v AS SELECT randomblob(100000000)", "view v");
}
TEST_F(UntrustedFileTest, ViewInPlaceOfATable) {
  ExpectRefused("DROP TABLE cost; CREATE VIEW cost AS SELECT * FROM gap", "view cost");
}
TEST_F(UntrustedFileTest, VirtualTable) {
  ExpectRefused("CREATE VIRTUAL TABLE z USING rtree(a, b, c)", "table z");
}
TEST_F(UntrustedFileTest, Index) { ExpectRefused("CREATE INDEX i ON gap (abs(id))", "index i"); }
TEST_F(UntrustedFileTest, MissingTable) { ExpectRefused("DROP TABLE cost", "table cost"); }
TEST_F(UntrustedFileTest, GeneratedColumn) {
  ExpectRefused("ALTER TABLE gap ADD COLUMN g INTEGER AS (id + 1)", "table gap");
}
TEST_F(UntrustedFileTest, OtherColumnType) {
  ExpectRefused("DROP TABLE vm_flags; CREATE TABLE vm_flags (id INTEGER PRIMARY KEY, names BLOB)",
                "table vm_flags");
}
// A comment is no difference, but what only looks like one is.
TEST_F(UntrustedFileTest, QuotedComment) {
  ExpectRefused(
      "DROP TABLE vm_flags; CREATE TABLE vm_flags (id INTEGER PRIMARY KEY, "
      "names TEXT NOT NULL, \"--\n\" TEXT) STRICT",
      "table vm_flags");
}

struct Lie {
  const char* sql;
  const char* said;
};

TEST_F(UntrustedFileTest, CountsAndOffsetsThatCannotBe) {
  const Lie kLies[] = {
      {"UPDATE snapshot SET id = 4611686018427387904", "impossible ids"},
      {"UPDATE process SET id = -1 WHERE id = 1", "impossible ids"},
      {"UPDATE process SET snapshot_id = 7", "belongs to no snapshot"},
      {"UPDATE mapping SET page_count = 0 WHERE id = 1", "impossible size"},
      {"UPDATE mapping SET page_count = -5 WHERE id = 1", "impossible size"},
      {"UPDATE mapping SET page_count = 9223372036854775807", "impossible size"},
      {"UPDATE mapping SET first_page = -1 WHERE id = 1", "impossible size"},
      {"UPDATE page_chunk SET present_count = -1", "is impossible"},
      {"UPDATE page_chunk SET present_count = 9223372036854775807", "is impossible"},
      {"UPDATE page_chunk SET first_page = 9223372036854775807", "behind its end"},
      {"UPDATE page_chunk SET first_page = -9223372036854775808", "behind its end"},
      {"UPDATE page_chunk SET content_id = 999", "is impossible"},
      {"UPDATE page_content SET page_count = 9223372036854775807", "page_content"},
      {"UPDATE page_content SET page_count = 0", "page_content"},
      {"UPDATE frame_chunk SET frame_count = -1", "impossible range"},
      {"UPDATE frame_chunk SET frame_count = 65537", "impossible range"},
      {"UPDATE frame_chunk SET first_pfn = 1", "impossible range"},
      {"UPDATE frame_chunk SET first_pfn = -65536", "impossible range"},
      {"UPDATE frame_chunk SET frame_count = frame_count + 1", "frame"},
      {"UPDATE frame_chunk SET frame_content_id = 999", "frame_content 999 is not there"},
      {"UPDATE frame_content SET base_id = id", "has an impossible base"},
      {"UPDATE snapshot SET facts_snapshot_id = 9", "has facts of snapshot 9"},
      {"DELETE FROM frame_chunk", "which the snapshot does not have"},
      {"DELETE FROM page_content", "is impossible"},
      {"UPDATE snapshot SET page_size = 9223372036854775807", "page size"},
      {"UPDATE snapshot SET options = printf('%.*c', (1 << 20) + 1, 'x')",
       "that no capture writes"},
      {"UPDATE process SET cmdline = printf('%.*c', (1 << 20) + 1, 'x')", "that no capture writes"},
      {"UPDATE snapshot SET machine = printf('%.*c', 65537, 'x')",
       "a machine in table snapshot has 65537 bytes"},
      {"UPDATE file SET path = printf('%.*c', 65537, 'x')", "a path in table file has 65537 bytes"},
  };
  const std::string sound = folder_.File("sound");
  std::filesystem::copy_file(path_, sound);
  for (const Lie& lie : kLies) {
    std::filesystem::copy_file(sound, path_, std::filesystem::copy_options::overwrite_existing);
    ChangeFile(path_, lie.sql);
    EXPECT_THAT(Message(), HasSubstr(lie.said)) << lie.sql;
  }
}

TEST_F(UntrustedFileTest, LongestTexts) {
  ChangeFile(
      path_,
      "UPDATE snapshot SET options = printf('%.*c', 1 << 20, 'x'), machine = "
      "printf('%.*c', 65536, 'x'); UPDATE process SET cmdline = printf('%.*c', 1 << 20, 'x')");
  EXPECT_EQ(Message(), "no error");
}

// A chunk over another would make pages appear twice, and a small file as many as it likes.
TEST_F(UntrustedFileTest, OverlappingChunks) {
  ChangeFile(path_,
             "INSERT INTO page_chunk SELECT mapping_id, first_page + 1, content_id, present_count, "
             "swapped_count, special_count FROM page_chunk WHERE present_count > 2 LIMIT 1");
  EXPECT_THAT(Message(), HasSubstr("is impossible"));
}

// The accounting of one process cannot unpack to more than its mappings have figures.
TEST_F(UntrustedFileTest, AccountingOfMoreRowsThanMappings) {
  ChangeFile(path_, "UPDATE kernel_accounting SET row_count = 100000000");
  const ReportResult check = RunReport({"check", path_});
  EXPECT_THAT(check.out, HasSubstr("more rows than the process has mappings"));
  EXPECT_EQ(check.code, kExitFailed);
}

TEST_F(UntrustedFileTest, TextsOfReportsAreLimited) {
  Session session(path_);
  session.LimitTexts();
  EXPECT_THAT(
      ErrorOf([&] { QueryRows(session.database(), "SELECT LENGTH(zeroblob((4 << 20) + 1))"); }),
      HasSubstr("or the question makes one"));
}

TEST_F(UntrustedFileTest, NothingElseCanBeAttached) {
  Session session(path_);
  EXPECT_THAT(ErrorOf([&] { QueryRows(session.database(), "ATTACH ':memory:' AS other"); }),
              HasSubstr("too many attached databases"));
}

}  // namespace
}  // namespace pagesnap
