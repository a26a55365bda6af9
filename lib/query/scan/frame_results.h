// Results that several tables have of frames.
#ifndef LIB_QUERY_SCAN_FRAME_RESULTS_H_
#define LIB_QUERY_SCAN_FRAME_RESULTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/codec/frame_columns.h"
#include "lib/kernel/frame_flags.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// What one of the kpage files says: no value when it was not read.
inline std::optional<uint64_t> KnownFact(uint64_t value) {
  return value == kNotRead ? std::nullopt : std::optional(value);
}

// The node of a zone, or its name: no value when `zone` is null.
inline void PutNode(Out out, const Zone* zone) {
  if (zone != nullptr) out(zone->node);
}
inline void PutZone(Out out, const Zone* zone) {
  if (zone != nullptr) out(std::string_view(zone->name));
}

// The names of flags. Most rows have the flags of the one before: those are kept.
class FlagNames {
 public:
  void Put(Out out, uint64_t flags, KernelRelease release) {
    if (flags == kNotRead) return;
    if (flags != flags_ || release != release_) {
      names_ = FrameFlagNames(flags, release);
      flags_ = flags;
      release_ = release;
    }
    out.Text(names_.c_str());
  }

 private:
  uint64_t flags_ = 0;  // without a name
  KernelRelease release_;
  std::string names_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_FRAME_RESULTS_H_
