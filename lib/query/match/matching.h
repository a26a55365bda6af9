// Which processes, mappings and pages of two snapshots correspond.
#ifndef LIB_QUERY_MATCH_MATCHING_H_
#define LIB_QUERY_MATCH_MATCHING_H_

#include <cstdint>
#include <vector>

#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// kSame: the same processes later, known by pid, start time and boot; their mappings by address.
// kRerun: other processes that ran the same programs; addresses are random, so all goes by names.
// kAuto: kSame when the snapshots are of one boot and have a process in common, else kRerun.
enum class MatchMode { kAuto, kSame, kRerun };

// Ids are 0 where there is no counterpart. `how` is a word for people: pid, arguments, similar,
// program, name, only; gone or new without counterpart.
struct ProcessMatch {
  int64_t before_id = 0;
  int64_t after_id = 0;
  const char* how = "";
};

// Page i of `before` corresponds to page i of `after`. The side that has no counterpart (the pages
// vanished, or appeared) has mapping id 0 and page 0.
struct MatchedRange {
  uint32_t process = 0;  // index into SnapshotMatch::processes
  int64_t before_mapping_id = 0;
  int64_t after_mapping_id = 0;
  uint64_t before_page = 0;  // virtual page numbers
  uint64_t after_page = 0;
  uint64_t page_count = 0;
  // address: the same place. moved: another place, and the frames or the file prove it. size: the
  // only one of this size that went, and the only one that came. path, name: the same file or
  // name. replaced: the file of this name is another now, or has another version in its name.
  // position: anonymous memory at the same place among the others. similar: anonymous, of equal
  // size and permissions. vanished, appeared.
  const char* how = "";
};

struct SnapshotMatch {
  MatchMode mode = MatchMode::kSame;    // never kAuto
  std::vector<ProcessMatch> processes;  // by id in `before`; those that are new come last
  // By process, then by page. Each page of each mapping of both snapshots is in one range, once,
  // also when the mappings of a damaged file overlap.
  std::vector<MatchedRange> ranges;
};

// Matches two snapshots of `reader`, which may be the same. Reads tables, and the pages of few
// mappings; time grows with n log n of the mappings. Throws Error when the snapshots have pages of
// different sizes, or a mapping is damaged.
SnapshotMatch MatchSnapshots(SnapshotReader& reader, int64_t before_id, int64_t after_id,
                             MatchMode mode);

// Returns "auto", "same" or "rerun".
const char* MatchModeName(MatchMode mode);

}  // namespace pagesnap

#endif  // LIB_QUERY_MATCH_MATCHING_H_
