// Captures the processes: facts, mappings, the kernel's accounting, page words.
#ifndef CAPTURE_PROCESS_CAPTURE_H_
#define CAPTURE_PROCESS_CAPTURE_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "capture/context.h"
#include "capture/page_walk.h"
#include "lib/proc/parse_maps.h"
#include "lib/proc/parse_process.h"

namespace pagesnap {

class ProcessCapture {
 public:
  // `context` is borrowed.
  explicit ProcessCapture(CaptureContext& context);

  using Process = std::shared_ptr<ProcessState>;

  // Adds the tasks that capture the process `stat` was read from to the context's pool. If it ended
  // meanwhile, its row says so.
  void Add(const ProcessStat& stat);

  // The same in steps, for a capture that stops its processes. Each adds tasks to the context's
  // pool, which is run before the next step.
  //
  // Before the stop: returns the process, of which no more is known than `stat`.
  Process Prepare(const ProcessStat& stat);
  // Reads what the process may take with it when it ends: its command line, program, user, cgroup.
  void AddFacts(const Process& process);
  // During the stop: reads the list of its mappings and its page words.
  void AddStopped(const Process& process);
  // Called when all page words are read: reads the figures of those processes.
  void AddFigures();
  // After the release, for each process in the order in which they were prepared: adds it to the
  // writer, with all that was kept of it but its page words.
  void AddHeld(const Process& process);
  // Adds the page words that were kept of all processes to the writer.
  void AddHeldPages();
  // Records that the process ended before all of it was read. Of one that is held, before
  // AddHeld().
  void SetEnded(ProcessState& process);
  // Calls visit(HeldPages::Part) for all page words that are kept.
  template <typename Visit>
  void ForEachHeldPart(const Visit& visit) {
    for (PageWalker& walker : walkers_) {
      for (const HeldPages::Block& block : walker.held_pages().blocks()) {
        for (const HeldPages::Part& part : block.parts) visit(part);
      }
    }
  }

 private:
  // When the kernel's figures of a process are read.
  enum class Figures {
    kNever,
    kWithList,  // smaps is the list of mappings
    kApart,     // the list is maps; smaps is read by another job, while pages are
    kLast       // the list is maps; smaps is read when the page words of all processes are
  };

  void ReadProcess(const Process& process, int job);
  void ReadStopped(const Process& process, int job);
  ProcessFacts ReadFacts(ProcessState& process);
  bool HasMemory(const ProcessState& process);
  void ReadMemory(const Process& process, int job);
  [[nodiscard]] Figures PlanFigures(const ProcessState& process);
  [[nodiscard]] bool IsLeftOut(const ProcessState& process);
  void Schedule(const Process& process, std::vector<PagePart> parts);
  void WalkHere(const Process& process, const std::vector<PagePart>& parts, int job);
  void AddNext(TaskPool::Task task);
  void WalkParts(const Process& process, const std::vector<PagePart>& parts, int job);
  void Finish(ProcessState& process);
  void AddMappings(ProcessState& process);
  bool HasEnded(const ProcessState& process);

  CaptureContext& context_;
  std::vector<PageWalker> walkers_;   // one for each job
  std::mutex mutex_;                  // guards what follows
  std::vector<TaskPool::Task> last_;  // tasks that read figures when all page words are read
};

}  // namespace pagesnap

#endif  // CAPTURE_PROCESS_CAPTURE_H_
