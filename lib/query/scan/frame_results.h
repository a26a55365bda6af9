// Results that several tables have of frames.
#ifndef LIB_QUERY_SCAN_FRAME_RESULTS_H_
#define LIB_QUERY_SCAN_FRAME_RESULTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/codec/frame_columns.h"
#include "lib/kernel/frame_flags.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// What one of the kpage files says; without a result it is NULL, as for what was not read.
inline void FactResult(sqlite3_context* context, uint64_t value) {
  if (value != kNotRead) Result(context, static_cast<int64_t>(value));
}

// The node of a zone, or its name; `zone` may be null.
inline void NodeResult(sqlite3_context* context, const Zone* zone) {
  if (zone != nullptr) Result(context, zone->node);
}
inline void ZoneResult(sqlite3_context* context, const Zone* zone) {
  if (zone != nullptr) Result(context, std::string_view(zone->name));
}

// The names of flags. Most rows have the flags of the one before: those are kept.
class FlagNames {
 public:
  void Result(sqlite3_context* context, uint64_t flags, KernelRelease release) {
    if (flags == kNotRead) return;
    if (flags != flags_ || release != release_) {
      names_ = FrameFlagNames(flags, release);
      flags_ = flags;
      release_ = release;
    }
    TextResult(context, names_.c_str());
  }

 private:
  uint64_t flags_ = 0;  // without a name
  KernelRelease release_;
  std::string names_;
};

// The numbers that a table has given to the columns of a frame's facts.
struct FactColumns {
  int flags;
  int flag_names;
  int map_count;
  int cgroup_inode;
};

// Returns the fact that `column` is of; nothing where it is none of them.
inline void FactColumn(sqlite3_context* context, int column, const FactColumns& columns,
                       const FrameFacts& facts, KernelRelease release, FlagNames* names) {
  if (column == columns.flags) {
    FactResult(context, facts.flags);
  } else if (column == columns.flag_names) {
    names->Result(context, facts.flags, release);
  } else if (column == columns.map_count) {
    FactResult(context, facts.map_count);
  } else if (column == columns.cgroup_inode) {
    FactResult(context, facts.cgroup);
  }
}

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_FRAME_RESULTS_H_
