#include "analyze/complete.h"

#include <gmock/gmock.h>

namespace pagesnap {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kSample[] = PAGESNAP_SAMPLE_DIR "/python.pagesnap";

TEST(CompleteAnalyzeTest, FirstTheReports) {
  const std::string words = CompleteAnalyze({""});
  EXPECT_THAT(words, AllOf(HasSubstr("processes\tWhat each"), HasSubstr("sql\t")));
  EXPECT_THAT(words, Not(HasSubstr("maps --by")));
  EXPECT_THAT(CompleteAnalyze({"show", ""}), AllOf(HasSubstr("maps\t"), Not(HasSubstr("sql\t"))));
}

TEST(CompleteAnalyzeTest, ThenFilesAndOptions) {
  EXPECT_EQ(CompleteAnalyze({"maps", ""}), "\tsnapshot\n");
  EXPECT_EQ(CompleteAnalyze({"run", ""}), "\tfile\n");
  EXPECT_EQ(CompleteAnalyze({"nonesuch", ""}), "");
  EXPECT_THAT(CompleteAnalyze({"maps", "--"}), AllOf(HasSubstr("--pid\t"), HasSubstr("--by\t")));
  EXPECT_THAT(CompleteAnalyze({"diff", "--"}),
              AllOf(HasSubstr("--before\t"), HasSubstr("--fail-if\t")));
}

TEST(CompleteAnalyzeTest, ValuesOfOptions) {
  EXPECT_EQ(CompleteAnalyze({"maps", "--by", ""}), "path\t\n");
  EXPECT_THAT(CompleteAnalyze({"maps", "--sort", ""}),
              AllOf(HasSubstr("\nrss_kib\t"), HasSubstr("\n-rss_kib\t")));
  EXPECT_THAT(CompleteAnalyze({"maps", "--by", "path", "--sort", ""}), Not(HasSubstr("perms\t")));
  EXPECT_THAT(CompleteAnalyze({"maps", "--format", ""}), HasSubstr("csv\tRFC 4180"));
}

TEST(CompleteAnalyzeTest, ProcessesAndSnapshotsOfTheFile) {
  EXPECT_THAT(CompleteAnalyze({"maps", kSample, "--pid", ""}), HasSubstr("10\tpython3\n"));
  EXPECT_THAT(CompleteAnalyze({"maps", kSample, "--name", ""}), HasSubstr("python3\t"));
  EXPECT_THAT(CompleteAnalyze({"maps", kSample, "--snapshot", ""}), HasSubstr("2\t20"));
  EXPECT_EQ(CompleteAnalyze({"maps", "/nonesuch", "--pid", ""}), "");
  EXPECT_EQ(CompleteAnalyze({"maps", "--pid", ""}), "");
}

}  // namespace
}  // namespace pagesnap
