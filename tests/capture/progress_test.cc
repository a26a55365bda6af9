// The bar for someone who waits.
#include "capture/progress.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <regex>
#include <thread>

#include "capture/context.h"
#include "lib/base/unique_fd.h"
#include "tests/capture/frozen_testing.h"
#include "tests/support/ram_machine.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ProgressLineTest, HasLabelBarPercentAndTimeLeft) {
  EXPECT_EQ(ProgressLine("capturing 2 processes", 0.5, 3),
            "capturing 2 processes [########--------]  50 %, 3 s left");
  EXPECT_EQ(ProgressLine("x", 0, 1), "x [----------------]   0 %");
  EXPECT_EQ(ProgressLine("x", 0.999, 10), "x [###############-]  99 %, 1 s left");
  EXPECT_EQ(ProgressLine("x", 1, 10), "x [################] 100 %, 0 s left");
  const std::string longest = ProgressLine("snapshot 100: capturing 1,000 processes", 0.001, 9);
  EXPECT_LE(longest.size(), 80u - 1) << longest;
}

// Where a bar is drawn.
class Screen {
 public:
  Screen() {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    read_end_.Reset(ends[0]);
    write_end_.Reset(ends[1]);
  }
  [[nodiscard]] int fd() const { return write_end_.get(); }
  // Returns all that was written.
  std::string Text() {
    write_end_.Reset();
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = read(read_end_.get(), buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }

 private:
  UniqueFd read_end_;
  UniqueFd write_end_;
};

constexpr std::chrono::milliseconds kStep(30);

// Advances for a second, in steps.
void AdvanceSlowly(Progress& progress, uint64_t step) {
  constexpr int kSteps = 30;
  for (int i = 0; i < kSteps; ++i) {
    std::this_thread::sleep_for(kStep);
    progress.Advance(step);
  }
}

TEST(TerminalProgressTest, IsOneLineThatGrowsAndIsRemoved) {
  Screen screen;
  {
    TerminalProgress progress(screen.fd(), "snapshot 2: ");
    progress.Begin("capturing 2 processes", 6000);
    AdvanceSlowly(progress, 100);
    progress.SetRest(6000);  // more than was thought
    AdvanceSlowly(progress, 100);
  }
  const std::string text = screen.Text();
  static const std::regex kLine(
      "\rsnapshot 2: capturing 2 processes \\[#*-*\\] +(\\d+) %, \\d+ s left\033\\[K");
  std::vector<int> percents;
  for (std::sregex_iterator i(text.begin(), text.end(), kLine), end; i != end; ++i) {
    percents.push_back(std::stoi((*i)[1]));
  }
  EXPECT_GE(percents.size(), 6u);
  EXPECT_LE(percents.size(), 20u) << "ten times a second";
  EXPECT_TRUE(std::ranges::is_sorted(percents)) << "it went back: " << text;
  EXPECT_LT(percents.front(), 30);
  EXPECT_GT(percents.back(), 50);
  EXPECT_EQ(std::regex_replace(text, kLine, ""), "\r\033[K");
}

TEST(TerminalProgressTest, NothingIsWrittenBeforeItBegins) {
  Screen screen;
  {
    TerminalProgress progress(screen.fd(), "");
    AdvanceSlowly(progress, 1000);
  }
  EXPECT_EQ(screen.Text(), "");
}

TEST(TerminalProgressTest, WhatIsSoonDoneHasNoBar) {
  Screen screen;
  {
    TerminalProgress progress(screen.fd(), "");
    progress.Begin("capturing 1 process", 10);
    progress.Advance(10);
  }
  EXPECT_EQ(screen.Text(), "");
}

// Remembers what it is told.
class Recorder final : public Progress {
 public:
  explicit Recorder(std::function<void()> on_begin = [] {}) : on_begin_(std::move(on_begin)) {}
  void Begin(const std::string& label, uint64_t total) override {
    on_begin_();
    labels.push_back(label);
    totals.push_back(total);
    begun_ = true;
  }
  void Advance(uint64_t count) override { done += begun_ ? count : 0; }
  void SetRest(uint64_t count) override { end = done + count; }
  [[nodiscard]] bool visible() const override { return true; }

  std::vector<std::string> labels;
  std::vector<uint64_t> totals;
  uint64_t done = 0;
  uint64_t end = 0;  // what was thought last of the total

 private:
  std::function<void()> on_begin_;
  bool begun_ = false;
};

void Record(const CaptureRequest& request, MachineTree& machine, Recorder& recorder) {
  TestFolder folder;
  WriteSnapshotFile(folder.File("a"), [&](SnapshotWriter& writer) {
    Capture(request, machine.reader(), writer, recorder);
  });
}

TEST(CaptureProgressTest, OneBarIsForPagesFramesAndTheSecondReading) {
  MachineTree machine;
  FillSampleMachine(machine);
  CaptureRequest request = AllProcesses();
  Recorder recorder;
  Record(request, machine, recorder);
  EXPECT_THAT(recorder.labels, ElementsAre("capturing 4 processes"));
  EXPECT_EQ(recorder.done, 19u * kPageWork + 13u * kFrameWork);
  EXPECT_EQ(recorder.end, recorder.done);
  request.verify = true;
  Recorder twice;
  Record(request, machine, twice);
  EXPECT_THAT(twice.labels, ElementsAre("capturing 4 processes"));
  EXPECT_EQ(twice.done, 19u * kPageWork * 2 + 13u * kFrameWork);
  EXPECT_EQ(twice.end, twice.done);
}

TEST(CaptureProgressTest, RamIsOfTheSameBar) {
  MachineTree machine;
  FillRamMachine(machine);
  Recorder recorder;
  Record(AllFrames(), machine, recorder);
  EXPECT_THAT(recorder.labels, ElementsAre("capturing 4 processes"));
  EXPECT_GE(recorder.totals.at(0), kRamMachineFrames);
  EXPECT_EQ(recorder.end, recorder.done);
  EXPECT_GE(recorder.done, kRamMachineFrames);
  CaptureRequest frames;
  frames.all_frames = true;
  Recorder alone;
  Record(frames, machine, alone);
  EXPECT_THAT(alone.labels, ElementsAre("capturing RAM"));
}

// A program that stands at its exit may be the terminal.
TEST(CaptureProgressTest, NoneWhileAProgramStandsAtItsExit) {
  MachineTree machine;
  FillSampleMachine(machine);
  CaptureRequest request = AllProcesses();
  request.at_exit = true;
  Recorder recorder;
  Record(request, machine, recorder);
  EXPECT_THAT(recorder.labels, IsEmpty());
}

class FrozenProgressTest : public FrozenCaptureTest {};

TEST_F(FrozenProgressTest, BeginsWhenAllAreReleased) {
  Recorder recorder;
  Record(Request(), machine_, recorder);
  EXPECT_THAT(recorder.labels, IsEmpty()) << "there is nothing left to read";
  MachineTree machine;
  FillRamMachine(machine);
  CaptureRequest request = Request();
  request.all_frames = true;
  bool stopped = false;
  const int thaws = freezer_.thaw_count();
  Recorder of_ram([&] { stopped = freezer_.IsStopped(100) || freezer_.thaw_count() == thaws; });
  Record(request, machine, of_ram);
  EXPECT_EQ(of_ram.labels.size(), 1u);
  EXPECT_FALSE(stopped);
  EXPECT_GE(of_ram.done, kRamMachineFrames);
}

}  // namespace
}  // namespace pagesnap
