// No text from the machine, a file or the command line acts on the terminal of who reads an output
// of the two programs: marks are put into all of them, and every output is looked at.
#include "tests/live/marked_text.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// An open file, for what no program of ours does.
class Sqlite {
 public:
  explicit Sqlite(const std::string& path) { sqlite3_open(path.c_str(), &connection_); }
  ~Sqlite() { sqlite3_close(connection_); }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  // Returns the rows, columns joined by ".". `mark` is parameter 1.
  std::vector<std::string> Query(const std::string& sql, const std::string& mark = "") {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(connection_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(connection_);
    sqlite3_bind_text(statement, 1, mark.data(), static_cast<int>(mark.size()), SQLITE_STATIC);
    std::vector<std::string> rows;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      std::string row;
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        if (i > 0) row += '.';
        row += reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
      }
      rows.push_back(row);
    }
    EXPECT_EQ(sqlite3_finalize(statement), SQLITE_OK) << sql << sqlite3_errmsg(connection_);
    return rows;
  }

  // Appends the mark to all texts of a column: "table.column".
  void Mark(const std::string& place) {
    const std::string table = place.substr(0, place.find('.'));
    const std::string column = place.substr(table.size() + 1);
    // An embedded NUL, which no argument can have, ends no text either.
    Query(fmt::format("UPDATE {0} SET {1} = {1} || ?1 || char(0) || ?1", table, column), kMark);
  }

 private:
  sqlite3* connection_ = nullptr;
};

constexpr char kTextColumns[] =
    "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c "
    "WHERE t.type = 'table' AND c.type = 'TEXT' ORDER BY 1, 2";

class MarkedTextTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TemporaryDirectory;
    MakeTree(directory_->File("tree"));
    // Named so that each message with a file name has the mark.
    captured_ = directory_->File("captured" + kMark + ".pagesnap");
    ASSERT_EQ(RunCapture({"-a", "--proc-root", Tree(), "-o", captured_}).exit_code, 3);
    crafted_ = directory_->File("crafted" + kMark + ".pagesnap");
    fs::copy_file(captured_, crafted_);
    Sqlite file(crafted_);
    for (const std::string& place : file.Query(kTextColumns)) {
      // Of these the other texts mean nothing without their values.
      if (place != "format.oldest_release") file.Mark(place);
    }
  }
  static void TearDownTestSuite() {
    delete directory_;
    directory_ = nullptr;
  }

  static std::string Tree() { return directory_->File("tree"); }

  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  // A recorded machine with the mark in all texts that capture reads.
  static void MakeTree(const std::string& tree) {
    fs::copy(PAGESNAP_FIXTURE_DIR "/linux-6.1", tree,
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    std::string line = kMark;  // of a text with a fact on each line
    std::replace(line.begin(), line.end(), '\n', '\v');
    std::string word = line;  // of a line with a fact in each word
    std::replace(word.begin(), word.end(), '\t', '\v');
    for (const char* name : {"hostname", "version", "arch", "random/boot_id"}) {
      Write(tree + "/proc/sys/kernel/" + name, "x" + kMark + "\n");
    }
    Write(tree + "/proc/sys/kernel/osrelease", "6.1.0-" + kMark + "\n");
    Write(tree + "/proc/swaps", fmt::format("Filename Type\n/dev/{0} {0} 1048572 64 -1\n", word));
    Write(tree + "/proc/meminfo", fmt::format("Mem{}: {} kB\n", line, word));
    Write(tree + "/proc/zoneinfo",
          fmt::format("Node 0, zone {}\n  spanned 1536\n  present 1536\n  managed 1536\n"
                      "  start_pfn: 0\n",
                      word));
    for (const int pid : {100, 101}) {
      const std::string process = fmt::format("{}/proc/{}/", tree, pid);
      Write(process + "stat",
            fmt::format("{} (n{}) S 1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 1100 0 0\n", pid,
                        kMark));
      Write(process + "cmdline", "server" + std::string(1, '\0') + kMark + std::string(1, '\0'));
      Write(process + "cgroup", "0::/app" + line + "\n");
      fs::remove(process + "exe");
      fs::create_symlink("/usr/bin/" + kMark, process + "exe");
      const std::string maps = fmt::format(
          "00010000-00015000 r-xp 00000000 08:01 11   /usr/bin/{}\n"
          "Rss: 20 kB\n{}: 4 kB\nVmFlags: rd {}\n",
          line, "F\033\u202e", word);
      Write(process + "smaps", maps);
    }
    // Texts that are quoted because they cannot be read.
    Write(tree + "/proc/102/smaps", "nonsense" + line + "\n");
    for (const std::string& cgroup : {"app" + kMark, "unused" + kMark}) {
      fs::create_directory(tree + "/sys/fs/cgroup/" + cgroup);
    }
  }

  static TemporaryDirectory* directory_;
  static std::string captured_;
  static std::string crafted_;
};
TemporaryDirectory* MarkedTextTest::directory_ = nullptr;
std::string MarkedTextTest::captured_;
std::string MarkedTextTest::crafted_;

// Returns the names of the reports as `analyze list` has them.
std::vector<std::string> ReportNames() {
  std::vector<std::string> names;
  std::istringstream list(RunAnalyze({"list"}).out);
  for (std::string line; std::getline(list, line);) {
    if (!line.starts_with("  ")) continue;
    std::istringstream words(line);
    names.emplace_back();
    words >> names.back();
  }
  EXPECT_GT(names.size(), 30u);
  return names;
}

// Returns what reports of one process or one address need.
std::vector<std::string> WhatItNeeds(const std::string& report) {
  if (report == "layout") return {"--pid", "100"};
  if (report == "translate") return {"--address", "0x10000"};
  if (report.starts_with("diff")) return {"--before", "1", "--after", "1"};
  return {};
}

TEST_F(MarkedTextTest, EveryReportInEveryFormat) {
  size_t marked = 0;
  for (const std::string& path : {captured_, crafted_}) {
    for (const std::string& report : ReportNames()) {
      for (const std::string format : {"table", "csv", "json"}) {
        if (path == captured_ && format == "json") continue;
        std::vector<std::string> arguments = {report, path, "--format", format};
        const std::vector<std::string> needs = WhatItNeeds(report);
        arguments.insert(arguments.end(), needs.begin(), needs.end());
        const CommandResult result = ExpectSafe("analyze", arguments, format == "csv");
        // Parses, and has the marks; what is exact has them as they are.
        if (format == "json" && !result.out.empty()) {
          EXPECT_NO_THROW(marked += nlohmann::json::parse(result.out).dump().find("\\u001b") !=
                                    std::string::npos)
              << report;
        }
        if (format == "csv") marked += result.out.find("\033]0;title\a") != std::string::npos;
      }
    }
  }
  EXPECT_GT(marked, 40u);  // or else the marks did not get there
}

// A new column is covered without a change here. Where one makes the file invalid, so that no
// report is printed, this is the message for it.
TEST_F(MarkedTextTest, EveryColumnOfTheFile) {
  const std::vector<std::string> places = Sqlite(captured_).Query(kTextColumns);
  EXPECT_GT(places.size(), 30u);
  for (const std::string& place : places) {
    const std::string path = directory_->File("one" + kMark + ".pagesnap");
    fs::copy_file(captured_, path, fs::copy_options::overwrite_existing);
    Sqlite(path).Mark(place);
    const std::string table = place.substr(0, place.find('.'));
    ExpectSafe("analyze", {"check", path});
    ExpectSafe("analyze", {"sql", path, "SELECT * FROM " + table, "--format", "json"});
  }
}

TEST_F(MarkedTextTest, WhatIsAskedOfAnalyze) {
  const std::string missing = directory_->File("none" + kMark);
  const std::string folder = directory_->File("folder" + kMark);
  const std::string text = directory_->File("text" + kMark);
  fs::create_directory(folder);
  Write(text, std::string(5000, 'x') + kMark);
  const std::vector<std::vector<std::string>> commands = {
      {kMark},
      {kMark, captured_},
      {"--" + kMark},
      {"show", kMark},
      {"info", missing},
      {"info", folder},
      {"info", text},
      {"info", captured_, kMark},
      {"info", captured_, "--" + kMark},
      {"info", captured_, "--" + kMark + "=1"},
      {"info", captured_, "-" + kMark},
      {"info", captured_, "--limit=" + kMark},
      {"info", captured_, captured_},
      {"diff", captured_},
      {"layout", captured_},
      {"maps", captured_, "--pid", "77"},
      {"maps", captured_, "--by", kMark},
      {"maps", captured_, "--by=" + kMark},
      {"maps", captured_, "--snapshot", "9"},
      {"sql", captured_, kMark},
      {"sql", captured_, "SELECT " + kMark},
      {"sql", captured_, "SELECT \"" + kMark + "\" FROM snapshot"},
      {"sql", captured_, "SELECT * FROM \"" + kMark + "\""},
      {"sql", captured_, "SELECT 1 AS \"" + kMark + "\""},
      {"sql", captured_, "SELECT 1 AS \"" + kMark + "\"", "--format", "json"},
      {"sql", captured_, "SELECT 1 AS a, 2 AS \"" + kMark + "\"", "--sort", "b" + kMark},
      {"sql", captured_, "-- " + kMark + "\nSELECT '" + kMark + "'"},
      {"sql", captured_, "/* " + kMark + " */"},
      {"run", missing, captured_},
      {"run", folder, captured_},
      {"run", text, captured_},
  };
  for (const std::vector<std::string>& command : commands) ExpectSafe("analyze", command);
}

TEST_F(MarkedTextTest, EveryOptionOfEveryReport) {
  size_t count = 0;
  for (std::string report : ReportNames()) {
    for (const std::string& option : OptionsWithValue(RunAnalyze({report, "--help"}).out)) {
      std::vector<std::string> arguments = {report, captured_, option, kMark};
      if (option != "--pid" && option != "--before") {
        const std::vector<std::string> needs = WhatItNeeds(report);
        arguments.insert(arguments.end(), needs.begin(), needs.end());
      }
      ExpectSafe("analyze", arguments);
      ++count;
    }
  }
  EXPECT_GT(count, 150u);
}

TEST_F(MarkedTextTest, ConditionsQuoteTheirFigures) {
  for (const std::string& condition :
       {"rss_kib = '" + kMark + "'", "rss_kib >= 0 OR '" + kMark + "' = 1", kMark, "x" + kMark}) {
    ExpectSafe("analyze",
               {"diff", crafted_, "--before", "1", "--after", "1", "--fail-if", condition});
  }
}

TEST_F(MarkedTextTest, AReportOfTheUsers) {
  const std::string path = directory_->File("mine" + kMark + ".sql");
  std::string line = kMark;
  std::replace(line.begin(), line.end(), '\n', ' ');
  Write(path, fmt::format("-- title: {0}\n-- about: {0}\n-- note: {0}\n-- column a: {0}\n"
                          "-- parameter p text: {0}\n-- parameter q {0}|x: {0}\n-- total: a{0}\n"
                          "-- status: b{0}\n-- needs one of: p, {0}\nSELECT 1 AS \"a{0}\", "
                          "'bad{0}' AS \"b{0}\";\n",
                          line));
  ExpectSafe("analyze", {"run", path, "--help"});
  ExpectSafe("analyze", {"run", path, captured_, "--p", kMark});
  ExpectSafe("analyze", {"run", path, captured_, "--q", kMark});
  ExpectSafe("analyze", {"run", path, captured_});
  for (const std::string& header : {"-- " + line, "-- parameter " + line + " text", "-- a: " + line,
                                    "-- parameter p " + line + ": x", "-- compares: " + line,
                                    "-- fail-if: " + line, "-- picture a" + line + ": " + line}) {
    Write(path, header + "\nSELECT 1 AS a");
    ExpectSafe("analyze", {"run", path, captured_});
    ExpectSafe("analyze", {"run", path, captured_, "--fail-if", "1"});
    ExpectSafe("analyze", {"run", path, "--help"});
  }
}

TEST_F(MarkedTextTest, WhatCaptureSays) {
  const std::string missing = directory_->File("none" + kMark);
  const std::string file = directory_->File("b" + kMark + ".pagesnap");
  const std::string fifo = directory_->File("fifo" + kMark);
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const std::vector<std::string> all = {"-a", "--force", "--proc-root", Tree(), "-o"};
  const auto with = [](std::vector<std::string> arguments, const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  const CommandResult whole = ExpectSafe("capture", with(all, {file}));
  EXPECT_THAT(whole.out, HasSubstr("captured 3 processes"));
  EXPECT_THAT(whole.out, HasSubstr("cannot be read"));
  ExpectSafe("capture", with(all, {file, "--interval", "0.001", "--count", "2"}));
  const std::vector<std::vector<std::string>> commands = {
      {kMark},
      {"-" + kMark},
      {"--" + kMark},
      {"-a", "-o", Tree() + "/" + kMark + "/x"},
      {"-a", "-o", file},
      {"-a", "-o", file + "/"},
      {"-a", "--force", "-o", Tree()},
      {"-a", "--force", "-o", fifo},
      {"-a", "--proc-root", Tree(), "-o", std::string(300, 'x') + kMark},
      {"-a", "--proc-root", missing, "-o", missing},
      {"-a", "--proc-root", fifo, "-o", missing},
      {"-a", "--proc-root", file, "-o", missing},
      {"-a", "--proc-root", directory_->File(""), "-o", missing},
      {"-p", "77", "--proc-root", Tree(), "-o", missing},
  };
  for (const std::vector<std::string>& command : commands) ExpectSafe("capture", command);
  const std::vector<std::string> options = OptionsWithValue(RunCapture({"--help"}).out);
  EXPECT_GT(options.size(), 8u);
  for (const std::string& option : options) {
    if (option == "--output") continue;  // above
    ExpectSafe("capture", with(all, {file, option, kMark}));
    ExpectSafe("capture", {option, kMark, "-o", missing});
  }
}

// What is said of a process names it.
TEST_F(MarkedTextTest, AProcessThatMayNotBeRead) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can run it as somebody else";
  const std::string tree = directory_->File("denied");
  fs::copy(Tree(), tree, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  for (const char* name : {"maps", "smaps", "pagemap"}) {
    fs::permissions(tree + "/proc/100/" + name, fs::perms::none);
  }
  chmod(directory_->File("").c_str(), 0755);
  const CommandResult result =
      RunCommandAsNobody({BuiltProgram("capture"), "-p", "100", "--proc-root", tree, "-o", "-"});
  EXPECT_THAT(result.err, HasSubstr("no permission to read"));
  EXPECT_EQ(Unsafe(result.err), "");
}

TEST_F(MarkedTextTest, ATerminalWithoutUtf8GetsAscii) {
  setenv("NO_COLOR", "1", 1);
  setenv("LC_ALL", "C", 1);
  for (const std::string format : {"table", "csv"}) {
    for (const std::string report : {"info", "maps", "processes"}) {
      const CommandResult result =
          RunCommandOnTerminals({BuiltProgram("analyze"), report, crafted_, "--format", format});
      EXPECT_EQ(Unsafe(result.out, true), "") << report;
      EXPECT_EQ(Unsafe(result.err, true), "") << report;
    }
  }
  const CommandResult result =
      RunCommandOnTerminals({BuiltProgram("capture"), "-n", "\u00e4", "-o", crafted_ + "\u00e4"});
  EXPECT_THAT(result.err, HasSubstr("\\xc3\\xa4"));
  EXPECT_EQ(Unsafe(result.err, true), "");
}

}  // namespace
}  // namespace pagesnap
