// samples/versions has a snapshot of every version of the format; this release reads all of them.
#include <gmock/gmock.h>

#include <filesystem>

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

}  // namespace
}  // namespace pagesnap
