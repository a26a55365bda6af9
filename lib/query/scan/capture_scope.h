// What a capture saw: all page tables of the machine, or of some processes.
#ifndef LIB_QUERY_SCAN_CAPTURE_SCOPE_H_
#define LIB_QUERY_SCAN_CAPTURE_SCOPE_H_

#include <cstdint>
#include <unordered_set>

#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

class CaptureScope {
 public:
  // Reads what one snapshot says of itself. Throws Error.
  CaptureScope(const SnapshotReader& reader, int64_t snapshot_id);

  // Returns whether the page tables of all processes of the machine were read without a gap: then a
  // frame is mapped by those that the snapshot shows, and by nobody else. Processes that ended
  // meanwhile map nothing any more.
  [[nodiscard]] bool has_all_processes() const { return has_all_; }
  // Returns whether those of this process of the snapshot were.
  [[nodiscard]] bool IsWhole(int64_t process_id) const { return !partial_.contains(process_id); }

 private:
  bool has_all_ = false;
  std::unordered_set<int64_t> partial_;  // processes with gaps, and those that ended
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_CAPTURE_SCOPE_H_
