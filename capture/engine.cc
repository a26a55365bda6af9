#include "capture/engine.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "capture/context.h"
#include "capture/frame_capture.h"
#include "capture/gap_recorder.h"
#include "capture/metered_reader.h"
#include "capture/process_capture.h"
#include "capture/select.h"
#include "capture/system_capture.h"
#include "lib/base/error.h"
#include "lib/kernel/release.h"

namespace pagesnap {
namespace {

using Clock = std::chrono::steady_clock;

constexpr KernelRelease kFirstWithScan = {6, 7};

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
      pages += ReadResidentPages(reader, process.pid);
    } catch (const Error&) {
      continue;
    }
  }
  return pages;
}

[[noreturn]] void ThrowAllDenied(const std::vector<ProcessStat>& processes) {
  const ProcessStat& first = processes.front();
  throw Error(
      fmt::format("no permission to read the memory layout of process {} ({}){}; run it as "
                  "root, or as the user who owns the process",
                  first.pid, first.name,
                  processes.size() > 1 ? fmt::format(" and {} more", processes.size() - 1) : ""));
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
  uint64_t ram_end = CaptureSystem(reader, facts, writer, gaps);

  FrameSet frames(ram_end);
  TaskPool pool(request.jobs);
  CaptureContext context{.request = request,
                         .reader = reader,
                         .writer = writer,
                         .gaps = gaps,
                         .frames = frames,
                         .pool = pool,
                         .progress = progress,
                         .page_size = facts.page_size,
                         .can_scan = ParseKernelRelease(facts.kernel_release) >= kFirstWithScan};
  ProcessCapture capture(context);
  FrameCapture frame_capture(context, ram_end);
  if (facts.pfn_visible) {
    context.on_pages_read = [&] {
      if (progress.visible()) context.BeginStage("frames", frames.Count());
      frame_capture.Schedule();
    };
  }
  if (progress.visible()) progress.Begin("pages", EstimatePages(reader, processes));
  for (const ProcessStat& process : processes) capture.Add(process);
  pool.Run();
  if (context.denied_count == processes.size()) ThrowAllDenied(processes);

  CaptureSummary summary{.process_count = processes.size(),
                         .mapping_count = context.mapping_count,
                         .page_count = context.page_count,
                         .frame_count = frames.Count()};
  if (facts.pfn_visible) {
    CaptureCgroups(reader, frame_capture.Finish(), writer, gaps);
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
