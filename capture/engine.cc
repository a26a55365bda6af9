#include "capture/engine.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "capture/frame_capture.h"
#include "capture/gap_recorder.h"
#include "capture/metered_reader.h"
#include "capture/process_capture.h"
#include "capture/select.h"
#include "capture/system_capture.h"
#include "lib/base/error.h"
#include "lib/base/number.h"

namespace pagesnap {
namespace {

using Clock = std::chrono::steady_clock;

int64_t Nanoseconds(const timeval& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + int64_t{time.tv_usec} * 1000;
}

// Stores what the capture cost up to now.
void AddCosts(MeteredReader& reader, Clock::time_point start, const rusage& before,
              SnapshotWriter& writer) {
  Cost total{.source = "total"};
  for (const auto& [source, cost] : reader.Costs()) {
    writer.AddCost({.source = source,
                    .wall_ns = cost.wall_ns,
                    .call_count = cost.call_count,
                    .byte_count = cost.byte_count,
                    .longest_ns = cost.longest_ns});
    total.call_count += cost.call_count;
    total.byte_count += cost.byte_count;
    total.longest_ns = std::max(total.longest_ns, cost.longest_ns);
  }
  total.wall_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  total.user_ns = Nanoseconds(usage.ru_utime) - Nanoseconds(before.ru_utime);
  total.system_ns = Nanoseconds(usage.ru_stime) - Nanoseconds(before.ru_stime);
  total.peak_rss_kib = usage.ru_maxrss;
  writer.AddCost(total);
}

// Returns how many pages the processes have in memory, for the progress bar.
uint64_t EstimatePages(ProcReader& reader, const std::vector<ProcessStat>& processes) {
  uint64_t pages = 0;
  for (const ProcessStat& process : processes) {
    try {
      std::string text = ReadWholeText(reader, fmt::format("proc/{}/statm", process.pid));
      size_t begin = text.find(' ') + 1;
      pages += ParseUnsigned(text.substr(begin, text.find(' ', begin) - begin)).value_or(0);
    } catch (const Error&) {
      continue;
    }
  }
  return pages;
}

[[noreturn]] void ThrowAllDenied(const std::vector<ProcessStat>& processes) {
  const ProcessStat& first = processes.front();
  // Root without this capability, as in a container, gains nothing from the other advice.
  const char* advice = geteuid() == 0
                           ? "root needs CAP_SYS_PTRACE for this, and has not got it here"
                           : "run it as root, or as the user who owns the process";
  throw Error(fmt::format(
      "no permission to read the memory layout of process {} ({}){}; {}", first.pid, first.name,
      processes.size() > 1 ? fmt::format(" and {} more", processes.size() - 1) : "", advice));
}

}  // namespace

CaptureSummary Capture(const CaptureRequest& request, ProcReader& machine, SnapshotWriter& writer,
                       Progress& progress) {
  Clock::time_point start = Clock::now();
  rusage before;
  getrusage(RUSAGE_SELF, &before);
  MeteredReader reader(machine);
  std::vector<ProcessStat> processes = SelectProcesses(request.selection, reader);
  SnapshotFacts facts = ReadSnapshotFacts(reader, processes);
  facts.tool_version = PAGESNAP_VERSION;
  facts.options = request.command_line;
  writer.BeginSnapshot(facts);
  GapRecorder gaps(writer);
  uint64_t ram_end = CaptureSystem(reader, writer, gaps);

  ProcessCapture capture(reader, writer, gaps, progress, facts.page_size, request.accounting);
  if (progress.visible()) progress.Begin("pages", EstimatePages(reader, processes));
  size_t denied = 0;
  for (const ProcessStat& process : processes) {
    if (!capture.Run(process)) ++denied;
  }
  if (denied == processes.size()) ThrowAllDenied(processes);

  CaptureSummary summary{.process_count = processes.size(),
                         .mapping_count = capture.mapping_count(),
                         .page_count = capture.page_count(),
                         .frame_count = capture.frames().Count()};
  if (facts.pfn_visible) {
    if (progress.visible()) progress.Begin("frames", summary.frame_count);
    std::set<uint64_t> cgroups =
        CaptureFrames(capture.frames(), ram_end, reader, writer, gaps, progress);
    CaptureCgroups(reader, cgroups, writer, gaps);
  } else {
    writer.SetFrameSources(SourceState::kHidden, SourceState::kHidden, SourceState::kHidden);
    gaps.Add({.source = "pagemap",
              .reason = "the kernel hid PFNs and swap slots, because capture ran without "
                        "CAP_SYS_ADMIN: what needs them is unknown"});
  }
  AddCosts(reader, start, before, writer);
  writer.Commit();
  summary.gap_count = gaps.count();
  summary.first_gap = gaps.first_reason();
  return summary;
}

}  // namespace pagesnap
