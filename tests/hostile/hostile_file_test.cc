// Every built-in report is asked of every crafted file: it ends with an answer, or with exit code 1
// and one sentence, in bounded time and memory.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>

#include "analyze/report.h"
#include "analyze/run.h"
#include "lib/query/session.h"
#include "lib/store/schema.h"
#include "tests/hostile/crafted_files.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/report_arguments.h"
#include "tests/support/run_command.h"

namespace pagesnap {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

// All of it, though a sound file of that size takes some, too.
constexpr double kMaxMemoryMib = 256;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMeasuresMemory = false;  // of the sanitizer
constexpr rlim_t kMaxCpuSeconds = 300;
#else
constexpr bool kMeasuresMemory = true;
constexpr rlim_t kMaxCpuSeconds = 30;  // of one report
#endif

// The workload, as the newest version of the format has it.
std::string SoundFile() {
  return fmt::format("{}/versions/format-{}.pagesnap", PAGESNAP_SAMPLE_DIR, kFormatVersion);
}

// Returns the arguments of somebody who knows the sound file.
const std::vector<std::string>& ArgumentsFor(const Report& report) {
  static const auto* const all = [] {
    auto* arguments = new std::map<std::string, std::vector<std::string>>;
    for (const Report& one : BuiltInReports()) {
      (*arguments)[one.name] = ReportArguments(one, SoundFile());
    }
    return arguments;
  }();
  return all->at(report.name);
}

// What a program that was asked ended with.
struct Ending {
  int exit_code = -1;
  std::string out;
  std::string err;
};

// Held outside the memory of this process: what is printed must not count.
class PrintedText {
 public:
  PrintedText() : file_(fdopen(memfd_create("printed", MFD_CLOEXEC), "w+")) {}
  ~PrintedText() { fclose(file_); }
  PrintedText(const PrintedText&) = delete;
  PrintedText& operator=(const PrintedText&) = delete;

  [[nodiscard]] FILE* stream() const { return file_; }
  // Returns at most this many bytes from a place on.
  std::string Read(long offset, size_t size) {
    fseek(file_, 0, SEEK_END);
    const long left = std::max(0L, ftell(file_) - offset);
    std::string text(std::min(size, static_cast<size_t>(left)), '\0');
    fseek(file_, offset, SEEK_SET);
    text.resize(fread(text.data(), 1, text.size(), file_));
    return text;
  }

 private:
  FILE* file_;
};

// Lines end in \n; nothing else may reach a terminal.
bool HasControls(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return (c < ' ' && c != '\n') || c == 0x7f; }) ||
         text.find("\xc2\x9b") != std::string::npos;
}

void ExpectNoControls(PrintedText& text) {
  constexpr size_t kPiece = size_t{64} << 10;
  for (long offset = 0;; offset += kPiece) {
    // One byte more: two of them make a control, too.
    const std::string piece = text.Read(offset, kPiece + 1);
    ASSERT_FALSE(HasControls(piece)) << piece.substr(0, 500);
    if (piece.size() <= kPiece) return;
  }
}

// 'check' says what is damaged in its rows.
void ExpectSentence(const std::string& path, const std::string& said) {
  const size_t last = said.rfind("analyze: ");
  ASSERT_NE(last, std::string::npos) << said;
  EXPECT_THAT(said.substr(last), HasSubstr(path));
  EXPECT_EQ(std::count(said.begin() + static_cast<std::ptrdiff_t>(last), said.end(), '\n'), 1)
      << said;
}

// Asks as main() of the program does.
int Ask(const Report& report, const std::string& path, FILE* out, FILE* notes) {
  std::vector<const char*> argv = {"analyze", report.name.c_str(), path.c_str()};
  for (const std::string& argument : ArgumentsFor(report)) argv.push_back(argument.c_str());
  try {
    const auto options = ParseAnalyzeOptions(static_cast<int>(argv.size()), argv.data());
    return RunAnalyze(options.value(), {}, out, notes);
  } catch (const UsageError& error) {
    fprintf(notes, "analyze: %s\n", error.what());
    return kExitUsage;
  } catch (const std::exception& error) {
    fprintf(notes, "analyze: %s\n", error.what());
    return kExitFailed;
  }
}

void ExpectGoodEnd(const Report& report, const std::string& path) {
  PrintedText out;
  PrintedText notes;
  const int exit_code = Ask(report, path, out.stream(), notes.stream());
  const std::string said = notes.Read(0, 100000);
  EXPECT_THAT(exit_code, AnyOf(0, 1, 3)) << said.substr(0, 500);
  ExpectNoControls(out);
  ExpectNoControls(notes);
  if (exit_code == 1 && report.name != "check") ExpectSentence(path, said);
}

// What the asking process leaves behind however it ends.
struct Progress {
  char report[64];
  double memory_mib;
  double most_seconds;  // CPU time of the slowest report
  char slowest[64];
};

double CpuSeconds(const rusage& usage) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The most that was taken; 0 where a sanitizer takes most of it.
double MemoryMib(const rusage& usage) {
  return kMeasuresMemory ? static_cast<double>(usage.ru_maxrss) / 1024 : 0;
}

rusage Usage() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage;
}

// From now on this process may take so much CPU time, or it ends.
void LimitCpu() {
  rlimit limit{};
  getrlimit(RLIMIT_CPU, &limit);
  limit.rlim_cur = static_cast<rlim_t>(CpuSeconds(Usage())) + kMaxCpuSeconds;
  setrlimit(RLIMIT_CPU, &limit);
}

void AskAllReports(const std::string& path, Progress* progress) {
  for (const Report& report : BuiltInReports()) {
    SCOPED_TRACE(report.name);
    strncpy(progress->report, report.name.c_str(), sizeof(progress->report) - 1);
    LimitCpu();
    const double before = CpuSeconds(Usage());
    ExpectGoodEnd(report, path);
    const rusage usage = Usage();
    if (const double seconds = CpuSeconds(usage) - before; seconds > progress->most_seconds) {
      progress->most_seconds = seconds;
      memcpy(progress->slowest, progress->report, sizeof(progress->report));
    }
    progress->memory_mib = MemoryMib(usage);
    ASSERT_LE(progress->memory_mib, kMaxMemoryMib);
  }
}

// Runs `body` in a process of its own, whose exit status is returned as waitpid() says it, 0 if
// nothing failed there. What a process takes at most begins with what its parent has at that moment
// (dup_mm() in kernel/fork.c), so that this one must stay small.
template <typename Body>
int StatusOf(Body body) {
  fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    body();
    fflush(nullptr);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

class HostileFileTest : public testing::TestWithParam<CraftedFile> {
 protected:
  HostileFileTest()
      : progress_(static_cast<Progress*>(mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
                                              MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~HostileFileTest() override { munmap(progress_, sizeof(Progress)); }

  void AskProgram(const std::string& path);

  TestFolder folder_;
  Progress* progress_;  // shared with the asking process
};

// Asks the program itself, once.
void HostileFileTest::AskProgram(const std::string& path) {
  const CommandResult result = RunCommand({BuiltProgram("analyze"), "info", path});
  EXPECT_THAT(result.exit_code, AnyOf(0, 1)) << result.err;
  EXPECT_FALSE(HasControls(result.out + result.err)) << result.out << result.err;
  if (result.exit_code == 1) ExpectSentence(path, result.err);
  if (kMeasuresMemory) progress_->memory_mib = result.peak_rss_mib;
  EXPECT_LE(progress_->memory_mib, kMaxMemoryMib);
}

TEST_P(HostileFileTest, EveryReportEndsWell) {
  const std::string path = folder_.File("crafted");
  std::filesystem::copy_file(SoundFile(), path);
  ASSERT_EQ(StatusOf([&] { EXPECT_EQ(ErrorOf([&] { GetParam().craft(path); }), "no error"); }), 0);
  AskProgram(path);
  ArgumentsFor(BuiltInReports().front());
  const int status = StatusOf([&] {
    LimitCpu();
    // Where a file cannot be opened, no report says anything else.
    if (ErrorOf([&] { const Session session(path); }) == "no error") AskAllReports(path, progress_);
  });
  EXPECT_EQ(status, 0) << "at the report " << progress_->report;
  const bool opens = progress_->report[0] != '\0';
  printf("%s: %ju KiB; %s; at most %.0f MiB, %.2f s CPU %s\n", GetParam().name.c_str(),
         static_cast<uintmax_t>(std::filesystem::file_size(path) >> 10),
         opens ? "opens" : "refused", progress_->memory_mib, progress_->most_seconds,
         progress_->slowest);
}

INSTANTIATE_TEST_SUITE_P(Crafted, HostileFileTest, testing::ValuesIn(CraftedFiles()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace pagesnap
