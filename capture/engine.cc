#include "capture/engine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "capture/cgroups.h"
#include "capture/context.h"
#include "capture/frame_capture.h"
#include "capture/frozen_capture.h"
#include "capture/gap_recorder.h"
#include "capture/metered_reader.h"
#include "capture/process_capture.h"
#include "capture/ram_facts.h"
#include "capture/select.h"
#include "capture/sharer_rows.h"
#include "capture/system_capture.h"
#include "capture/verify.h"
#include "capture/whole_machine.h"
#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/base/version.h"
#include "lib/kernel/page_word.h"
#include "lib/kernel/release.h"

namespace pagesnap {
namespace {

using Clock = std::chrono::steady_clock;

constexpr KernelRelease kFirstWithScan = {6, 7};
constexpr KernelRelease kFirstWithExclusiveBit = {4, 2};

// Stores what the capture cost up to now.
void AddCosts(MeteredReader& reader, Clock::time_point start, const ResourceUsage& before,
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
  const ResourceUsage usage = reader.Usage();
  total.user_ns = usage.user_ns - before.user_ns;
  total.system_ns = usage.system_ns - before.system_ns;
  total.peak_rss_kib = usage.peak_rss_kib;
  writer.AddCost(total);
}

// Returns for how long a process may leave the first question unanswered. Whoever gives the kernel
// no time at all still wants to know which processes are there.
std::chrono::milliseconds Patience(const CaptureRequest& request) {
  using std::chrono::milliseconds;
  const auto budget =
      std::chrono::duration_cast<milliseconds>(std::chrono::nanoseconds(request.file_budget_ns));
  return std::clamp(budget, milliseconds(100), milliseconds(2000));
}

// Returns how many chunks of frames may be in memory: enough for the machine's RAM, whatever holes
// its addresses have, and for devices.
size_t FrameChunkLimit(ProcReader& reader) {
  return std::max<size_t>(FrameSet::kMinChunkLimit,
                          4 * reader.Machine().ram_pages / kFramesPerChunk);
}

// Returns what the progress bar says that it is about.
std::string LabelOf(const std::vector<ProcessStat>& processes) {
  if (processes.empty()) return "capturing RAM";
  return fmt::format("capturing {} {}", HumanCount(processes.size()),
                     processes.size() == 1 ? "process" : "processes");
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
  // Root without this capability, as in a container, gains nothing from the other advice.
  const char* advice = geteuid() == 0
                           ? "root needs CAP_SYS_PTRACE for this, and has not got it here"
                           : "run it as root, or as the user who owns the process";
  throw Error(fmt::format(
      "no permission to read the memory layout of process {} ({}){}; {}", first.pid, first.name,
      processes.size() > 1 ? fmt::format(" and {} more", processes.size() - 1) : "", advice));
}

[[noreturn]] void ThrowAllEnded(const std::vector<ProcessStat>& processes) {
  const ProcessStat& first = processes.front();
  throw Error(fmt::format(
      "process {} ({}){} ended, or executed another program, before {} read", first.pid, first.name,
      processes.size() > 1 ? fmt::format(" and {} more", processes.size() - 1) : "",
      processes.size() > 1 ? "they were" : "it was"));
}

// Throws Error when nothing was read of any of the selected processes.
void CheckAnyRead(const CaptureContext& context, const std::vector<ProcessStat>& processes) {
  if (processes.empty()) return;  // frames alone
  if (context.denied_count == processes.size()) ThrowAllDenied(processes);
  if (context.denied_count + context.ended_count == processes.size()) ThrowAllEnded(processes);
}

[[noreturn]] void ThrowNoFrames() {
  throw Error(
      "--frames all: no permission to read /proc/kpageflags, and no process was selected; run it "
      "as root with CAP_SYS_ADMIN, outside of a container");
}

// Says which processes started while we captured: they are not in the snapshot.
void AddStarted(CaptureContext& context, const SelectedProcesses& selected) {
  std::vector<std::string> pids;
  std::map<int32_t, std::string> unread_stat;
  const Asking asking = {&context.inquiry, Prober::kShortPatience, &unread_stat};
  for (const ProcessStat& stat :
       SelectStarted(context.request.selection, selected, context.reader, asking)) {
    pids.push_back(std::to_string(stat.pid));
  }
  if (!pids.empty()) {
    context.writer.AddSystemFact("capture.started_meanwhile",
                                 fmt::format("{}", fmt::join(pids, " ")));
  }
}

// Says which processes may belong to the selection, but are not in the snapshot.
void AddNotFound(CaptureContext& context, const SelectedProcesses& selected) {
  std::map<int32_t, std::string> unread = context.unread_stat;
  for (const ProcessStat& stat : selected.processes) unread.erase(stat.pid);
  for (const auto& [pid, reason] : unread) {
    context.gaps.Add({.source = "stat",
                      .reason = fmt::format("whether process {} is one of those to capture is "
                                            "unknown: {}",
                                            pid, reason)});
  }
}

// Says of which processes the kernel's figures were left out.
void AddLeftOut(CaptureContext& context) {
  if (context.request.accounting == Accounting::kNever) {
    context.writer.AddSystemFact("capture.smaps", "no");
  } else if (!context.smaps_left_out.empty()) {
    context.writer.AddSystemFact("capture.smaps_left_out",
                                 fmt::format("{}", fmt::join(context.smaps_left_out, " ")));
  }
}

// Says of how many processes it is unknown with which they share memory.
void AddSharingUnknown(CaptureContext& context, size_t count) {
  if (count == 0) return;
  context.writer.AddSystemFact("capture.sharing_unknown_count", std::to_string(count));
}

// Reads all processes and frames while they run.
void ReadRunning(CaptureContext& context, const std::vector<ProcessStat>& processes,
                 FrameCapture* frames) {
  ProcessCapture capture(context);
  // A process at its exit stands still, and with it, perhaps, the terminal.
  const bool visible = context.progress.visible() && !context.request.at_exit;
  const bool twice = context.request.verify;
  const uint64_t frame_work = context.request.all_frames ? kRamFrameWork : kFrameWork;
  if (frames != nullptr) {
    context.on_pages_read = [&context, frames, visible, twice, frame_work] {
      if (visible) {
        context.SetRest(frames->Count() * frame_work +
                        (twice ? context.page_count * kPageWork : 0));
      }
      frames->Schedule();
    };
  }
  if (visible) {
    const uint64_t pages = EstimatePages(context.reader, processes);
    // Each page has a frame of its own, as far as is known yet.
    const uint64_t frame_count = frames == nullptr ? 0 : std::max(frames->Count(), pages);
    context.BeginProgress(LabelOf(processes),
                          pages * kPageWork * (twice ? 2 : 1) + frame_count * frame_work);
  }
  for (const ProcessStat& process : processes) capture.Add(process);
  if (processes.empty()) context.on_pages_read();
  context.pool.Run();
}

// Says how many page words differed when they were read again.
void AddChanged(CaptureContext& context, uint64_t count) {
  context.writer.AddSystemFact("capture.changed_page_count", std::to_string(count));
}

// Reads all processes and frames into the snapshot.
CaptureSummary ReadEverything(CaptureContext& context, SelectedProcesses* selected,
                              const SnapshotFacts& facts, uint64_t ram_end, int64_t snapshot_id) {
  std::optional<RamRanges> ram;
  if (context.request.all_frames && facts.pfn_visible) {
    ram = FindRam(context, FrameChunkLimit(context.reader));
  }
  FrameCapture frame_capture(context, ram_end, ram ? &*ram : nullptr);
  FrameCapture* frames = facts.pfn_visible ? &frame_capture : nullptr;
  CaptureSummary summary;
  if (context.request.freezer != nullptr) {
    FrozenCapture frozen(context, frames);
    const uint64_t changed = frozen.Run(selected);
    SharerRows(context, selected->processes).Add([&frozen](int64_t process_id, int32_t pid) {
      frozen.AddStopOfSharer(process_id, pid);
    });
    AddSharingUnknown(context, frozen.sharing_unknown_count());
    summary.freeze_ns = frozen.freeze_ns();
    summary.any_stopped = frozen.any_stopped();
    summary.rested_ns = frozen.rested_ns();
    context.freeze = nullptr;
    if (context.request.verify) AddChanged(context, changed);
    if (ram && context.progress.visible()) {
      context.BeginProgress(LabelOf(selected->processes), ram->frame_count() * kRamFrameWork);
    }
    frame_capture.ScheduleRam();
    context.pool.Run();
  } else {
    // All were listed if any was sought.
    SharedMemory shared = FindSharedMemory(
        context.reader, selected->processes, context.inquiry.silent(),
        selected->seen_pids.empty() ? ListPids(context.reader) : selected->seen_pids);
    context.memory_of = std::move(shared.owners);
    const SharerRows sharers(context, selected->processes);
    ReadRunning(context, selected->processes, frames);
    sharers.Add([](int64_t, int32_t) {});
    AddSharingUnknown(context, shared.unknown_count);
    if (context.request.verify) AddChanged(context, VerifyPages(context, snapshot_id));
  }
  AddLeftOut(context);
  AddNotFound(context, *selected);
  CheckAnyRead(context, selected->processes);
  if (facts.pfn_visible) {
    CaptureCgroups(context.reader, frame_capture.Finish(), context.writer, context.gaps);
    if (selected->processes.empty() && !frame_capture.has_flags()) ThrowNoFrames();
    summary.torn_count = frame_capture.torn_count();
    if (ram) summary.ram_count = ram->frame_count();
    context.writer.AddSystemFact("capture.torn_frame_count", std::to_string(summary.torn_count));
    context.writer.AddSystemFact(kFolioEndsFact, "yes");
  } else {
    if (selected->processes.empty()) ThrowNoFrames();
    context.writer.SetFrameSources(SourceState::kHidden, SourceState::kHidden,
                                   SourceState::kHidden);
    context.gaps.Add({.source = "pagemap",
                      .reason = "the kernel hid PFNs and swap slots, because capture ran without "
                                "CAP_SYS_ADMIN: what needs them is unknown"});
  }
  const auto silent_count = std::ranges::count_if(
      selected->processes, [&](const auto& stat) { return context.inquiry.IsSilent(stat.pid); });
  summary.process_count = selected->processes.size() - context.denied_count - context.ended_count -
                          static_cast<uint64_t>(silent_count);
  summary.ended_count = context.ended_count;
  summary.threads = selected->threads;
  summary.mapping_count = context.mapping_count;
  summary.page_count = context.page_count;
  summary.frame_count = context.frames.Count();
  return summary;
}

}  // namespace

CaptureSummary Capture(const CaptureRequest& request, ProcReader& machine, SnapshotWriter& writer,
                       Progress& progress) {
  Clock::time_point start = Clock::now();
  const ResourceUsage before = machine.Usage();
  MeteredReader reader(machine, request.file_budget_ns);
  if (request.prober != nullptr) request.prober->BeginPhase();
  Inquiry inquiry(request.prober);
  std::map<int32_t, std::string> unread_stat;
  SelectedProcesses selected;
  if (!request.selection.empty()) {
    selected =
        SelectProcesses(request.selection, reader, {&inquiry, Patience(request), &unread_stat});
  }
  SnapshotFacts facts = ReadSnapshotFacts(reader, selected.processes, inquiry.silent());
  facts.tool_version = ReleaseVersion();
  facts.options = request.command_line;
  int64_t snapshot_id = writer.BeginSnapshot(facts, request.verify);
  GapRecorder gaps(writer);
  uint64_t ram_end = CaptureSystem(reader, facts, writer, gaps);

  KernelRelease release = ParseKernelRelease(facts.kernel_release);
  FrameSet frames(ram_end, FrameChunkLimit(reader));
  TaskPool pool(request.jobs);
  CaptureContext context{
      .request = request,
      .reader = reader,
      .writer = writer,
      .gaps = gaps,
      .frames = frames,
      .pool = pool,
      .progress = progress,
      .page_size = facts.page_size,
      .inquiry = inquiry,
      .unread_stat = std::move(unread_stat),
      .can_scan = release >= kFirstWithScan,
      .mapped_once_bit = release >= kFirstWithExclusiveBit ? PageWord::kMmapExclusive : 0};
  FileCapture files(reader, writer, request.build_ids);
  if (request.look_at_files) {
    context.files = &files;
  } else {
    writer.AddSystemFact("capture.files_unknown", "files are not looked at with --proc-root");
  }
  if (request.at_exit) writer.AddSystemFact("capture.at_exit", "yes");
  if (request.selection.all && ListsWholeMachine(reader)) {
    writer.AddSystemFact("capture.all_processes", "yes");
  }
  CaptureSummary summary = ReadEverything(context, &selected, facts, ram_end, snapshot_id);
  writer.AddUsages(static_cast<size_t>(request.jobs));
  context.CheckInterrupt();
  AddStarted(context, selected);
  CaptureUserNames(reader, writer);
  CaptureSettings(reader, writer);
  files.Finish();
  AddCosts(reader, start, before, writer);
  writer.Commit();
  summary.gap_count = gaps.count();
  summary.first_gap = gaps.first_reason();
  return summary;
}

}  // namespace pagesnap
