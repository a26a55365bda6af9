#include "capture/frozen_capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "capture/monotonic.h"
#include "capture/word_range.h"
#include "lib/base/error.h"
#include "lib/base/number.h"

namespace pagesnap {
namespace {

// Each round finds only what a process started before it was stopped.
constexpr int kMaxStopRounds = 8;

bool CanStop(const ProcessStat& stat) { return !stat.kernel_thread && !stat.IsZombie(); }

bool IsStopped(const Stop& stop) {
  return !stop.exempt && stop.problem.empty() && stop.stopped_ns != 0;
}

// Returns what became of a process after all.
Stop StopOf(const FreezePeriod& freeze, int32_t pid) {
  const auto found = freeze.stops().find(pid);
  return found != freeze.stops().end() ? found->second : Stop{};
}

// Returns for how long a process could not run, at least in part: also of one that did not stop in
// time, some threads stood still meanwhile. Nothing when it was not stopped, or nobody knows.
std::optional<int64_t> TimeStopped(const Stop& stop) {
  if (stop.first_stop_ns == 0 || stop.released_ns == 0) return std::nullopt;
  return std::max<int64_t>(0, stop.released_ns - stop.first_stop_ns);
}

}  // namespace

FrozenCapture::FrozenCapture(CaptureContext& context, FrameCapture* frames)
    : context_(context),
      frames_(frames),
      capture_(context),
      freeze_(*context.request.freezer, context.request.freeze_limit_ns,
              context.request.max_held_bytes),
      search_(context.reader, context.inquiry) {
  context_.freeze = &freeze_;
}

uint64_t FrozenCapture::Run(SelectedProcesses* selected) {
  ReadBefore(selected->processes);
  context_.CheckInterrupt();
  if (context_.request.priority != nullptr) context_.request.priority->Raise();
  context_.gaps.Hold();
  StopAll(selected);
  ReadStopped(*selected);
  freeze_.End(FreezeEnd::kComplete);
  if (context_.request.priority != nullptr) {
    context_.request.priority->Lower(/*raise_later=*/context_.request.series);
  }
  context_.CheckInterrupt();
  AddHeld();
  uint64_t changed = 0;
  for (const auto& [mapping_id, count] : changed_) {
    context_.writer.SetChangedCount(mapping_id, count);
    changed += static_cast<uint64_t>(count);
  }
  return changed;
}

void FrozenCapture::AddStopOfSharer(int64_t process_id, int32_t pid) const {
  const Stop stop = StopOf(freeze_, pid);
  context_.writer.SetStop(process_id, IsStopped(stop), TimeStopped(stop));
}

void FrozenCapture::ReadBefore(const std::vector<ProcessStat>& processes) {
  for (const ProcessStat& stat : processes) {
    processes_.push_back(capture_.Prepare(stat));
    capture_.AddFacts(processes_.back());
  }
  context_.pool.Run();
  search_.ListBefore();
}

// What starts after the limit is not selected any more: info names it.
void FrozenCapture::StopAll(SelectedProcesses* selected) {
  if (context_.request.prober != nullptr) context_.request.prober->BeginPhase();
  StopRound(selected->processes);
  for (int round = 1; round < kMaxStopRounds && !freeze_.limit_passed(); ++round) {
    const std::vector<ProcessStat> fresh =
        SelectStarted(context_.request.selection, *selected, context_.reader,
                      {&context_.inquiry, Prober::kShortPatience, &context_.unread_stat});
    if (fresh.empty()) break;
    for (const ProcessStat& stat : fresh) {
      selected->processes.push_back(stat);
      selected->seen_pids.push_back(stat.pid);
      processes_.push_back(capture_.Prepare(stat));
    }
    std::sort(selected->seen_pids.begin(), selected->seen_pids.end());
    StopRound(fresh);
  }
  StopSharers();
}

void FrozenCapture::StopRound(const std::vector<ProcessStat>& processes) {
  std::vector<int32_t> pids;
  for (const ProcessStat& stat : processes) {
    if (CanStop(stat) && !context_.inquiry.IsSilent(stat.pid)) pids.push_back(stat.pid);
  }
  StopAlso(pids);
  for (const Process& process : processes_) {
    auto stop = first_stops_.find(process->stat.pid);
    if (stop != first_stops_.end()) process->held->runs = stop->second.exempt;
  }
}

// Stops also who shares the memory of a process that is stopped, selected or not: it could go on
// changing it.
void FrozenCapture::StopSharers() {
  for (int round = 0; round < kMaxStopRounds; ++round) {
    std::set<int32_t> stopped;
    for (const auto& [pid, stop] : first_stops_) {
      if (IsStopped(stop) && !stop.ended) stopped.insert(pid);
    }
    if (stopped.empty()) break;
    const bool in_time = !freeze_.limit_passed();
    shared_ = search_.Find(stopped, in_time);
    if (!in_time) break;
    std::set<int32_t> running;
    for (const std::vector<int32_t>& group : shared_) running.insert(group.begin(), group.end());
    std::erase_if(running, [&](int32_t pid) { return first_stops_.contains(pid); });
    if (running.empty()) break;
    StopAlso(std::vector<int32_t>(running.begin(), running.end()));
  }
}

void FrozenCapture::StopAlso(std::span<const int32_t> pids) {
  for (const auto& [pid, stop] : freeze_.StopAlso(pids)) first_stops_[pid] = stop;
}

void FrozenCapture::ReadStopped(const SelectedProcesses& selected) {
  context_.on_pages_read = [this] {
    capture_.AddFigures();
    // A task, so that the files of frames are opened after those of figures.
    if (frames_ != nullptr) context_.pool.Add([this](int) { frames_->Schedule(); });
  };
  context_.memory_of = OwnersOf(shared_, selected.processes);
  ++context_.open_walks;  // so that it is called once, after all
  for (const Process& process : processes_) capture_.AddStopped(process);
  context_.EndWalk();
  context_.pool.Run();
  if (context_.request.verify) CountChanges();
}

void FrozenCapture::AddHeld() {
  context_.gaps.Release();
  FindWeakest();
  for (const Process& process : processes_) {
    const Stop stop = StopOf(freeze_, process->stat.pid);
    const bool frozen = JudgeFrozen(*process, stop);
    capture_.AddHeld(process);
    context_.writer.SetStop(process->process_id, frozen, TimeStopped(stop));
  }
  capture_.AddHeldPages();
  if (frames_ != nullptr) frames_->ScheduleHeld();
  context_.pool.Run();
  AddFreezeFacts();
}

// Returns whether all that was read of the process was read while it was stopped; if not, and it
// should have been, adds a gap.
bool FrozenCapture::JudgeFrozen(ProcessState& process, const Stop& stop) {
  if (!CanStop(process.stat) || stop.exempt) return false;
  if (context_.inquiry.IsSilent(process.stat.pid)) {
    all_frozen_ = false;
    return false;
  }
  const bool stopped = IsStopped(stop) && stop.stopped_ns <= process.held->first_read_ns;
  const std::string late = stopped ? LateReads(process, stop) : "";
  const std::string shared = stopped && late.empty() ? WhyShared(process) : "";
  if (stopped && late.empty() && shared.empty() && !process.ended) return true;
  all_frozen_ = false;
  // If it was killed, its frames were given to other processes before they were read.
  if (stop.ended) capture_.SetEnded(process);
  if (process.ended) return false;
  Gap gap{.process_id = process.process_id, .source = "freeze"};
  if (!stop.problem.empty()) {
    gap.reason = stop.problem;
  } else if (!stopped) {
    gap.reason = "it had not stopped when it was read";
  } else if (!shared.empty()) {
    gap.reason = shared;
  } else {
    gap.reason = fmt::format("{}: its {} read after it ran on", WhyReleased(), late);
  }
  context_.gaps.Add(gap);
  return false;
}

// Of each group that shares its memory, finds the one that was not stopped, or else the last that
// stopped and the first that ran on: to look at all for each would take long for large groups.
void FrozenCapture::FindWeakest() {
  for (const std::vector<int32_t>& group : shared_) {
    std::map<int32_t, Stop> stops;
    for (const int32_t pid : group) stops[pid] = StopOf(freeze_, pid);
    auto stopped_before = [&](int32_t a, int32_t b) {
      return stops[a].stopped_ns < stops[b].stopped_ns;
    };
    auto released_before = [&](int32_t a, int32_t b) {
      return stops[a].released_ns < stops[b].released_ns;
    };
    const auto running =
        std::ranges::find_if(group, [&](int32_t pid) { return !IsStopped(stops[pid]); });
    const std::vector<int32_t> weakest =
        running != group.end()
            ? std::vector<int32_t>{*running}
            : std::vector<int32_t>{*std::ranges::max_element(group, stopped_before),
                                   *std::ranges::min_element(group, released_before)};
    for (const int32_t pid : group) sharers_[pid] = weakest;
  }
}

// Returns which process could change the memory of this one while it was read, and why; "": none.
std::string FrozenCapture::WhyShared(const ProcessState& process) const {
  const auto found = sharers_.find(process.stat.pid);
  if (found == sharers_.end()) return "";
  const int64_t first_read_ns = process.held->first_read_ns;
  for (const int32_t pid : found->second) {
    const Stop stop = StopOf(freeze_, pid);
    const std::string who = fmt::format("process {}, which shares its memory,", pid);
    if (stop.exempt) {
      return who + " is capture, an ancestor of it or its debugger, and was left running";
    }
    if (!stop.problem.empty()) return fmt::format("{} was not stopped: {}", who, stop.problem);
    if (!IsStopped(stop) || stop.stopped_ns > first_read_ns) return who + " was not stopped";
    const std::string late = LateReads(process, stop);
    if (!late.empty()) return fmt::format("{} ran on or ended before its {} read", who, late);
  }
  return "";
}

// Returns what was read of the process after it was released, with "was" or "were"; "": nothing.
std::string FrozenCapture::LateReads(const ProcessState& process, const Stop& stop) const {
  if (stop.released_ns == 0) return "";
  std::vector<std::string> late;
  if (process.held->words_read_ns > stop.released_ns) late.emplace_back("page words");
  if (process.held->figures_read_ns > stop.released_ns) late.emplace_back("smaps");
  if (frames_ != nullptr && frames_->read_ns() > stop.released_ns) late.emplace_back("frames");
  if (late.empty()) return "";
  const bool one = late.size() == 1 && late[0] == "smaps";
  std::string text = late.back();
  late.pop_back();
  if (!late.empty()) text = fmt::format("{} and {}", fmt::join(late, ", "), text);
  return text + (one ? " was" : " were");
}

std::string FrozenCapture::WhyReleased() const {
  switch (freeze_.why()) {
    case FreezeEnd::kFull:
      return fmt::format("what was read took over {} of memory",
                         HumanBytes(context_.request.max_held_bytes));
    case FreezeEnd::kLimit:
    case FreezeEnd::kComplete:
      // The freezer may have noticed first that the limit passed.
      break;
  }
  return fmt::format("the limit of {:g} s passed",
                     static_cast<double>(context_.request.freeze_limit_ns) / 1e9);
}

// Reads the page words that are kept once more, to say how many differ.
void FrozenCapture::CountChanges() {
  std::map<int32_t, std::unique_ptr<WordFile>> pagemaps;
  std::vector<uint64_t> now;
  std::map<int32_t, std::string> folders;
  for (const Process& process : processes_) {
    folders[process->stat.pid] = process->folder;
    for (const MappingRow& row : process->mappings) {
      if (IsInPagemap(static_cast<uint64_t>(row.first_page), context_.page_size)) {
        changed_[row.id] = 0;
      }
    }
  }
  capture_.ForEachHeldPart([&](const HeldPages::Part& part) {
    context_.CheckLimit();
    try {
      std::unique_ptr<WordFile>& pagemap = pagemaps[part.pid];
      if (pagemap == nullptr) {
        pagemap = context_.reader.OpenWords(folders[part.pid] + "/pagemap");
      }
      now.resize(part.words.size());
      const size_t count = ReadWordRange(*pagemap, part.mapping.first_page + part.first, now, 0,
                                         [](uint64_t, uint64_t, const std::string&) {});
      for (size_t i = 0; i < count; ++i) {
        changed_[part.mapping.id] += IsChanged(part.words[i], now[i]);
      }
    } catch (const ReadError&) {
      changed_.erase(part.mapping.id);
    }
  });
}

// Stores what is known of the whole freeze.
void FrozenCapture::AddFreezeFacts() {
  context_.writer.SetFrozen(all_frozen_);
  int64_t first_ns = INT64_MAX;
  int64_t last_ns = 0;
  for (const auto& [pid, stop] : freeze_.stops()) {
    any_stopped_ |= IsStopped(stop);
    if (stop.first_stop_ns == 0) continue;
    first_ns = std::min(first_ns, stop.first_stop_ns);
    last_ns = std::max(last_ns, stop.released_ns);
    // The tracer ended, and nobody saw when the kernel released the process.
    if (stop.released_ns == 0) freeze_ns_ = kUnknownTime;
  }
  if (freeze_ns_ == kUnknownTime) {
    rested_ns_ = MonotonicNow() + context_.request.freeze_limit_ns;
  } else {
    freeze_ns_ = last_ns > first_ns ? last_ns - first_ns : 0;
    rested_ns_ = last_ns + freeze_ns_;
  }
  context_.writer.AddSystemFact(
      "capture.freeze_ns", freeze_ns_ == kUnknownTime ? "unknown" : std::to_string(freeze_ns_));
}

}  // namespace pagesnap
