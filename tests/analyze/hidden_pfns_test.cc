// What reports say of captures without privileges, whose PFNs the kernel hid.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/support/captured_snapshot.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr char kMarkNote[] =
    "note: * marks the kernel's own figures (smaps), where ours are unknown\n";

// One machine, captured twice without PFNs and once with them.
class HiddenPfnsTest : public testing::Test {
 protected:
  static std::unique_ptr<CapturedSnapshot> Capture(bool hidden) {
    MachineTree machine;
    FillSampleMachine(machine);
    if (hidden) machine.HidePfns();
    return std::make_unique<CapturedSnapshot>(machine.reader());
  }
  [[nodiscard]] nlohmann::json Json(std::vector<std::string> command) const {
    command.insert(command.end(), {"--format", "json"});
    return nlohmann::json::parse(RunReport(command).out);
  }
  // Returns the cells of the first row of a table that has `label` in its first cells.
  [[nodiscard]] static std::string LineWith(const std::string& table, const std::string& label) {
    const size_t at = table.find(label);
    if (at == std::string::npos) return "";
    const size_t begin = table.rfind('\n', at) + 1;
    return table.substr(begin, table.find('\n', at) - begin);
  }

  const std::unique_ptr<CapturedSnapshot> before_ = Capture(/*hidden=*/true);
  const std::unique_ptr<CapturedSnapshot> after_ = Capture(/*hidden=*/true);
  const std::unique_ptr<CapturedSnapshot> known_ = Capture(/*hidden=*/false);
};

TEST_F(HiddenPfnsTest, TablesHaveTheKernelsFiguresMarked) {
  const auto processes = Json({"processes", before_->path()});
  int64_t total = 0;
  for (const auto& line : processes) {
    if (line["mapping_count"] == 0) continue;
    EXPECT_TRUE(line["rss_kib"].is_null()) << "JSON says what is known by ourselves";
    const int64_t kib = line["kernel_rss_kib"].get<int64_t>();
    total += kib;
    const ReportResult result =
        RunReport({"processes", before_->path(), "--columns", "pid,rss_kib", "--units", "bytes"});
    EXPECT_THAT(result.out,
                ContainsRegex(fmt::format("{} +\\*{}\n", line["pid"].get<int>(), kib * 1024)));
  }
  ASSERT_GT(total, 0);
  const ReportResult result =
      RunReport({"processes", before_->path(), "--columns", "pid,rss_kib,pss_kib"});
  EXPECT_THAT(result.out, ContainsRegex(fmt::format("total +\\*{} ", total)));
  EXPECT_THAT(result.notes, HasSubstr(kMarkNote));
  EXPECT_THAT(result.notes, Not(HasSubstr("no total")));
  const ReportResult known = RunReport({"processes", known_->path()});
  EXPECT_THAT(known.out, Not(HasSubstr("*")));
  EXPECT_THAT(known.notes, Not(HasSubstr(kMarkNote)));
  EXPECT_THAT(RunReport({"processes", before_->path(), "--format", "csv"}).out,
              Not(HasSubstr("*")));
}

TEST_F(HiddenPfnsTest, ANarrowTerminalHasThemInPlaceOfOurs) {
  const Terminal terminal = {.width = 80, .utf8 = true};
  const std::vector<std::vector<std::string>> commands = {
      {"processes", before_->path()},
      {"maps", before_->path()},
      {"maps", "--by", "path", before_->path()},
      {"diff", before_->path(), after_->path()},
      {"diff-processes", before_->path(), after_->path()},
      {"timeline", before_->path(), after_->path()},
      {"timeline", "--by", "mapping", before_->path(), after_->path()}};
  for (const auto& command : commands) {
    const ReportResult result = RunReport(command, terminal);
    EXPECT_THAT(result.out, ContainsRegex("\\*[0-9.]+[KM]"))
        << fmt::format("{}", fmt::join(command, " "));
    EXPECT_THAT(result.notes, HasSubstr(kMarkNote)) << result.out;
  }
}

TEST_F(HiddenPfnsTest, ComparisonsAreOfTheKernelsFigures) {
  const auto total = Json({"diff-total", before_->path(), after_->path()}).at(0);
  auto sum = [this](const CapturedSnapshot& file, const char* column) {
    int64_t kib = 0;
    for (const auto& line : Json({"processes", file.path()})) kib += line[column].get<int64_t>();
    return kib;
  };
  for (const std::string figure : {"rss_kib", "pss_kib", "uss_kib", "swap_kib"}) {
    const std::string kernel = "kernel_" + figure;
    const int64_t before = sum(*before_, kernel.c_str());
    const int64_t after = sum(*after_, kernel.c_str());
    EXPECT_EQ(total["kernel_before_" + figure], before);
    EXPECT_EQ(total["kernel_after_" + figure], after);
    EXPECT_EQ(total[kernel], after - before);
  }
  // One of the two is enough; of none, the kernel's are not asked for.
  EXPECT_EQ(Json({"diff-total", known_->path(), after_->path()}).at(0)["kernel_rss_kib"],
            total["kernel_rss_kib"]);
  EXPECT_TRUE(
      Json({"diff-total", known_->path(), known_->path()}).at(0)["kernel_rss_kib"].is_null());
  const std::string diff = RunReport({"diff", before_->path(), after_->path()}).out;
  EXPECT_THAT(
      LineWith(diff, "RSS"),
      ContainsRegex(fmt::format(
          "\\*{} +\\*{} +\\*{}", total["kernel_before_rss_kib"].get<int64_t>(),
          total["kernel_after_rss_kib"].get<int64_t>(), total["kernel_rss_kib"].get<int64_t>())));
  EXPECT_THAT(LineWith(diff, "hugetlb"), Not(HasSubstr("*")));
}

// Sums by kind and by mapping are those of the whole.
TEST_F(HiddenPfnsTest, KindsAddUp) {
  const auto lines = Json({"diff", before_->path(), after_->path()});
  for (const auto& line : lines) EXPECT_EQ(line.count("kernel_before_kib"), 0u) << "it is hidden";
  const std::string table =
      RunReport({"diff", before_->path(), after_->path(), "--columns", "topic,after_kib"}).out;
  int64_t total = -1;
  int64_t kinds = 0;
  bool is_whole = true;
  std::istringstream rows(table);
  for (std::string row; std::getline(rows, row);) {
    const size_t mark = row.find('*');
    const int64_t kib = mark == std::string::npos ? 0 : std::stoll(row.substr(mark + 1));
    if (row.starts_with("total") && total < 0) total = kib;
    if (!row.starts_with("rss of")) continue;
    kinds += kib;
    is_whole &= mark != std::string::npos;
  }
  EXPECT_GT(total, 0);
  if (is_whole) {
    EXPECT_EQ(kinds, total);
  }
  EXPECT_GT(kinds, 0);
}

TEST_F(HiddenPfnsTest, SeriesHaveHistoryAndTrend) {
  const auto lines = Json({"timeline", before_->path(), after_->path(), before_->path()});
  bool has_trend = false;
  for (const auto& line : lines) {
    if (line["history"].get<std::string>().find_first_not_of('.') == std::string::npos) continue;
    EXPECT_TRUE(line["rss_kib"].is_null());
    EXPECT_TRUE(line["growth_kib"].is_null());
    has_trend |= !line["trend"].is_null();
  }
  EXPECT_TRUE(has_trend);
}

// A guard must work for a job without root, and say whose figures it took.
TEST_F(HiddenPfnsTest, GuardsFallBackAndSaySo) {
  const std::string a = before_->path();
  const std::string b = after_->path();
  const std::string note = "so the kernel's own figure (smaps) counts\n";
  const std::vector<std::vector<std::string>> commands = {
      {"processes", a}, {"maps", a},          {"timeline", a, b},
      {"diff", a, b},   {"diff-total", a, b}, {"diff-processes", a, b}};
  for (std::vector<std::string> command : commands) {
    const std::string name = command[0];
    command.insert(command.end(), {"--fail-if", ""});
    auto run = [&](const std::string& condition) {
      command.back() = condition;
      return RunReport(command);
    };
    const bool is_diff = name.starts_with("diff");
    const std::string figure = is_diff ? "after_rss" : "rss";
    EXPECT_EQ(run(figure + " > 1K").code, kExitCondition) << name;
    EXPECT_THAT(run(figure + " > 1K").notes,
                HasSubstr(fmt::format("--fail-if: {}_kib is unknown, {}", figure, note)));
    EXPECT_EQ(run(figure + " > 1T").code, kExitOk) << name;
    EXPECT_THAT(run(figure + " > 1T").notes, HasSubstr(note)) << "also where it does not hold";
    EXPECT_EQ(run(figure + "_kib > 1").code, kExitWithGaps) << name << ": the column is unknown";
    if (!is_diff) continue;
    EXPECT_EQ(run("rss_growth > -100%").code, kExitCondition) << name;
    EXPECT_EQ(run("rss_growth > 10000%").code, kExitOk) << name;
    EXPECT_THAT(run("rss_growth > 10000%").notes, HasSubstr(note));
  }
  const ReportResult known = RunReport({"processes", known_->path(), "--fail-if", "rss > 1K"});
  EXPECT_EQ(known.code, kExitCondition);
  EXPECT_THAT(known.notes, Not(HasSubstr(note)));
}

}  // namespace
}  // namespace pagesnap
