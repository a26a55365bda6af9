// What the reports print of one machine.
#include "tests/analyze/golden.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cerrno>

#include "lib/base/error.h"
#include "tests/support/faulty_reader.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

// One snapshot for all tests. The fourth part of 101's private memory could not be read.
class GoldenTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    MachineTree machine;
    FillSampleMachine(machine);
    FaultyReader faulty(machine.reader());
    faulty.FailWords("proc/101/pagemap", 0x7f2000000, 1, EIO);
    file_ = std::make_unique<CapturedSnapshot>(faulty);
    // What differs from run to run, or from release to release.
    ChangeFile(file_->path(),
               "UPDATE snapshot SET tool_version = '1.2.3';"
               "DELETE FROM cost WHERE source NOT IN ('total', 'pagemap');"
               "UPDATE cost SET wall_ns = 2500000, call_count = 1234, byte_count = 65536, "
               "longest_ns = 150000;"
               "UPDATE cost SET user_ns = 1000000, system_ns = 2000000, peak_rss_kib = 6144 "
               "WHERE source = 'total'");
  }
  static void TearDownTestSuite() { file_.reset(); }

  // Compares all three formats with NAME.txt, NAME.csv and NAME.json.
  static void Compare(const std::string& name, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin() + 1, file_->path());
    ExpectGoldenReport(name, std::move(arguments));
  }
  static std::unique_ptr<CapturedSnapshot> file_;
};
std::unique_ptr<CapturedSnapshot> GoldenTest::file_;

TEST_F(GoldenTest, Info) { Compare("info", {"info"}); }
TEST_F(GoldenTest, Processes) { Compare("processes", {"processes"}); }
TEST_F(GoldenTest, Groups) { Compare("groups", {"groups"}); }
TEST_F(GoldenTest, GroupsByTree) { Compare("groups_tree", {"groups", "--by", "tree"}); }
TEST_F(GoldenTest, Maps) { Compare("maps", {"maps"}); }
TEST_F(GoldenTest, MapsOfOneProcess) { Compare("maps_pid", {"maps", "--pid", "101"}); }
TEST_F(GoldenTest, Check) { Compare("check", {"check"}); }

TEST_F(GoldenTest, Flags) { Compare("flags", {"flags"}); }
TEST_F(GoldenTest, FlagsOfOneProcess) {
  Compare("flags_pid", {"flags", "--pid", "100", "--require", "uptodate", "--exclude", "ANON",
                        "--exclude", "HUGE"});
}
TEST_F(GoldenTest, Pages) { Compare("pages", {"pages"}); }
TEST_F(GoldenTest, PagesOfOneProcess) { Compare("pages_pid", {"pages", "--pid", "101"}); }

TEST_F(GoldenTest, Swap) { Compare("swap", {"swap"}); }
TEST_F(GoldenTest, SwapByDevice) { Compare("swap_device", {"swap", "--by", "device"}); }
TEST_F(GoldenTest, Shared) { Compare("shared", {"shared"}); }
TEST_F(GoldenTest, SharedPairs) { Compare("shared-pairs", {"shared-pairs"}); }
TEST_F(GoldenTest, SharedPairsOfOneProcess) {
  Compare("shared-pairs_pid", {"shared-pairs", "--pid", "101"});
}
TEST_F(GoldenTest, SharedMappings) { Compare("shared-maps", {"shared-maps"}); }
TEST_F(GoldenTest, SharedFiles) { Compare("shared-files", {"shared-files"}); }
TEST_F(GoldenTest, ExitGain) { Compare("exit-gain", {"exit-gain"}); }
TEST_F(GoldenTest, Unexplained) { Compare("unexplained", {"unexplained"}); }
TEST_F(GoldenTest, Cgroups) { Compare("cgroups", {"cgroups"}); }
TEST_F(GoldenTest, Hugepages) { Compare("hugepages", {"hugepages"}); }
TEST_F(GoldenTest, MapsByPath) { Compare("maps_by_path", {"maps", "--by", "path"}); }
TEST_F(GoldenTest, Layout) { Compare("layout", {"layout", "--pid", "100", "--cell", "8"}); }
TEST_F(GoldenTest, LayoutPhysical) {
  Compare("layout_physical", {"layout", "--physical", "--cell", "32"});
}

TEST_F(GoldenTest, Contiguity) { Compare("contiguity", {"contiguity"}); }
TEST_F(GoldenTest, Runs) { Compare("runs", {"runs", "--min-length", "2"}); }
TEST_F(GoldenTest, Numa) { Compare("numa", {"numa"}); }
TEST_F(GoldenTest, NumaByProcess) { Compare("numa_process", {"numa", "--by", "process"}); }
TEST_F(GoldenTest, NumaRemote) { Compare("numa_remote", {"numa", "--remote", "1"}); }
TEST_F(GoldenTest, Ksm) { Compare("ksm", {"ksm"}); }
TEST_F(GoldenTest, Poisoned) { Compare("poisoned", {"poisoned"}); }
TEST_F(GoldenTest, Unevictable) { Compare("unevictable", {"unevictable"}); }
TEST_F(GoldenTest, Dirty) { Compare("dirty", {"dirty"}); }

// Present, swapped, guard, absent, outside all mappings, behind the last page, and not read.
TEST_F(GoldenTest, TranslateVirtual) {
  Compare("translate", {"translate", "--address", "0x500123", "--address", "0x502000", "--address",
                        "0x504000", "--address", "5263360", "--address", "0x506fff", "--address",
                        "0x509000", "--address", "0x7f0000100000", "--address", "0x7f2000000010"});
}

TEST_F(GoldenTest, TranslateVirtualOfOneProcess) {
  Compare("translate_pid", {"translate", "--pid", "101", "--address", "0x500123", "--address",
                            "0x7f1000002fff", "--address", "0x7f2000000010"});
}

TEST_F(GoldenTest, TranslatePhysical) {
  Compare("translate_physical", {"translate", "--physical", "0x101abc", "--physical", "0x200000"});
}

// Returns what a user gets for a command line that cannot be answered, with the exit code.
std::string Answer(const std::vector<std::string>& command) {
  try {
    RunReport(command);
  } catch (const UsageError& error) {
    return fmt::format("{} (exit code {})", error.what(), static_cast<int>(kExitUsage));
  } catch (const Error& error) {
    return fmt::format("{} (exit code {})", error.what(), static_cast<int>(kExitFailed));
  }
  return "answered";
}

// What users read when something is wrong, side by side: a line each, that names the way out.
TEST_F(GoldenTest, Errors) {
  const std::vector<std::vector<std::string>> kCommands = {
      {},
      {""},
      {"inof", "FILE"},
      {"process", "FILE"},
      {"exit_gain", "FILE"},
      {"huge", "FILE"},
      {"frobnicate", "FILE"},
      {"help", "map"},
      {"show"},
      {"show", "mapz"},
      {"run"},
      {"maps"},
      {"sql"},
      {"sql", "FILE"},
      {"sql", ".tables"},
      {"sql", "FILE", ".table"},
      {"sql", "FILE", ".schema", "pages"},
      {"sql", "FILE", "SELECT"},
      {"sql", "FILE", "SELECT nonsense"},
      {"sql", "FILE", "SELECT 1; SELECT 2"},
      {"sql", "FILE", "SELECT 1", "--snapshot", "1"},
      {"sql", "FILE", "SELECT 1", "--pid", "1"},
      {"maps", "FILE", "--pid", "77"},
      {"maps", "FILE", "--pid", "100,77"},
      {"maps", "FILE", "--pid", "x"},
      {"maps", "FILE", "--pid", "-1"},
      {"maps", "FILE", "--pid", ""},
      {"maps", "FILE", "--pid"},
      {"maps", "FILE", "--pids", "100"},
      {"maps", "FILE", "-x"},
      {"maps", "FILE", "--colums", "pid"},
      {"maps", "FILE", "--columns", "pdi"},
      {"maps", "FILE", "--sort", "rss"},
      {"maps", "FILE", "--sort", "frobnicate"},
      {"maps", "FILE", "--limit", "many"},
      {"maps", "FILE", "--limit", "-3"},
      {"maps", "FILE", "--limit", "1", "--limit", "2"},
      {"maps", "FILE", "--by", "device"},
      {"hugepages", "FILE", "--fail-if", "rss_kib > 1"},
      {"maps", "FILE", "--format", "xml"},
      {"maps", "FILE", "--csv-guard"},
      {"info", "FILE", "--snapshot", "3"},
      {"info", "FILE", "--snapshot", "last"},
      {"info", "FILE", "--snapshot", "99999999999"},
      {"info", "FILE", "--path", "x"},
      {"info", "FILE", "--pid=1"},
      {"info", "FILE", "--address", "0x1000"},
      {"info", "FILE", "--colour", "1"},
      {"layout", "FILE"},
      {"layout", "FILE", "--pid", "100,101"},
      {"layout", "FILE", "--pid", "100", "--columns", "pid"},
      {"layout", "FILE", "--name", "server"},
      {"hugepages", "FILE", "--by", "proc"},
      {"translate", "FILE"},
      {"translate", "FILE", "--pid", "100"},
      {"translate", "FILE", "--address", "zero"},
      {"translate", "FILE", "--physical", "0xyz"},
      {"pages", "FILE", "--address", "7f3000-7f1000"},
      {"pages", "FILE", "--address", "0x7f1000+8Q"},
      {"pages", "FILE", "--address", "1", "--address", "2"},
      {"diff", "FILE"},
      {"diff", "FILE", "--snapshot", "1"},
      {"diff", "FILE", "FILE", "--fail-if", "rss_kb > 0"},
      {"timeline", "FILE", "--snapshot", "1"},
      {"/nowhere/a.pagesnap"},
      {"info", "/nowhere/a.pagesnap"},
      {"info", "/"},
      {"info", "-", "-"},
  };
  std::string text;
  for (std::vector<std::string> command : kCommands) {
    text += "analyze";
    for (std::string& argument : command) {
      text += " " + (argument.empty() ? "''" : argument);
      if (argument == "FILE") argument = file_->path();
    }
    std::string message = Answer(command);
    for (size_t at; (at = message.find(file_->path())) != std::string::npos;) {
      message.replace(at, file_->path().size(), "FILE");
    }
    EXPECT_THAT(message, testing::Not(testing::HasSubstr("answered"))) << text;
    EXPECT_THAT(message, testing::Not(testing::HasSubstr("\n"))) << text;
    text += "\n  " + message + "\n";
  }
  ExpectGolden("errors.txt", text);
}

}  // namespace
}  // namespace pagesnap
