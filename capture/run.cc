#include "capture/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <thread>

#include "capture/interrupt.h"
#include "capture/interrupt_watch.h"
#include "capture/monotonic.h"
#include "capture/output_name.h"
#include "capture/priority.h"
#include "capture/progress.h"
#include "capture/ptrace_freezer.h"
#include "capture/sudo_caller.h"
#include "capture/ticks.h"
#include "lib/base/limits.h"
#include "lib/base/number.h"
#include "lib/base/print.h"
#include "lib/base/standard_streams.h"
#include "lib/proc/directory_reader.h"
#include "lib/store/output/output_file.h"
#include "lib/store/schema.h"
#include "lib/store/write/snapshot_writer.h"

namespace pagesnap {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kInterruptedText[] = "interrupted";

// Forks, so it comes before files are open and memory is in use, and before the priority is
// lowered.
std::unique_ptr<Freezer> StartFreezer(const CaptureOptions& options) {
  if (!options.freeze) return nullptr;
  return std::make_unique<PtraceFreezer>(options.root,
                                         std::chrono::nanoseconds(options.request.freeze_limit_ns));
}

// Each job has up to six files open: pagemap twice, smaps, and three of frames.
int JobsFor(int wanted) {
  constexpr uint64_t kOthers = 24;
  constexpr uint64_t kOfAJob = 6;
  const uint64_t limit = DescriptorLimit();
  const uint64_t most = limit > kOthers + kOfAJob ? (limit - kOthers) / kOfAJob : 1;
  return static_cast<int>(std::min(static_cast<uint64_t>(wanted), most));
}

std::unique_ptr<Output> OpenOutput(const CaptureOptions& options,
                                   const std::atomic<bool>* interrupted) {
  if (options.output != "-") {
    DirectoryReader machine("/", interrupted);
    return std::make_unique<OutputFile>(options.output,
                                        OutputOptions{.overwrite = options.force,
                                                      .series = options.interval_ns.has_value(),
                                                      .owner = SudoCaller(machine),
                                                      .max_bytes = options.max_bytes,
                                                      .interrupted = interrupted});
  }
  if (isatty(STDOUT_FILENO)) {
    throw UsageError("-o - would write a binary file to the terminal; send it to a file or a pipe");
  }
  return std::make_unique<OutputStream>(STDOUT_FILENO, options.max_bytes, interrupted);
}

// `number` is that of the snapshot.
std::unique_ptr<Progress> MakeProgress(const CaptureOptions& options, uint64_t number) {
  if (options.quiet || isatty(STDERR_FILENO) == 0) return std::make_unique<Progress>();
  return std::make_unique<TerminalProgress>(
      STDERR_FILENO, options.interval_ns ? fmt::format("snapshot {}: ", number) : "");
}

std::string Plural(uint64_t count, const char* one, const char* many) {
  return fmt::format("{} {}", HumanCount(count), count == 1 ? one : many);
}

// For --nice: before threads start, which inherit the priority.
std::optional<Priority> LowerPriority(const CaptureOptions& options) {
  if (!options.nice) return std::nullopt;
  const Priority priority;
  priority.Lower(/*raise_later=*/options.freeze);
  return priority;
}

// Returns what the closing line says of a freeze.
std::string StopText(const CaptureSummary& summary) {
  const int64_t freeze_ns = *summary.freeze_ns;
  if (freeze_ns < 0) return "; stopped for an unknown time";
  if (freeze_ns == 0) return "; nothing was stopped";
  const std::string time = HumanDuration(static_cast<uint64_t>(freeze_ns));
  if (summary.any_stopped) return "; stopped for " + time;
  return fmt::format("; tried to stop {} for {}", summary.process_count == 1 ? "it" : "them", time);
}

// One run of the program: one snapshot, or a series.
class CaptureRun {
 public:
  CaptureRun(const CaptureOptions& options, ProcReader& reader)
      : options_(options),
        reader_(reader),
        freezer_(StartFreezer(options)),
        priority_(LowerPriority(options)),
        interrupted_(CatchInterrupts()),
        request_(options.request),
        watch_(interrupted_, options.request.file_budget_ns, Name()),
        output_(OpenOutput(options, &interrupted_)),
        database_(Database::CreateIn(output_->fd(), Name(), &output_->space())) {
    request_.interrupted = &interrupted_;
    request_.jobs = JobsFor(request_.jobs);
    request_.series = options.interval_ns.has_value();
    if (freezer_ != nullptr) request_.freezer = freezer_.get();
    if (priority_) {
      request_.priority = &*priority_;
      if (options.freeze && request_.series && !priority_->can_raise() && !options.quiet) {
        PrintMessage(stderr,
                     "capture: note: --nice has no effect in a series with --freeze: to raise the "
                     "priority again for each freeze takes CAP_SYS_NICE");
      }
    }
    CreateSchema(database_);
  }

  ExitCode Run() {
    writer_.emplace(database_);
    if (!options_.interval_ns) {
      Take(/*more=*/false);
      return Code();
    }
    const Ticks ticks(MonotonicNow(), *options_.interval_ns);
    for (;;) {
      try {
        Take(/*more=*/true);
      } catch (const Error& error) {
        if (done_ == 0) throw;
        return EndSeries(interrupted_ ? kInterruptedText : error.what());
      }
      if (done_ == options_.count) return Code();
      if (!WaitForTick(ticks)) return EndSeries(kInterruptedText);
    }
  }

  // Says how to go on.
  void PrintNext() {
    if (!options_.quiet && !StandardOutputWasClosed()) {
      PrintLine(fmt::format("analyze {}", options_.output));
    }
  }

  // Throws Error when a closing line could not be written.
  void CheckClosingLines() const {
    if (lost_line_.empty()) return;
    throw Error(fmt::format("{}: it is complete, but nothing says so: {}", Name(), lost_line_));
  }

 private:
  [[nodiscard]] std::string Name() const {
    return options_.output == "-" ? "standard output" : options_.output;
  }

  void Take(bool more) {
    Clock::time_point start = Clock::now();
    output_->space().Check(Name());
    CaptureSummary summary;
    {
      std::unique_ptr<Progress> progress = MakeProgress(options_, done_ + 1);
      summary = TakeSnapshot(*progress);
    }
    // Before Publish(), which may fork: after that, each page of memory that SQLite frees is a
    // fault.
    if (!more) CloseDatabase();
    uint64_t size = output_->Publish(more);
    ++done_;
    watch_.SetPublished();
    gaps_ |= summary.gap_count > 0;
    rested_ns_ = summary.rested_ns;
    PrintNote();
    if (done_ == 1) PrintThreads(summary);
    // Without a standard output there is nobody to read it.
    const bool is_read = options_.output == "-" || !StandardOutputWasClosed();
    if (!options_.quiet && is_read) PrintSummary(summary, size, Clock::now() - start);
  }

  CaptureSummary TakeSnapshot(Progress& progress) {
    try {
      return Capture(request_, reader_, *writer_, progress);
    } catch (const std::bad_alloc&) {
      throw Error("out of memory: free some, or raise the limit (ulimit -v)");
    }
  }

  void PrintNote() {
    const std::string note = output_->TakeNote();
    if (!note.empty() && !options_.quiet) {
      PrintMessage(stderr, fmt::format("capture: note: {}", note));
    }
  }

  void PrintThreads(const CaptureSummary& summary) const {
    if (options_.quiet) return;
    for (const auto& [thread, pid] : summary.threads) {
      PrintMessage(stderr,
                   fmt::format("capture: note: {} is a thread of process {}, which was captured",
                               thread, pid));
    }
  }

  void CloseDatabase() {
    writer_.reset();
    database_.Close();
  }

  [[nodiscard]] ExitCode Code() const { return gaps_ ? kExitWithGaps : kExitOk; }

  // What was complete is in the file; the user hears why there is not more. A signal is how a
  // series without --count ends.
  ExitCode EndSeries(const char* why) {
    PrintNote();
    const bool is_early = !interrupted_ || options_.count;
    if (is_early || !options_.quiet) {
      PrintMessage(stderr, fmt::format("capture: the series ends after {}: {}",
                                       Plural(done_, "snapshot", "snapshots"), why));
    }
    return is_early ? kExitWithGaps : Code();
  }

  // Returns false when the user interrupts the wait.
  bool WaitForTick(const Ticks& ticks) {
    constexpr int64_t kLookNs = 50'000'000;
    int64_t due_ns = ticks.Next(MonotonicNow(), rested_ns_);
    while (!interrupted_) {
      const int64_t now_ns = MonotonicNow();
      if (ticks.IsMissed(due_ns, now_ns)) due_ns = ticks.Next(now_ns, rested_ns_);
      if (now_ns >= due_ns) return true;
      std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(due_ns - now_ns, kLookNs)));
    }
    return false;
  }

  void PrintSummary(const CaptureSummary& summary, uint64_t size, Clock::duration duration) {
    const std::string line = SummaryLine(summary, size, duration);
    if (options_.output == "-") return PrintMessage(stderr, line);
    PrintLine(line);
  }

  // The file is complete by then, so that a line that cannot be written ends nothing.
  void PrintLine(const std::string& line) {
    if (!lost_line_.empty()) return;
    // Standard output is the program's.
    if (!options_.command.empty()) return PrintMessage(stderr, line);
    try {
      WriteOutput(stdout, Printable(line) + "\n");
      FlushOutput(stdout);
    } catch (const Error& error) {
      lost_line_ = error.what();
    }
  }

  [[nodiscard]] std::string SummaryLine(const CaptureSummary& summary, uint64_t size,
                                        Clock::duration duration) const {
    std::string line = Name() + ": ";
    if (options_.interval_ns) line += fmt::format("snapshot {}: ", done_);
    auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
    line += fmt::format("captured {}, {}, {}, {} in {}; file {}",
                        Plural(summary.process_count, "process", "processes"),
                        Plural(summary.mapping_count, "mapping", "mappings"),
                        Plural(summary.page_count, "page", "pages"),
                        Plural(summary.frame_count, "frame", "frames"),
                        HumanDuration(static_cast<uint64_t>(nanoseconds)), HumanBytes(size));
    if (summary.ram_count > 0) {
      line += fmt::format("; with all {} of RAM", Plural(summary.ram_count, "frame", "frames"));
    }
    if (summary.freeze_ns) line += StopText(summary);
    if (summary.ended_count > 0) {
      line +=
          fmt::format("; {} ended meanwhile", Plural(summary.ended_count, "process", "processes"));
    }
    if (summary.torn_count > 0) {
      line += fmt::format("; {}", Plural(summary.torn_count, "torn frame", "torn frames"));
    }
    if (summary.gap_count > 0) {
      line += fmt::format("; {} (first: {}), see 'analyze info {}'",
                          Plural(summary.gap_count, "gap", "gaps"), summary.first_gap,
                          options_.output == "-" ? "FILE" : options_.output);
    }
    return line;
  }

  const CaptureOptions& options_;
  ProcReader& reader_;
  const std::unique_ptr<Freezer> freezer_;
  const std::optional<Priority> priority_;
  const std::atomic<bool>& interrupted_;
  CaptureRequest request_;
  InterruptWatch watch_;  // after the tracer, whose parent forks with one thread
  std::unique_ptr<Output> output_;
  Database database_;
  std::optional<SnapshotWriter> writer_;
  uint64_t done_ = 0;  // snapshots
  bool gaps_ = false;
  int64_t rested_ns_ = 0;  // before this, no process is stopped again; CLOCK_MONOTONIC
  std::string lost_line_;  // why a closing line could not be written; empty: all were
};

}  // namespace

ExitCode RunCapture(const CaptureOptions& given, ProcReader& reader) {
  CaptureOptions options = given;
  const bool is_named = !options.output.empty();
  if (!is_named) {
    options.output = OutputName(options.request.selection, reader, reader.Now().wall_ns);
  }
  CaptureRun run(options, reader);
  const ExitCode code = run.Run();
  // Who named the file knows what to do with it.
  if (!is_named) run.PrintNext();
  run.CheckClosingLines();
  return code;
}

}  // namespace pagesnap
