// What surrounds a report: choosing the snapshot and the process, notes, exit codes.
#include "analyze/run.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cerrno>
#include <fstream>

#include "analyze/prepared_report.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/faulty_reader.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// What 'processes' always says.
constexpr char kSummaryNote[] = "note: 2 processes: 52.0 KiB RSS in 40.0 KiB of RAM\n";
constexpr char kProcessesNote[] =
    "note: kernel_pss_kib is a sum of figures that smaps rounds down for each mapping: up to 1 KiB "
    "a mapping below pss_kib\n";

class AnalyzeRunTest : public testing::Test {
 protected:
  AnalyzeRunTest() : faulty_(machine_.reader()) { FillSampleMachine(machine_); }
  CapturedSnapshot& file() {
    if (!file_) file_ = std::make_unique<CapturedSnapshot>(faulty_);
    return *file_;
  }
  MachineTree machine_;
  FaultyReader faulty_;
  std::unique_ptr<CapturedSnapshot> file_;
};

TEST_F(AnalyzeRunTest, ProcessThatIsNotInTheFile) {
  const std::string path = file().path();
  EXPECT_EQ(
      ErrorOf([&] {
        RunReport({"maps", path, "--pid", "77"});
      }),
      "process 77 is not in " + path + "; 'analyze processes " + path + "' lists those that are");
}

TEST_F(AnalyzeRunTest, SnapshotThatIsNotInTheFile) {
  const std::string path = file().path();
  EXPECT_EQ(ErrorOf([&] {
              RunReport({"info", path, "--snapshot", "2"});
            }),
            path + " has no snapshot 2; it has only snapshot 1");
  EXPECT_EQ(ErrorOf([&] {
              RunReport({"info", path, "--snapshot", "0"});
            }),
            path + " has no snapshot 0; it has only snapshot 1");
  EXPECT_EQ(RunReport({"info", path, "--snapshot", "1"}).code, kExitOk);
}

TEST_F(AnalyzeRunTest, FileWithoutSnapshot) {
  const TestFolder folder;
  WriteSnapshotFile(folder.File("a"), [](SnapshotWriter&) {});
  EXPECT_EQ(ErrorOf([&] {
              RunReport({"info", folder.File("a")});
            }),
            folder.File("a") + " has no snapshot");
}

TEST_F(AnalyzeRunTest, TheLastSnapshotIsTheDefault) {
  const TestFolder folder;
  const std::string path = folder.File("a");
  WriteSnapshotFile(path, [](SnapshotWriter& writer) {
    for (int64_t pid : {11, 22}) {
      SnapshotFacts facts;
      facts.kernel_release = "6.18.0";
      writer.BeginSnapshot(facts);
      writer.AddProcess({.pid = pid, .name = "p", .state = "S"});
      writer.Commit();
    }
  });
  const ReportResult last = RunReport({"processes", path});
  EXPECT_THAT(last.out, HasSubstr("\n   22  p"));
  EXPECT_EQ(last.notes, "note: " + path +
                            " has 2 snapshots, this is the last; --snapshot N shows another\n" +
                            kProcessesNote);
  const ReportResult first = RunReport({"processes", path, "--snapshot", "1"});
  EXPECT_THAT(first.out, HasSubstr("\n   11  p"));
  EXPECT_EQ(first.notes, kProcessesNote);
  EXPECT_THROW(RunReport({"maps", path, "--snapshot", "1", "--pid", "22"}), Error);
  EXPECT_EQ(ErrorOf([&] {
              RunReport({"processes", path, "--snapshot", "3"});
            }),
            path + " has no snapshot 3; it has 1 to 2");
}

TEST_F(AnalyzeRunTest, WithoutGapsThereAreNoNotes) {
  EXPECT_EQ(RunReport({"processes", file().path()}).notes,
            std::string(kSummaryNote) + kProcessesNote);
}

TEST_F(AnalyzeRunTest, GapsAreNoted) {
  faulty_.Fail("proc/10?/smaps", EACCES);
  faulty_.Fail("proc/kpagecgroup", ENOENT);
  const ReportResult result = RunReport({"processes", file().path()});
  EXPECT_EQ(result.notes,
            "note: the total of rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib, kernel_rss_kib, "
            "kernel_pss_kib, kernel_uss_kib, kernel_swap_kib, anonymous_kib, file_kib, shmem_kib, "
            "torn_count, gap_count is of 2 of 4 processes: unknown in the others\n" +
                std::string(kProcessesNote) +
                "note: missing (2 processes): maps: Permission denied\n"
                "note: missing: kpagecgroup: No such file or directory\n");
  EXPECT_THAT(result.out, Not(HasSubstr("missing")));
  EXPECT_THAT(RunReport({"info", file().path()}).notes, IsEmpty()) << "it shows gaps itself";
}

TEST_F(AnalyzeRunTest, ManyKindsOfGapsAreCutShort) {
  for (const char* path : {"proc/swaps", "proc/zoneinfo", "proc/meminfo", "proc/kpagecgroup"}) {
    faulty_.Fail(path, EIO);
  }
  const ReportResult result = RunReport({"processes", file().path()});
  EXPECT_EQ(std::count(result.notes.begin(), result.notes.end(), '\n'), 6);
  EXPECT_THAT(result.notes, testing::EndsWith("note: there are more gaps; 'analyze info " +
                                              file().path() + "' shows them\n"));
}

TEST_F(AnalyzeRunTest, HostileReasonsCannotDriveTheTerminal) {
  ChangeFile(file().path(),
             "INSERT INTO gap (snapshot_id, source, reason) VALUES (1, 'x', char(27) || '[2J')");
  EXPECT_EQ(
      RunReport({"processes", file().path()}).notes,
      std::string(kSummaryNote) + kProcessesNote + std::string("note: missing: x: \\x1b[2J\n"));
}

TEST_F(AnalyzeRunTest, CheckOfASoundFile) {
  EXPECT_EQ(RunReport({"check", file().path()}).code, kExitOk);
}

TEST_F(AnalyzeRunTest, CheckSeesFiguresThatDiffer) {
  machine_.AddFrames(0x202, 1, 0x28, 2, 0);  // smaps counts it as private
  const ReportResult check = RunReport({"check", file().path(), "--strict", "--format", "csv"});
  EXPECT_EQ(check.code, kExitWithGaps);
  EXPECT_THAT(check.out, HasSubstr("accounting,pss,differs,\"7 mappings, 1 differ from smaps\""));
  EXPECT_THAT(check.out, HasSubstr("mapping,pid 100 0x500000-0x50a000 [heap],differs,rss 12/12 pss "
                                   "10/12 uss 8/12 swap 8/8 hugetlb 0/0"));
}

TEST_F(AnalyzeRunTest, CheckCountsMappings) {
  ChangeFile(file().path(), "UPDATE process SET mapping_count = mapping_count + 1 WHERE pid = 100");
  const ReportResult check = RunReport({"check", file().path(), "--format", "csv"});
  EXPECT_EQ(check.code, kExitFailed);
  EXPECT_THAT(check.out, HasSubstr("counts,mapping,damaged,\"4 processes, 1 damaged\""));
  EXPECT_THAT(check.out,
              HasSubstr("count,mapping pid 100,damaged,\"6 mappings noted, 5 in the file\""));
}

// A fork, a new process or the end of one changes the map counts of what others have.
TEST_F(AnalyzeRunTest, CheckTellsWhatOthersMoved) {
  machine_.AddFrames(0x202, 1, 0x28, 2, 0);
  const ReportResult check = RunReport({"check", file().path(), "--format", "csv"});
  EXPECT_EQ(check.code, kExitOk);
  EXPECT_THAT(check.out, HasSubstr("accounting,pss,moved,\"7 mappings, 1 moved: others mapped or "
                                   "unmapped frames meanwhile\""));
  EXPECT_THAT(check.out, HasSubstr("accounting,rss,ok,7 mappings"));
  EXPECT_THAT(check.out, testing::Not(HasSubstr("[heap]")));
}

// Another number of pages, or another PSS of pages that nobody shares, is not of others' making.
TEST_F(AnalyzeRunTest, CheckSeesWhatOthersCannotHaveMoved) {
  constexpr uint64_t kZeroPage = uint64_t{1} << 24;  // no part of RSS
  machine_.AddFrames(0x202, 1, kZeroPage, 0, 0);
  const ReportResult check = RunReport({"check", file().path(), "--format", "csv"});
  EXPECT_EQ(check.code, kExitWithGaps);
  EXPECT_THAT(check.out, HasSubstr("accounting,rss,differs,"));
}

// What is not printed counts all the same.
TEST_F(AnalyzeRunTest, LimitDoesNotChangeTheExitCode) {
  machine_.AddFrames(0x202, 1, 0x28, 2, 0);
  EXPECT_EQ(RunReport({"check", file().path(), "--strict", "--limit", "1"}).code, kExitWithGaps);
}

TEST_F(AnalyzeRunTest, CheckSaysWhatCannotBeCompared) {
  machine_.reader().Remove("proc/101/smaps");
  const ReportResult check = RunReport({"check", file().path(), "--format", "csv"});
  EXPECT_EQ(check.code, kExitWithGaps);
  EXPECT_THAT(check.out, HasSubstr("accounting,rss,unknown,\"7 mappings, 2 cannot be compared\""));
}

// A mistake in the SQL of the command line is not the fault of the file.
TEST_F(AnalyzeRunTest, WrongSqlIsAUsageError) {
  auto message = [&](const std::string& sql) {
    try {
      RunReport({"sql", file().path(), sql});
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("no usage error");
  };
  EXPECT_EQ(message("SELECT nonsense FROM page"),
            "the SQL 'SELECT nonsense FROM page': no such column: nonsense");
  EXPECT_EQ(message("select"), "the SQL 'select': incomplete input");
  const std::string of_long = message("SELECT " + std::string(1000, '1') + " +");
  EXPECT_THAT(of_long, testing::EndsWith("1 +': incomplete input"));
  EXPECT_LT(of_long.size(), 100);
  EXPECT_EQ(message("/* nothing */"), "there is no SELECT in the SQL '/* nothing */'");
  EXPECT_THROW(RunReport({"sql", file().path(), "DELETE FROM process"}), Error);
}

TEST_F(AnalyzeRunTest, WrongSqlOfAnOwnReportNamesItsFile) {
  const TestFolder folder;
  const std::string mine = folder.File("mine.sql");
  const auto message = [&](const std::string& sql) {
    std::ofstream(mine) << sql;
    return ErrorOf([&] { RunReport({"run", mine, file().path()}); });
  };
  EXPECT_EQ(message("-- title: T\nSELECT nonsense"), mine + ": no such column: nonsense");
  EXPECT_EQ(message("-- title: T\nSELECT 1; SELECT 2"),
            mine + " has more than one statement; ask one at a time");
}

// The SQL is right, and the file is not.
TEST_F(AnalyzeRunTest, DamageIsNoUsageError) {
  ChangeFile(file().path(),
             "PRAGMA writable_schema = ON; "
             "UPDATE sqlite_schema SET sql = 'CREATE' WHERE name = 'gap'");
  const Report report = SqlReport("SELECT pid FROM process");
  const RowChoice all_rows;
  const Database database = Database::OpenReadOnly(file().path());
  const PreparedReport prepared(report, all_rows, {}, {}, {}, database);
  try {
    static_cast<void>(prepared.Rows());
    ADD_FAILURE() << "it was read";
  } catch (const UsageError& error) {
    ADD_FAILURE() << error.what();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::StartsWith(file().path() + " is damaged"));
  }
}

TEST_F(AnalyzeRunTest, ASecondStatementIsRefused) {
  const auto ask = [&](const std::string& sql) {
    return RunReport({"sql", file().path(), sql, "--format", "csv"}).out;
  };
  for (const char* sql : {"SELECT 1 AS a;", ";;SELECT 1 AS a ; ;", "SELECT 1 AS a; -- ; end",
                          "/* ; */ SELECT 1 AS a /* ; */;\n", "-- a; b\nSELECT 1 AS a"}) {
    EXPECT_EQ(ask(sql), "a\r\n1\r\n") << sql;
  }
  EXPECT_EQ(ask("SELECT ';''' AS a, 'x' AS \";\", 2 AS [;]"), "a,;,;\r\n;',x,2\r\n");
  for (const char* sql : {"select 1; select 2", "select 1;;select", "select '''' ; x"}) {
    try {
      ask(sql);
      ADD_FAILURE() << sql;
    } catch (const UsageError& error) {
      EXPECT_EQ(error.what(),
                fmt::format("the SQL '{}' has more than one statement; ask one at a time", sql));
    }
  }
}

}  // namespace
}  // namespace pagesnap
