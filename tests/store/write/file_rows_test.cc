// A series has a row of `file` for each file, however many snapshots have it, and another one when
// it is not the same file any more.
#include <gmock/gmock.h>

#include <functional>

#include "lib/store/write/snapshot_writer.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;

class FileRowsTest : public testing::Test {
 protected:
  using Snapshot = std::vector<std::pair<std::string, FileFacts>>;

  // Writes a series: in each snapshot, one process that maps these files, each twice.
  void Write(const std::vector<Snapshot>& series) {
    WriteSnapshotFile(path_, [&](SnapshotWriter& writer) {
      for (const Snapshot& files : series) {
        writer.BeginSnapshot({});
        const int64_t process = writer.AddProcess({.pid = 7, .name = "p", .state = "S"});
        for (int i = 0; i < 2; ++i) {
          for (const auto& [path, facts] : files) {
            MappingRow row = writer.MakeMapping(process, {.first_page = ++page_,
                                                          .page_count = 1,
                                                          .perms = "r--p",
                                                          .device = "8:1",
                                                          .inode = path.starts_with('/') ? 5U : 0U,
                                                          .path = path});
            writer.AddMapping(row);
            if (path.starts_with('/')) writer.SetFileFacts(row.file_id, facts);
          }
        }
        writer.SetMappingCount(process, static_cast<int64_t>(2 * files.size()));
        writer.Commit();
      }
    });
  }

  std::vector<std::string> Rows(const std::string& sql) {
    return QueryRows(Database::OpenReadOnly(path_), sql);
  }
  std::vector<std::string> Files() {
    return Rows("SELECT path, size, mtime_ns, build_id, link_count FROM file ORDER BY id");
  }
  // Returns the times of the files that the mappings of each snapshot have.
  std::vector<std::string> TimesBySnapshot() {
    return Rows(
        "SELECT p.snapshot_id, COUNT(*), MIN(COALESCE(f.mtime_ns, -1)), "
        "MAX(COALESCE(f.mtime_ns, -1)) FROM mapping m "
        "JOIN process p ON p.id = m.process_id JOIN file f ON f.id = m.file_id "
        "GROUP BY p.snapshot_id ORDER BY 1");
  }

  static FileFacts Facts(int64_t mtime_ns, const std::string& build_id = "") {
    return {.size = 10, .mtime_ns = mtime_ns, .build_id = build_id, .link_count = 1};
  }

  TestFolder folder_;
  std::string path_ = folder_.File("series.pagesnap");
  uint64_t page_ = 0;
};

TEST_F(FileRowsTest, WhatIsUnchangedAddsNoRow) {
  const Snapshot snapshot = {{"/a", Facts(1, "ab")}, {"[heap]", {}}, {"/b", {}}};
  Write({snapshot, snapshot, snapshot});
  EXPECT_THAT(Files(),
              ElementsAre("/a|10|1|ab|1", "[heap]|NULL|NULL|NULL|NULL", "/b|NULL|NULL|NULL|NULL"));
}

TEST_F(FileRowsTest, AnyChangeIsAnotherFile) {
  FileFacts larger = Facts(1, "ab");
  larger.size = 11;
  FileFacts unlinked = Facts(1, "ab");
  unlinked.link_count = 0;
  Write({{{"/a", Facts(1, "ab")}},
         {{"/a", larger}},
         {{"/a", Facts(1, "cd")}},
         {{"/a", unlinked}},
         {{"/a", Facts(-4, "ab")}}});
  EXPECT_THAT(Files(), ElementsAre("/a|10|1|ab|1", "/a|11|1|ab|1", "/a|10|1|cd|1", "/a|10|1|ab|0",
                                   "/a|10|-4|ab|1"));
}

TEST_F(FileRowsTest, MappingsReferToTheFileOfTheirSnapshot) {
  const Snapshot first = {{"/a", Facts(1)}, {"/b", Facts(5)}};
  const Snapshot second = {{"/a", Facts(2)}, {"/b", Facts(5)}};
  Write({first, second, first, second, second});
  EXPECT_THAT(Files(), ElementsAre("/a|10|1|NULL|1", "/b|10|5|NULL|1", "/a|10|2|NULL|1"));
  EXPECT_THAT(TimesBySnapshot(),
              ElementsAre("1|4|1|5", "2|4|2|5", "3|4|1|5", "4|4|2|5", "5|4|2|5"));
}

// The page with the build ID may have left memory.
TEST_F(FileRowsTest, ABuildIdStaysKnownWhileTimeAndSizeAreTheSame) {
  Write({{{"/a", Facts(1, "ab")}}, {{"/a", Facts(1)}}, {{"/a", Facts(2)}}});
  EXPECT_THAT(Files(), ElementsAre("/a|10|1|ab|1", "/a|10|2|NULL|1"));
}

TEST_F(FileRowsTest, WhatIsUnknownNowIsNotBelievedToBeAsBefore) {
  Write({{{"/a", Facts(1)}}, {{"/a", {}}}, {{"/a", Facts(1)}}});
  EXPECT_THAT(TimesBySnapshot(), ElementsAre("1|2|1|1", "2|2|-1|-1", "3|2|1|1"));
  EXPECT_EQ(Files().size(), 2);
}

}  // namespace
}  // namespace pagesnap
