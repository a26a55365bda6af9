#include "tests/live/live_testing.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <tuple>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "tests/support/invariants.h"
#include "tests/support/smaps_oracle.h"

namespace pagesnap {
namespace {

using Json = nlohmann::json;

constexpr int kAttempts = 30;

constexpr std::array kFigures = {"rss", "pss", "uss", "swap", "hugetlb"};
using Figures = std::array<std::optional<uint64_t>, kFigures.size()>;

// Process, first address, address behind the last.
using MappingKey = std::tuple<pid_t, uint64_t, uint64_t>;

struct NamedFigures {
  std::string name;       // for people
  bool observed = false;  // of a file that the observer maps too
  Figures figures;

  bool operator==(const NamedFigures&) const = default;
};

using FiguresByMapping = std::map<MappingKey, NamedFigures>;

// The running capture maps its libraries, as the processes that it looks at may do. Their frames
// are then mapped once more than before and after.
bool IsMappedByCapture(const std::string& path) {
  static const std::set<std::string> files = [] {
    std::set<std::string> names;
    std::istringstream lines(RunCommand({"ldd", BuiltProgram("capture")}).out);
    for (std::string word; lines >> word;) {
      std::error_code error;
      const auto file = std::filesystem::canonical(word, error);
      if (!error) names.insert(file.string());
    }
    return names;
  }();
  return files.count(path) > 0;
}

FiguresByMapping ReadOracle(const std::vector<pid_t>& pids) {
  FiguresByMapping answer;
  for (pid_t pid : pids) {
    for (const SmapsEntry& entry : ReadSmaps(pid)) {
      answer[{pid, entry.start, entry.end}] = {
          fmt::format("{} {:#x} {} {}", pid, entry.start, entry.perms, entry.path),
          IsMappedByCapture(entry.path),
          {entry.rss_kib, entry.pss_kib, entry.uss_kib, entry.swap_kib, entry.hugetlb_kib}};
    }
  }
  return answer;
}

Figures TakeFigures(const Json& row, const std::string& prefix) {
  Figures figures;
  for (size_t i = 0; i < kFigures.size(); ++i) {
    const Json& value = row.at(fmt::format("{}{}_kib", prefix, kFigures[i]));
    if (!value.is_null()) figures[i] = value.get<uint64_t>();
  }
  return figures;
}

struct MappingRow {
  Figures ours;
  Figures kernel;
};

std::map<MappingKey, MappingRow> ReadMaps(const std::string& file) {
  std::map<MappingKey, MappingRow> answer;
  for (const Json& row : AnalyzeRows({"maps", file})) {
    const MappingKey key = {row.at("pid"), *ParseAddress(row.at("start").get<std::string>()),
                            *ParseAddress(row.at("end").get<std::string>())};
    answer[key] = {TakeFigures(row, ""), TakeFigures(row, "kernel_")};
  }
  return answer;
}

std::string Describe(const NamedFigures& truth, const MappingRow& row) {
  std::string text = truth.name + ":";
  auto show = [](const auto& figure) {
    return figure ? std::to_string(*figure) : std::string("none");
  };
  for (size_t i = 0; i < kFigures.size(); ++i) {
    text += fmt::format(" {} {}/{}/{}", kFigures[i], show(row.ours[i]), show(row.kernel[i]),
                        show(truth.figures[i]));
  }
  return text + " (ours/stored/smaps)";
}

// The figures that do not change with the number of mappings.
Figures WithoutSharing(Figures figures) {
  figures[1].reset();  // pss
  figures[2].reset();  // uss
  return figures;
}

// For a file that capture maps too, pss and uss can be compared only with what the kernel said
// during the capture.
bool Agrees(const NamedFigures& truth, const MappingRow& row) {
  if (row.ours != row.kernel) return false;
  return truth.observed ? WithoutSharing(row.ours) == WithoutSharing(truth.figures)
                        : row.ours == truth.figures;
}

// pagemap has a zero for a page of shared memory that was swapped out: only smaps knows it.
bool IsSwappedSharedMemory(const NamedFigures& truth, const MappingRow& row) {
  constexpr size_t kSwap = 3;
  Figures without_swap = row.ours;
  without_swap[kSwap] = truth.figures[kSwap];
  return row.kernel == truth.figures && without_swap == truth.figures &&
         row.ours[kSwap] < truth.figures[kSwap] &&
         (truth.name.find("(deleted)") != std::string::npos ||
          truth.name.find("/dev/") != std::string::npos);
}

// The sums of `processes` and those of `maps`, from one file.
void ExpectSums(const std::string& file, const std::map<MappingKey, MappingRow>& maps) {
  for (const Json& process : AnalyzeRows({"processes", file})) {
    uint64_t mapping_count = 0;
    Figures ours;
    ours.fill(0);
    Figures kernel = ours;
    for (const auto& [key, row] : maps) {
      if (std::get<0>(key) != process.at("pid").get<pid_t>()) continue;
      ++mapping_count;
      for (size_t i = 0; i < kFigures.size(); ++i) {
        *ours[i] += row.ours[i].value_or(0);
        *kernel[i] += row.kernel[i].value_or(0);
      }
    }
    EXPECT_EQ(process.at("mapping_count"), mapping_count);
    // PSS is rounded once for a process, and once for each of its mappings.
    constexpr size_t kPss = 1;
    Figures of_process = TakeFigures(process, "");
    EXPECT_GE(of_process[kPss], ours[kPss]);
    EXPECT_LE(of_process[kPss].value_or(UINT64_MAX), *ours[kPss] + mapping_count);
    of_process[kPss] = ours[kPss];
    EXPECT_EQ(of_process, ours);
    // processes has no column for the kernel's hugetlb figure.
    Json with_hugetlb = process;
    with_hugetlb["kernel_hugetlb_kib"] = *kernel.back();
    EXPECT_EQ(TakeFigures(with_hugetlb, "kernel_"), kernel);
  }
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  const std::filesystem::path base = std::filesystem::temp_directory_path();
  path_ = (base / "pagesnap-live-XXXXXX").string();
  if (mkdtemp(path_.data()) == nullptr) throw Error(path_ + ": " + ErrnoText(errno));
  undo_ = std::make_unique<Undo>([path = path_]() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    return !error;
  });
  chmod(path_.c_str(), 0777);
}

std::vector<std::string> TemporaryDirectory::Names() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

std::string WhyNoPfns() {
  if (geteuid() != 0) return "PFNs are for root alone";
  std::ifstream kpageflags("/proc/kpageflags");
  return kpageflags ? "" : "this kernel has no /proc/kpageflags (CONFIG_PROC_PAGE_MONITOR)";
}

CommandResult RunCapture(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {BuiltProgram("capture")};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return RunCommand(argv);
}

CommandResult RunAnalyze(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {BuiltProgram("analyze")};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return RunCommand(argv);
}

Json AnalyzeRows(const std::vector<std::string>& arguments) {
  std::vector<std::string> with_format = arguments;
  with_format.insert(with_format.end(), {"--format", "json"});
  const CommandResult result = RunAnalyze(with_format);
  if (result.exit_code != 0) {
    throw Error(fmt::format("analyze {}: exit code {}: {}", arguments.front(), result.exit_code,
                            result.err));
  }
  return Json::parse(result.out);
}

void ExpectInvariants(const std::string& file) {
  for (const Invariant& invariant : ReadInvariants()) {
    const Json rows = AnalyzeRows({"sql", file, invariant.sql});
    EXPECT_EQ(rows.size(), 0u) << invariant.name << ", the first is " << rows.at(0);
  }
}

std::string JoinPids(const std::vector<pid_t>& pids) {
  return fmt::format("{}", fmt::join(pids, ","));
}

void CaptureProcesses(const std::vector<pid_t>& pids, const std::string& file) {
  const CommandResult result = RunCapture({"-p", JoinPids(pids), "-o", file});
  if (result.exit_code != 0) {
    throw Error(
        fmt::format("capture: exit code {}: {}{}", result.exit_code, result.out, result.err));
  }
}

void ExpectFiguresEqualSmaps(const std::vector<pid_t>& pids, const TemporaryDirectory& directory) {
  FiguresByMapping unproven = ReadOracle(pids);
  const size_t mapping_count = unproven.size();
  std::map<MappingKey, std::string> differences;
  std::string check_output = "never run";
  for (int i = 0; i < kAttempts && (!unproven.empty() || !check_output.empty()); ++i) {
    const std::string file = directory.File(fmt::format("attempt-{}.pagesnap", i));
    const FiguresByMapping before = ReadOracle(pids);
    CaptureProcesses(pids, file);
    const FiguresByMapping after = ReadOracle(pids);
    const std::map<MappingKey, MappingRow> maps = ReadMaps(file);
    ASSERT_EQ(maps.size(), mapping_count);
    bool invisible_swap = false;
    for (const auto& [key, truth] : after) {
      ASSERT_EQ(maps.count(key), 1u) << "analyze maps has no " << truth.name;
      const MappingRow& row = maps.at(key);
      differences[key] = Describe(truth, row);
      if (!before.count(key) || before.at(key) != truth) continue;
      const bool swapped_shared = IsSwappedSharedMemory(truth, row);
      if (swapped_shared)
        fmt::print("shared memory in swap, which pagemap hides: {}\n", truth.name);
      invisible_swap |= swapped_shared;
      if (swapped_shared || Agrees(truth, row)) {
        unproven.erase(key);
      }
    }
    ExpectSums(file, maps);
    const CommandResult check = RunAnalyze({"check", file});
    check_output = check.exit_code == 0 || invisible_swap ? "" : check.out + check.err;
  }
  for (const auto& [key, truth] : unproven) ADD_FAILURE() << differences[key];
  EXPECT_EQ(check_output, "");
}

}  // namespace pagesnap
