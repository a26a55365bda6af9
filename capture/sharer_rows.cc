#include "capture/sharer_rows.h"

#include <algorithm>

#include "capture/process_facts.h"
#include "capture/select.h"
#include "lib/base/error.h"
#include "lib/base/interrupted.h"
#include "lib/proc/threads.h"

namespace pagesnap {

SharerRows::SharerRows(CaptureContext& context, std::span<const ProcessStat> processes)
    : context_(context) {
  std::erase_if(context.memory_of, [&](const auto& shared) {
    const int32_t pid = shared.first;
    if (std::ranges::find(processes, pid, &ProcessStat::pid) != processes.end()) return false;
    try {
      const ProcessStat stat = ReadStat(context.reader, pid);
      uint64_t held_kib = 0;
      rows_.push_back(ReadProcessFacts(context.reader, stat, MemoryFolder(context.reader, stat),
                                       /*answers=*/true, context.request.cmdline_bytes, &held_kib));
      return false;
    } catch (const Interrupted&) {
      throw;
    } catch (const Error&) {
      return true;
    }
  });
}

void SharerRows::Add(const std::function<void(int64_t process_id, int32_t pid)>& on_row) const {
  for (const ProcessFacts& facts : rows_) {
    on_row(context_.writer.AddProcess(facts), static_cast<int32_t>(facts.pid));
  }
  for (const auto& [pid, owner] : context_.memory_of) context_.writer.SetMemoryOf(pid, owner);
}

}  // namespace pagesnap
