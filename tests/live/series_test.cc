// A series of snapshots in one file, however it ends; and the file that goes to standard output.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "lib/base/number.h"
#include "lib/base/unique_fd.h"
#include "tests/live/life_testing.h"

namespace pagesnap {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

int SnapshotCount(const std::string& file) {
  return QueryValue(file, "SELECT COUNT(*) FROM snapshot");
}

void ExpectEverySnapshotSound(const std::string& file, int count) {
  ASSERT_EQ(SnapshotCount(file), count);
  for (int i = 1; i <= count; ++i) {
    const CommandResult check = RunAnalyze({"check", file, "--snapshot", std::to_string(i)});
    EXPECT_THAT(check.exit_code, AnyOf(0, 3)) << check.err;
    EXPECT_THAT(check.out, ::testing::Not(HasSubstr("damaged")));
    EXPECT_GT(QueryValue(file, fmt::format("SELECT COUNT(*) FROM mapping m JOIN process p ON "
                                           "p.id = m.process_id WHERE snapshot_id = {}",
                                           i))
                  .get<int>(),
              0);
  }
}

class SeriesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "other processes' memory is for root alone";
  }
  std::vector<std::string> Command(const LifeTarget& target,
                                   const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {"-p", target.pid_text(), "-o", file_};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return CaptureCommand(arguments);
  }

  TemporaryDirectory directory_;
  std::string file_ = directory_.File("out.pagesnap");
};

TEST_F(SeriesTest, EachSnapshotIsDurableWhenItsLineIsPrinted) {
  const LifeTarget target("busy", 4);
  ChildProcess capture(Command(target, {"--interval", "0.1", "--count", "5"}));
  const auto start = std::chrono::steady_clock::now();
  for (int i = 1; i <= 5; ++i) {
    EXPECT_THAT(capture.ReadLine(),
                MatchesRegex(fmt::format("{}: snapshot {}: captured 1 process, .*", file_, i)));
    const std::string copy = directory_.File(fmt::format("copy-{}", i));
    std::filesystem::copy_file(file_, copy);
    EXPECT_GE(SnapshotCount(copy), i);
    ExpectSound(copy);
  }
  EXPECT_EQ(capture.Wait(), 0);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(390));
  ExpectEverySnapshotSound(file_, 5);
}

TEST_F(SeriesTest, InterruptsEndItWithAllCompleteSnapshots) {
  const LifeTarget target("busy", 16);
  for (const int signal_number : {SIGINT, SIGTERM}) {
    for (const char* interval : {"0.001", "60"}) {
      std::filesystem::remove(file_);
      ChildProcess capture(Command(target, {"--interval", interval}));
      int lines = *interval == '0' ? 3 : 1;
      for (int i = 0; i < lines; ++i) capture.ReadLine();
      capture.Signal(signal_number);
      EXPECT_EQ(capture.Wait(), 0);
      EXPECT_GE(SnapshotCount(file_), lines);
      ExpectEverySnapshotSound(file_, SnapshotCount(file_));
      EXPECT_TRUE(target.Runs());
    }
  }
  EXPECT_THAT(directory_.Names(), ElementsAre("out.pagesnap"));
}

// While it waits for the next one, and while it takes one.
TEST_F(SeriesTest, AnInterruptBeforeTheLastOneIsAnEarlyEnd) {
  const LifeTarget target("busy", 4);
  for (const bool counted : {true, false}) {
    for (const char* interval : {"60", "0.001"}) {
      std::filesystem::remove(file_);
      std::vector<std::string> options = {"--interval", interval};
      if (counted) options.insert(options.end(), {"--count", "1000000"});
      Job capture(Command(target, options));
      ASSERT_TRUE(Await([&] { return capture.out().find("snapshot 1: ") != std::string::npos; }));
      capture.Signal(SIGTERM);
      EXPECT_EQ(capture.Wait(), counted ? 3 : 0);
      const int count = SnapshotCount(file_);
      EXPECT_EQ(capture.err(),
                fmt::format("capture: the series ends after {} snapshot{}: "
                            "interrupted\n",
                            HumanCount(static_cast<uint64_t>(count)), count == 1 ? "" : "s"));
    }
  }
}

// Stopped meanwhile (Ctrl-Z), it does not make up for what it missed.
TEST_F(SeriesTest, MissedSnapshotsAreLeftOut) {
  const LifeTarget target("busy", 4);
  Job capture(Command(target, {"--interval", "0.5", "--count", "4"}));
  ASSERT_TRUE(Await([&] { return capture.out().find("snapshot 1: ") != std::string::npos; }));
  capture.Signal(SIGSTOP);
  usleep(1'700'000);
  capture.Signal(SIGCONT);
  ASSERT_EQ(capture.Wait(), 0) << capture.err();
  // One that is late on a busy machine is less far from the next one.
  EXPECT_GT(QueryValue(file_,
                       "SELECT MIN(later.boot_time_ns - earlier.boot_time_ns) FROM snapshot later "
                       "JOIN snapshot earlier ON later.id = earlier.id + 1")
                .get<int64_t>(),
            100'000'000);
}

TEST_F(SeriesTest, SigkillKeepsTheCompleteOnes) {
  const LifeTarget target("busy", 16);
  for (int delay_ms : {0, 5, 20, 40}) {
    std::filesystem::remove(file_);
    ChildProcess capture(Command(target, {"--interval", "0.001", "--freeze"}));
    for (int i = 0; i < 3; ++i) capture.ReadLine();
    usleep(delay_ms * 1000);
    capture.Signal(SIGKILL);
    EXPECT_EQ(capture.Wait(), 128 + SIGKILL);
    EXPECT_GE(SnapshotCount(file_), 3);
    ExpectEverySnapshotSound(file_, SnapshotCount(file_));
    EXPECT_TRUE(target.Runs());
    // A copy that was on the way to the name may not stay; its guard has to wake up first.
    for (int wait = 0; wait < 1000 && directory_.Names().size() > 1; ++wait) usleep(10'000);
    EXPECT_THAT(directory_.Names(), ElementsAre("out.pagesnap"));
  }
}

TEST_F(SeriesTest, ATargetThatEndsEndsIt) {
  LifeTarget target("end", 500);
  Job capture(Command(target, {"--interval", "0.1"}));
  // The zombie is still a process until it is waited for.
  EXPECT_EQ(target.process().Wait(), 0);
  EXPECT_EQ(capture.Wait(), 3);
  EXPECT_THAT(capture.err(),
              MatchesRegex(fmt::format("capture: the series ends after [0-9]+ snapshots?: (there "
                                       "is no process {0}|process {0} .life_target. ended).*\n",
                                       target.pid())));
  ExpectSound(file_);
  EXPECT_GE(SnapshotCount(file_), 1);
}

TEST_F(SeriesTest, EqualContentsAreStoredOnce) {
  LifeTarget target("count", 32);
  target.process().Stop();
  Job series(Command(target, {"--interval", "0.001", "--count", "4"}));
  ASSERT_EQ(series.Wait(), 0) << series.err();
  const int content_count = QueryValue(file_, "SELECT COUNT(*) FROM page_content");
  const int chunk_count = QueryValue(file_, "SELECT COUNT(*) FROM page_chunk");
  EXPECT_GT(chunk_count, 20);
  // The machine may migrate a page or two.
  EXPECT_LE(content_count, chunk_count / 4 + 2);
  EXPECT_EQ(QueryValue(file_, "SELECT COUNT(DISTINCT path) = COUNT(*) FROM file"), 1);
}

class StreamTest : public SeriesTest {};

TEST_F(StreamTest, TheFileGoesThroughAPipe) {
  const LifeTarget target("count", 20);
  const std::string empty = directory_.File("empty");
  std::filesystem::create_directory(empty);
  Job capture({"sh", "-c",
               fmt::format("cd {0} && env TMPDIR={0} SQLITE_TMPDIR={0} {1} -p {2} -o - | cat > {3}",
                           empty, BuiltProgram("capture"), target.pid(), file_)});
  ASSERT_EQ(capture.Wait(), 0);
  ExpectSound(file_);
  EXPECT_EQ(SnapshotCount(file_), 1);
  EXPECT_THAT(capture.err(), MatchesRegex("standard output: captured 1 process, .*\n"));
  EXPECT_EQ(capture.out(), "");
  EXPECT_TRUE(std::filesystem::is_empty(empty));
}

// Returns what the descriptor of this number is in this process, "" for nothing.
std::string OpenHere(const std::string& number) {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/fd/" + number, error);
}

// What it holds open meanwhile: nothing on a disk.
TEST_F(StreamTest, NothingTouchesTheDisk) {
  const LifeTarget target("count", 200);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  // Nobody reads, so it stays where it writes its result.
  Job capture(CaptureCommand({"-p", target.pid_text(), "-o", "-"}), write_end.get());
  write_end.Reset();
  char byte;
  ASSERT_EQ(read(read_end.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'S');  // "SQLite format 3"
  std::vector<std::string> on_disk;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", capture.pid()))) {
    const std::string link = std::filesystem::read_symlink(entry.path());
    const std::string number = entry.path().filename();
    if (number == "0" || number == "2" || link.starts_with("pipe:") || link == "/" ||
        link == "/dev/null" || link.starts_with("/memfd:") || link.starts_with("/proc/") ||
        OpenHere(number) == link) {  // left open by whoever runs the tests
      continue;
    }
    on_disk.push_back(link);
  }
  EXPECT_THAT(on_disk, IsEmpty());
}

TEST_F(StreamTest, AClosedPipeIsAFailureWithASentence) {
  const LifeTarget target("count", 20);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  Job capture(CaptureCommand({"-p", target.pid_text(), "-o", "-"}), write_end.get());
  write_end.Reset();
  read_end.Reset();
  EXPECT_EQ(capture.Wait(), 1);
  EXPECT_THAT(capture.err(), MatchesRegex("capture: standard output: [^\n]*Broken pipe[^\n]*\n"));
}

TEST_F(StreamTest, ATerminalIsRefused) {
  int master = -1;
  int terminal = -1;
  ASSERT_EQ(openpty(&master, &terminal, nullptr, nullptr, nullptr), 0);
  const UniqueFd master_end(master);
  const UniqueFd terminal_end(terminal);
  Job capture(CaptureCommand({"-p", "1", "-o", "-"}), terminal);
  EXPECT_EQ(capture.Wait(), 2);
  EXPECT_THAT(capture.err(), HasSubstr("terminal"));
}

TEST_F(StreamTest, ASeriesIsRefused) {
  Job capture(CaptureCommand({"-p", "1", "-o", "-", "--interval", "1"}));
  EXPECT_EQ(capture.Wait(), 2);
  EXPECT_THAT(capture.err(), HasSubstr("series"));
}

}  // namespace
}  // namespace pagesnap
