// A damaged blob is found, named, and costs nothing but what it holds.
#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include "analyze/report.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/report_arguments.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kProblems[] =
    "SELECT table_name, key, problem FROM blob_check WHERE problem IS NOT NULL";

class DamageTest : public testing::Test {
 protected:
  DamageTest() {
    FillSampleMachine(machine_);
    file_ = std::make_unique<CapturedSnapshot>(machine_.reader());
  }
  // Runs check, which must find damage in that row and no other.
  void ExpectCheckFinds(const std::string& table, const std::string& subject) {
    const ReportResult check = RunReport({"check", file_->path(), "--format", "csv"});
    EXPECT_EQ(check.code, kExitFailed);
    EXPECT_THAT(check.out, HasSubstr("checksums," + table + ",damaged,"));
    EXPECT_THAT(check.out,
                HasSubstr("\r\nblob," + subject + ",damaged,it does not match its checksum\r\n"));
    size_t damaged = 0;
    for (size_t at = 0; (at = check.out.find(",damaged,", at)) != std::string::npos; ++at) {
      ++damaged;
    }
    EXPECT_EQ(damaged, 2) << check.out;
  }

  MachineTree machine_;
  std::unique_ptr<CapturedSnapshot> file_;
};

TEST_F(DamageTest, SoundFile) {
  EXPECT_THAT(file_->Rows(kProblems), IsEmpty());
  const ReportResult check = RunReport({"check", file_->path()});
  EXPECT_EQ(check.code, kExitOk) << check.out;
}

TEST_F(DamageTest, PageContent) {
  FlipBit(file_->path(), "page_content", "words", 2);  // the heap of 100
  SnapshotReader& reader = file_->session().reader();
  EXPECT_EQ(ErrorOf([&] { reader.Words(2); }),
            file_->path() +
                " is damaged: page_content 2 does not match its checksum; 'analyze "
                "check' lists all such places");
  EXPECT_EQ(reader.Words(1).size(), 3);
  EXPECT_EQ(ErrorOf([&] { reader.Words(2); }).substr(0, 5), file_->path().substr(0, 5))
      << "read again, it is still damaged";
  EXPECT_THAT(file_->Rows("SELECT mapping_id, COUNT(*) FROM page WHERE process_id = 3 GROUP BY "
                          "mapping_id"),
              ElementsAre("6|3", "7|4"));
  EXPECT_THAT(ErrorOf([&] { file_->Rows("SELECT * FROM page WHERE process_id = 2"); }),
              HasSubstr("page_content 2 does not match its checksum"));
  EXPECT_THAT(file_->Rows("SELECT mapping_id, rss_kib, pss_kib, swap_kib, missing "
                          "FROM mapping_usage WHERE process_id = 2"),
              ElementsAre("1|12|6|0|NULL", "2|NULL|NULL|8|a blob is damaged, see 'analyze check'",
                          "3|0|0|0|NULL", "4|0|0|0|NULL", "5|0|0|0|NULL"));
  EXPECT_THAT(file_->Rows("SELECT rss_kib FROM process_usage WHERE mapping_count > 0"),
              ElementsAre("NULL", "28"));
  EXPECT_THAT(file_->Rows(kProblems),
              ElementsAre("page_content|id 2|it does not match its checksum"));
  ExpectCheckFinds("page_content", "page_content id 2");
}

TEST_F(DamageTest, EveryByteOfABlobCounts) {
  const auto size = file_->Rows("SELECT LENGTH(words) FROM page_content WHERE id = 2");
  for (int i = 0; i < std::stoi(size.at(0)); ++i) {
    FlipBit(file_->path(), "page_content", "words", 2, i);
    const Session damaged(file_->path());
    EXPECT_THAT(QueryRows(damaged.database(), kProblems), testing::SizeIs(1)) << i;
    FlipBit(file_->path(), "page_content", "words", 2, i);
  }
  const Session mended(file_->path());
  EXPECT_THAT(QueryRows(mended.database(), kProblems), IsEmpty());
}

TEST_F(DamageTest, FrameContent) {
  FlipBit(file_->path(), "frame_content", "facts", 1);
  EXPECT_THAT(ErrorOf([&] { file_->Rows("SELECT flags FROM page"); }),
              HasSubstr("frame_content 1 does not match its checksum"));
  EXPECT_THAT(ErrorOf([&] { file_->Rows("SELECT * FROM frame"); }), HasSubstr("is damaged"));
  EXPECT_THAT(file_->Rows("SELECT COUNT(page), COUNT(pfn) FROM page"), ElementsAre("19|16"));
  EXPECT_THAT(
      file_->Rows("SELECT mapping_id, rss_kib, swap_kib FROM mapping_usage"),
      ElementsAre("1|NULL|0", "2|NULL|8", "3|NULL|0", "4|NULL|0", "5|0|0", "6|NULL|0", "7|NULL|0"));
  EXPECT_THAT(file_->Rows(kProblems),
              ElementsAre("frame_content|id 1|it does not match its checksum"));
  ExpectCheckFinds("frame_content", "frame_content id 1");
}

// What was found damaged on the way is damaged still when all is loaded.
TEST_F(DamageTest, FrameContentThatWasAskedForBefore) {
  FlipBit(file_->path(), "frame_content", "facts", 1);
  EXPECT_THAT(ErrorOf([&] { file_->Rows("SELECT flags FROM page"); }), HasSubstr("is damaged"));
  for (const char* table : {"frame_group", "sharing_group", "mapping_sharing", "frame_user"}) {
    EXPECT_THAT(ErrorOf([&] { file_->Rows(std::string("SELECT * FROM ") + table); }),
                HasSubstr("frame_content 1 does not match its checksum"))
        << table;
  }
}

TEST_F(DamageTest, KernelAccounting) {
  FlipBit(file_->path(), "kernel_accounting", "figures", 2);
  EXPECT_THAT(ErrorOf([&] { file_->session().reader().Accounting(2); }),
              HasSubstr("kernel_accounting of process 2 does not match its checksum"));
  ASSERT_NE(file_->session().reader().Accounting(3), nullptr);
  EXPECT_THAT(file_->Rows("SELECT pid, rss_kib, kernel_rss_kib FROM process_usage WHERE "
                          "mapping_count > 0"),
              ElementsAre("100|24|NULL", "101|28|28"));
  EXPECT_THAT(file_->Rows(kProblems),
              ElementsAre("kernel_accounting|process_id 2|it does not match its checksum"));
  ExpectCheckFinds("kernel_accounting", "kernel_accounting process_id 2");
}

// What a report printed, or the Error that it ended with.
struct Answer {
  std::string out;
  std::string said;
};

Answer AnswerOf(const Report& report, const std::string& path) {
  std::vector<std::string> arguments = ReportArguments(report, path);
  arguments.insert(arguments.begin(), {report.name, path, "--format", "csv"});
  try {
    const ReportResult result = RunReport(arguments);
    return {result.out, result.notes};
  } catch (const Error& error) {
    return {"", error.what()};
  }
}

// A report that needs the damaged blob ends with a sentence, or has unknown figures and a sentence;
// one that does not is as before.
TEST_F(DamageTest, EveryReportSaysWhatItLacks) {
  const struct {
    const char* table;
    const char* column;
    int64_t row_id;
  } kBlobs[] = {{"page_content", "words", 2},
                {"frame_content", "facts", 1},
                {"kernel_accounting", "figures", 2}};
  std::map<std::string, int> affected;
  for (const Report& report : BuiltInReports()) {
    if (report.name == "check") continue;
    SCOPED_TRACE(report.name);
    const Answer sound = AnswerOf(report, file_->path());
    EXPECT_THAT(sound.said, Not(HasSubstr("damaged")));
    for (const auto& blob : kBlobs) {
      SCOPED_TRACE(blob.table);
      FlipBit(file_->path(), blob.table, blob.column, blob.row_id);
      const Answer damaged = AnswerOf(report, file_->path());
      FlipBit(file_->path(), blob.table, blob.column, blob.row_id);
      if (damaged.out == sound.out) continue;
      ++affected[blob.table];
      EXPECT_THAT(damaged.said, HasSubstr(file_->path() + " is damaged: " + blob.table));
    }
  }
  for (const auto& blob : kBlobs) EXPECT_GT(affected[blob.table], 1) << blob.table;
}

TEST_F(DamageTest, ComparisonsGoOnWithoutTheFramesOfADamagedChunk) {
  const std::string sound = file_->path() + ".sound";
  std::filesystem::copy_file(file_->path(), sound);
  FlipBit(file_->path(), "frame_content", "facts", 1);
  const Session session({sound, file_->path()});
  EXPECT_THAT(QueryRows(session.database(),
                        "SELECT change, SUM(page_count) FROM page_change(1, 2) "
                        "GROUP BY change ORDER BY change"),
              ElementsAre("incomparable|16", "unchanged|3"));
  EXPECT_THAT(QueryRows(session.database(),
                        "SELECT SUM(incomparable_count), SUM(unchanged_count), "
                        "SUM(before_rss_kib) > 0, MAX(after_rss_kib) FROM change_usage(1, 2) "
                        "WHERE before_mapping_id IN (1, 2, 6, 7)"),
              ElementsAre("13|3|1|NULL"));
}

TEST_F(DamageTest, CountThatDoesNotFitTheBlob) {
  ChangeFile(file_->path(), "UPDATE page_content SET page_count = page_count + 1 WHERE id = 1");
  EXPECT_NE(ErrorOf([&] { file_->session().reader().Words(1); }), "no error");
  EXPECT_THAT(file_->Rows("SELECT key FROM blob_check WHERE problem IS NOT NULL"),
              ElementsAre("id 1"));
}

TEST_F(DamageTest, ContentThatIsNotThere) {
  ChangeFile(file_->path(), "DELETE FROM page_content WHERE id = 2");
  EXPECT_THAT(ErrorOf([&] { file_->session().reader().Words(2); }),
              HasSubstr("page_content 2 is not there"));
  EXPECT_THAT(file_->Rows("SELECT rss_kib FROM mapping_usage WHERE mapping_id IN (1, 2)"),
              ElementsAre("12", "NULL"));
}

}  // namespace
}  // namespace pagesnap
