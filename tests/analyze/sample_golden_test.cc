// What every report prints of every sample, byte by byte: tests/golden/samples/REPORT.txt has all
// samples and formats. PAGESNAP_UPDATE_GOLDEN=1 in the environment writes the files anew.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "analyze/report.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

constexpr char kFolder[] = PAGESNAP_GOLDEN_DIR "/samples";

// So that the files stay small; the notes say how many more there are.
constexpr char kLimit[] = "8";

// What a report has to be asked about, found in the sample itself: a query whose rows are
// arguments.
struct Question {
  const char* report;
  const char* arguments;
};
constexpr Question kQuestions[] = {
    {"layout", "SELECT '--pid=' || pid FROM process WHERE mapping_count > 0 ORDER BY id LIMIT 1"},
    // A page of each state, then the frame that most mappings share.
    {"translate",
     "SELECT '--address=' || page_address(MIN(g.page), s.page_size) FROM page g "
     "JOIN snapshot s ON s.id = g.snapshot_id GROUP BY g.state "
     "UNION ALL SELECT '--physical=' || page_address(f.pfn, s.page_size, 16) FROM snapshot s "
     "JOIN (SELECT snapshot_id, pfn FROM frame ORDER BY user_count DESC, pfn LIMIT 1) f "
     "ON f.snapshot_id = s.id"},
};

// Returns the name of a report's file: "maps-by-path" for the form "maps --by path".
std::string FileName(std::string report) {
  for (const char* sign : {" --", " "}) {
    for (size_t at; (at = report.find(sign)) != std::string::npos;) {
      report.replace(at, strlen(sign), "-");
    }
  }
  return report;
}

std::vector<std::string> Samples() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(PAGESNAP_SAMPLE_DIR)) {
    if (entry.path().extension() == ".pagesnap") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> ArgumentsOf(const Report& report, const std::string& path) {
  for (const Question& question : kQuestions) {
    if (report.name != question.report) continue;
    const Session session(path);
    return QueryRows(session.database(), question.arguments);
  }
  if (report.scope == ReportScope::kTwo) {
    // A sample with one snapshot has not changed since itself.
    const Session session(path);
    return QueryRows(session.database(),
                     "SELECT '--before=1' UNION ALL SELECT '--after=' || MAX(id) FROM snapshot");
  }
  return {};
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// Returns what a report says of a sample, under the command that says it.
std::string Printed(const Report& report, const std::string& sample) {
  const std::string path = std::string(PAGESNAP_SAMPLE_DIR) + "/" + sample;
  std::vector<std::string> arguments = {report.name, path};
  for (std::string& argument : ArgumentsOf(report, path)) arguments.push_back(std::move(argument));
  arguments.insert(arguments.end(), {"--limit", kLimit});
  std::string text;
  for (const char* format : {"table", "csv", "json"}) {
    std::vector<std::string> command = arguments;
    if (format != std::string("table")) command.insert(command.end(), {"--format", format});
    text += fmt::format("$ analyze {}\n", fmt::join(command, " "));
    const ReportResult result = RunReport(command);
    text += result.out;
    // The notes are the same for all formats, but for what is about the table alone.
    if (format == std::string("table")) text += result.notes;
    text += "\n";
  }
  return Replaced(text, path, "samples/" + sample);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Returns the first line that differs, for a message that can be read.
std::string Difference(const std::string& expected, const std::string& actual) {
  std::istringstream before(expected);
  std::istringstream now(actual);
  for (int number = 1;; ++number) {
    std::string old_line;
    std::string new_line;
    const bool more_old = static_cast<bool>(std::getline(before, old_line));
    const bool more_new = static_cast<bool>(std::getline(now, new_line));
    if (!more_old && !more_new) return "no line";
    if (old_line != new_line || more_old != more_new) {
      return fmt::format("line {}\n  was {}\n  is  {}", number, old_line, new_line);
    }
  }
}

constexpr char kHowTo[] =
    "if that is as it should be, write the file anew and read what changed:\n"
    "  PAGESNAP_UPDATE_GOLDEN=1 build/bin/analyze_test --gtest_filter='*SampleGolden*'";

class SampleGoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(SampleGoldenTest, IsPrinted) {
  const Report& report = FindReport(GetParam());
  std::string text;
  for (const std::string& sample : Samples()) text += Printed(report, sample);
  const std::string path = fmt::format("{}/{}.txt", kFolder, FileName(report.name));
  if (getenv("PAGESNAP_UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(kFolder);
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  ASSERT_TRUE(std::filesystem::exists(path))
      << "the report " << report.name << " has no golden output; make it and read it:\n"
      << "  PAGESNAP_UPDATE_GOLDEN=1 build/bin/analyze_test --gtest_filter='*SampleGolden*'";
  const std::string expected = ReadFile(path);
  EXPECT_TRUE(expected == text) << path << ": " << Difference(expected, text) << "\n" << kHowTo;
}

std::vector<std::string> ReportNames() {
  std::vector<std::string> names;
  for (const Report& report : BuiltInReports()) names.push_back(report.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Reports, SampleGoldenTest, testing::ValuesIn(ReportNames()),
                         [](const auto& name) { return SqlName(FileName(name.param)); });

// No file is left of a report that is gone, and all of them together are small.
TEST(SampleGoldenFilesTest, AreThoseOfTheReports) {
  std::vector<std::string> names;
  for (const std::string& report : ReportNames()) names.push_back(FileName(report));
  uintmax_t size = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    size += entry.file_size();
    EXPECT_THAT(names, testing::Contains(entry.path().stem().string()))
        << entry.path() << " belongs to no report: remove it";
  }
  EXPECT_LT(size, 1'000'000u);
}

}  // namespace
}  // namespace pagesnap
