#include "capture/process_capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "capture/cgroups.h"
#include "capture/mapping_list.h"
#include "capture/process_facts.h"
#include "capture/select.h"
#include "lib/base/error.h"
#include "lib/base/interrupted.h"
#include "lib/codec/page_words.h"
#include "lib/proc/threads.h"
#include "lib/store/sqlite/facts.h"

namespace pagesnap {
namespace {

// A part of a mapping has at most 1 GiB of 4 KiB pages, and a task at least 256 MiB unless the
// process has less: enough tasks for all jobs, and few enough to cost nothing.
constexpr uint64_t kPagesPerPart = uint64_t{1} << 18;
constexpr uint64_t kPagesPerTask = uint64_t{1} << 16;
// Storing a small part costs as much as reading many pages, so their number is limited too.
constexpr size_t kPartsPerTask = 1024;
// When so many tasks of one process wait, the list of its mappings is ahead of those who read
// pages, and who reads the list reads pages too: a million mappings must not wait in memory.
constexpr size_t kMaxOpenParts = 16;

// From 64 MiB in 4 KiB pages on, smaps takes more than a millisecond.
constexpr uint64_t kPagesOfALargeProcess = 16384;

// With more mappings than this, reading their list twice costs more than it gains.
constexpr size_t kFewMappings = 2048;

// Returns whether maps has few lines; reads no more of it than that takes.
bool HasFewMappings(ProcReader& reader, const std::string& folder) {
  struct Enough {};
  size_t lines = 0;
  try {
    reader.ReadText(folder + "/maps", [&](std::string_view block) {
      lines += std::count(block.begin(), block.end(), '\n');
      if (lines > kFewMappings) throw Enough();
    });
  } catch (const Enough&) {
    return false;
  } catch (const ReadError&) {
    return false;  // who reads it in earnest says why
  }
  return true;
}

// Cuts mappings into parts, and collects these into lists of a size that is worth a task. Parts are
// cut between chunks.
class WorkSplitter {
 public:
  using Sink = std::function<void(std::vector<PagePart> parts)>;

  // `sink` takes each list when it is full. Once `gone`, which is borrowed, is set, nothing can be
  // read, and a mapping is one part: a recorded pagemap can be much shorter than its mappings.
  WorkSplitter(const std::atomic<bool>& gone, Sink sink) : gone_(gone), sink_(std::move(sink)) {}

  void Add(const MappingSpan& mapping) {
    for (uint64_t begin = 0; begin < mapping.page_count;) {
      // A dense part is cut smaller, so that two jobs share it.
      uint64_t most = mapping.dense ? kPagesPerTask : kPagesPerPart;
      uint64_t end = begin + most - (mapping.alignment + begin) % kPagesPerChunk;
      if (gone_ || end > mapping.page_count) end = mapping.page_count;
      if (pages_ >= kPagesPerTask || parts_.size() >= kPartsPerTask) Flush();
      parts_.push_back({mapping, begin, end});
      pages_ += end - begin;
      begin = end;
    }
  }

  // Hands over what is left.
  void Flush() {
    if (!parts_.empty()) sink_(std::exchange(parts_, {}));
    pages_ = 0;
  }

 private:
  const std::atomic<bool>& gone_;
  Sink sink_;
  std::vector<PagePart> parts_;
  uint64_t pages_ = 0;
};

// Returns whether a process stands still until somebody lets it run on: by a signal, a debugger or
// its cgroup.
bool IsStopped(ProcReader& reader, const ProcessStat& stat) {
  const std::optional<ProcessStat> living = LivingThread(reader, stat);
  if (living && (living->state == 'T' || living->state == 't')) return true;
  return IsInFrozenCgroup(reader, stat.pid);
}

}  // namespace

ProcessCapture::ProcessCapture(CaptureContext& context) : context_(context) {
  walkers_.reserve(context.pool.jobs());
  for (int job = 0; job < context.pool.jobs(); ++job) walkers_.emplace_back(context);
}

ProcessCapture::Process ProcessCapture::Prepare(const ProcessStat& stat) {
  auto process = std::make_shared<ProcessState>();
  process->stat = stat;
  process->process_id = context_.writer.ReserveProcessId();
  process->held = std::make_unique<HeldProcess>();
  return process;
}

void ProcessCapture::AddFacts(const Process& process) {
  context_.pool.Add([this, process](int) {
    context_.CheckInterrupt();
    process->held->facts = ReadFacts(*process);
  });
}

void ProcessCapture::AddStopped(const Process& process) {
  ++context_.open_walks;
  context_.pool.Add([this, process](int job) {
    context_.CheckLimit();
    ReadStopped(process, job);
    context_.EndWalk();
  });
}

void ProcessCapture::AddFigures() {
  for (TaskPool::Task& task : last_) context_.pool.Add(std::move(task));
  last_.clear();
}

void ProcessCapture::Add(const ProcessStat& stat) {
  auto process = std::make_shared<ProcessState>();
  process->stat = stat;
  ++context_.open_walks;
  context_.pool.Add([this, process](int job) {
    ReadProcess(process, job);
    context_.EndWalk();
  });
}

void ProcessCapture::ReadProcess(const Process& process, int job) {
  context_.CheckInterrupt();
  process->process_id = context_.writer.AddProcess(ReadFacts(*process));
  if (HasMemory(*process)) ReadMemory(process, job);
}

// Also notes how much memory the process has.
ProcessFacts ProcessCapture::ReadFacts(ProcessState& process) {
  const bool answers = !context_.inquiry.IsSilent(process.stat.pid);
  uint64_t held_kib = 0;
  process.folder = MemoryFolder(context_.reader, process.stat);
  ProcessFacts facts = ReadProcessFacts(context_.reader, process.stat, process.folder, answers,
                                        context_.request.cmdline_bytes, &held_kib);
  process.held_pages = held_kib * 1024 / context_.page_size;
  return facts;
}

// Kernel threads have no memory of their own; zombies had, and their files are empty.
bool ProcessCapture::HasMemory(const ProcessState& process) {
  if (process.stat.kernel_thread) return false;
  const auto unread = context_.unread_stat.find(process.stat.pid);
  if (unread != context_.unread_stat.end()) {
    context_.gaps.Add(
        {.process_id = process.process_id, .source = "stat", .reason = unread->second});
  }
  if (context_.inquiry.IsSilent(process.stat.pid)) {
    context_.gaps.Add({.process_id = process.process_id,
                       .source = "maps",
                       .reason = "the process does not answer: it, or another process, keeps the "
                                 "lock on its memory, or its execve does not end"});
    return false;
  }
  if (context_.memory_of.contains(process.stat.pid)) return false;  // another row has it
  return !process.stat.IsZombie();
}

// What is read here has to be of one instant. Between the selection and the stop the process may
// have executed another program: that one is captured.
void ProcessCapture::ReadStopped(const Process& process, int job) {
  process->held->first_read_ns = MonotonicNow();
  if (!HasMemory(*process)) return;
  try {
    ProcessStat now = ReadStat(context_.reader, process->stat.pid);
    if (!now.HasEnded() && now.start_time_ticks == process->stat.start_time_ticks &&
        now.image != process->stat.image) {
      now.state = process->stat.state;  // and not that it is stopped
      process->stat = std::move(now);
      process->held->facts.reset();
    }
  } catch (const Error&) {
    // It ended, as its other files will say.
  }
  process->folder = MemoryFolder(context_.reader, process->stat);
  ReadMemory(process, job);
}

// The pages of the first mappings are read while the list of the others is.
void ProcessCapture::ReadMemory(const Process& process, int job) {
  const Figures figures = PlanFigures(*process);
  const bool apart = figures == Figures::kApart || figures == Figures::kLast;
  process->keep_mappings = apart || context_.held();
  process->open_parts = 1;     // the list itself
  std::vector<PagePart> last;  // is walked here, without a task
  WorkSplitter splitter(process->gone, [&](std::vector<PagePart> parts) {
    if (!last.empty() && process->open_parts > kMaxOpenParts) {
      WalkHere(process, last, job);
    } else if (!last.empty()) {
      Schedule(process, std::move(last));
    }
    last = std::move(parts);
  });
  bool readable = ReadMappingList(context_, *process, figures == Figures::kWithList,
                                  [&](const MappingSpan& span) { splitter.Add(span); });
  splitter.Flush();
  if (apart && process->mapping_count > 0 && !process->gone) {
    ++process->open_parts;
    auto read_figures = [this, process](int) {
      context_.CheckLimit();
      if (!IsLeftOut(*process)) ReadFigures(context_, *process);
      if (process->held) StoreMax(&process->held->figures_read_ns, MonotonicNow());
      if (--process->open_parts == 0) Finish(*process);
    };
    if (figures == Figures::kApart) {
      AddNext(read_figures);
    } else {
      const std::lock_guard lock(mutex_);
      last_.emplace_back(read_figures);
    }
  }
  if (!last.empty()) WalkHere(process, last, job);
  // Those of a process that is stopped are looked at after the release.
  if (context_.files != nullptr && !process->held) context_.files->Read(*process);
  const bool any = readable || process->mapping_count > 0 || process->gone;
  if (--process->open_parts == 0 && any) Finish(*process);
}

void ProcessCapture::WalkHere(const Process& process, const std::vector<PagePart>& parts, int job) {
  ++process->open_parts;
  ++context_.open_walks;
  WalkParts(process, parts, job);
}

void ProcessCapture::Schedule(const Process& process, std::vector<PagePart> parts) {
  ++process->open_parts;
  ++context_.open_walks;
  AddNext([this, process, parts = std::move(parts)](int job) { WalkParts(process, parts, job); });
}

void ProcessCapture::AddNext(TaskPool::Task task) {
  std::vector<TaskPool::Task> tasks;
  tasks.push_back(std::move(task));
  context_.pool.AddNext(std::move(tasks));
}

// smaps gives the mappings and their figures in one text, but the kernel makes it by walking all
// pages on one core. For a process with much memory in few mappings another job reads it while its
// pages are read. Without a scan, smaps has to come first: it knows which reserved areas are empty.
ProcessCapture::Figures ProcessCapture::PlanFigures(const ProcessState& process) {
  const Accounting accounting = context_.request.accounting;
  if (accounting == Accounting::kNever) return Figures::kNever;
  if (!context_.can_scan) return Figures::kWithList;
  // The list of a process that runs may be another one later.
  if (context_.held()) return process.held->runs ? Figures::kWithList : Figures::kLast;
  if (context_.pool.jobs() > 1 && process.held_pages >= kPagesOfALargeProcess &&
      HasFewMappings(context_.reader, process.folder)) {
    return Figures::kApart;  // who reads them sees whether they are left out
  }
  return IsLeftOut(process) ? Figures::kNever : Figures::kWithList;
}

// Looks whether the kernel would hold mmap_lock for long, and remembers the process if so. One that
// is stopped does not wait for the lock.
bool ProcessCapture::IsLeftOut(const ProcessState& process) {
  if (context_.request.accounting != Accounting::kBounded ||
      process.held_pages < kPagesOfALongHold || IsStopped(context_.reader, process.stat) ||
      !HasLongHold(context_, process.folder)) {
    return false;
  }
  std::lock_guard lock(context_.left_out_mutex);
  context_.smaps_left_out.insert(process.stat.pid);
  return true;
}

void ProcessCapture::WalkParts(const Process& process, const std::vector<PagePart>& parts,
                               int job) {
  walkers_[job].Walk(*process, parts);
  if (process->held) StoreMax(&process->held->words_read_ns, MonotonicNow());
  if (--process->open_parts == 0) Finish(*process);
  context_.EndWalk();
}

// All parts of the process are read, as far as it lived.
void ProcessCapture::Finish(ProcessState& process) {
  if (!context_.held()) AddMappings(process);
  for (const auto& [mapping_id, range] : process.out_of_time) {
    context_.gaps.Add({.process_id = process.process_id,
                       .mapping_id = mapping_id,
                       .source = "pagemap",
                       .first = static_cast<int64_t>(range.first),
                       .count = static_cast<int64_t>(range.end - range.first),
                       .reason = process.out_of_time_reason});
  }
  if (HasEnded(process)) return SetEnded(process);
  // It lives, as far as one can see; a recorded file can be cut off, or missing.
  for (const Gap& gap : process.gaps_if_alive) context_.gaps.Add(gap);
  if (process.cut_off.empty()) return;
  Gap gap{.process_id = process.process_id, .source = "pagemap", .reason = "the file ended early"};
  if (process.cut_off.size() == process.mapping_count) return context_.gaps.Add(gap);
  // Each mapping that was not read to its end says so itself: its figures are unknown.
  for (int64_t id : process.cut_off) {
    gap.mapping_id = id;
    context_.gaps.Add(gap);
  }
}

void ProcessCapture::AddMappings(ProcessState& process) {
  MappingStore::List list(context_.writer.mappings());
  for (const MappingRow& row : process.mappings) list.Add(row);
  list.Finish();
  process.mappings.clear();
}

// Returns whether the process, or the program that it executed, ended while it was read: its files
// may have ended early without an error, or be of both programs.
bool ProcessCapture::HasEnded(const ProcessState& process) {
  if (context_.unread_stat.contains(process.stat.pid)) return false;  // a gap says so
  try {
    const ProcessStat now = ReadStat(context_.reader, process.stat.pid);
    const bool others_live = process.stat.FirstThreadEnded() && now.FirstThreadEnded();
    return now.start_time_ticks != process.stat.start_time_ticks ||
           (now.HasEnded() && !others_live) || now.image != process.stat.image;
  } catch (const Interrupted&) {
    throw;
  } catch (const ReadError& error) {
    if (error.process_gone()) return true;
    context_.gaps.Add(
        {.process_id = process.process_id, .source = "stat", .reason = error.reason()});
  } catch (const Error& error) {
    context_.gaps.Add({.process_id = process.process_id, .source = "stat", .reason = error.what()});
  }
  return false;
}

void ProcessCapture::SetEnded(ProcessState& process) {
  if (process.ended.exchange(true)) return;
  ++context_.ended_count;
  if (process.held == nullptr) context_.writer.SetEnded(process.process_id);
}

void ProcessCapture::AddHeld(const Process& process) {
  // Here, and not in a task, for the order of their ids.
  std::optional<ProcessFacts>& facts = process->held->facts;
  if (!facts) facts = ReadFacts(*process);
  context_.writer.AddProcess(process->process_id, *facts);
  context_.writer.SetMappingCount(process->process_id,
                                  static_cast<int64_t>(process->mapping_count));
  if (process->ended) context_.writer.SetEnded(process->process_id);
  facts.reset();
  context_.pool.Add([this, process](int) {
    context_.CheckInterrupt();
    AddMappings(*process);
    if (context_.files != nullptr) context_.files->Read(*process);
    std::optional<AccountingTableBuilder>& figures = process->held->figures;
    if (!figures) return;
    context_.writer.AddAccounting(process->process_id, *figures, process->family_key);
    figures.reset();
  });
}

void ProcessCapture::AddHeldPages() {
  for (PageWalker& walker : walkers_) {
    for (HeldPages::Block& block : walker.held_pages().blocks()) {
      context_.pool.Add([this, &block](int) {
        context_.CheckInterrupt();
        for (const HeldPages::Part& part : block.parts) {
          AddPages(context_.writer, part.mapping, part.first, part.words);
        }
        block = {};
      });
    }
  }
}

}  // namespace pagesnap
