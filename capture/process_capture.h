// Captures the processes: facts, mappings, the kernel's accounting, page words.
#ifndef CAPTURE_PROCESS_CAPTURE_H_
#define CAPTURE_PROCESS_CAPTURE_H_

#include <memory>
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

  // Adds the tasks that capture the process `stat` was read from to the context's pool. If it
  // ended or its pid was reused meanwhile, that is a gap.
  void Add(const ProcessStat& stat);

 private:
  using Process = std::shared_ptr<ProcessState>;

  // When the kernel's figures of a process are read.
  enum class Figures {
    kNever,
    kWithList,  // smaps is the list of mappings
    kApart      // the list is maps; smaps is read by another job, while pages are
  };

  void ReadProcess(const Process& process, int job);
  void ReadMemory(const Process& process, int job);
  [[nodiscard]] Figures PlanFigures(const ProcessState& process);
  [[nodiscard]] bool IsLeftOut(const ProcessState& process);
  void Schedule(const Process& process, std::vector<PagePart> parts);
  void WalkHere(const Process& process, const std::vector<PagePart>& parts, int job);
  void AddNext(TaskPool::Task task);
  void WalkParts(const Process& process, const std::vector<PagePart>& parts, int job);
  void Finish(const ProcessState& process);
  void CheckIdentity(const ProcessState& process);

  CaptureContext& context_;
  std::vector<PageWalker> walkers_;  // one for each job
};

}  // namespace pagesnap

#endif  // CAPTURE_PROCESS_CAPTURE_H_
