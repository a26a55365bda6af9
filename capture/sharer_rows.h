// Records processes that were not selected and share the memory of one that was.
#ifndef CAPTURE_SHARER_ROWS_H_
#define CAPTURE_SHARER_ROWS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "capture/context.h"
#include "lib/proc/parse_process.h"
#include "lib/store/sqlite/facts.h"

namespace pagesnap {

// They are a part of what becomes of the memory: each gets a row that names the owner.
class SharerRows {
 public:
  // Reads what is known of those in `context.memory_of` that are not in `processes`, and forgets
  // those that have ended. `context` is borrowed. Throws Interrupted.
  SharerRows(CaptureContext& context, std::span<const ProcessStat> processes);

  // Adds their rows, after those of the selected processes, and says whose memory each process has.
  // Calls `on_row` for each row.
  void Add(const std::function<void(int64_t process_id, int32_t pid)>& on_row) const;

 private:
  CaptureContext& context_;
  std::vector<ProcessFacts> rows_;
};

}  // namespace pagesnap

#endif  // CAPTURE_SHARER_ROWS_H_
