// Which addresses a report is about.
#ifndef ANALYZE_ADDRESS_CHOICE_H_
#define ANALYZE_ADDRESS_CHOICE_H_

#include <map>
#include <string>
#include <vector>

#include "analyze/notes.h"
#include "analyze/report.h"
#include "lib/base/number.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Pages of a range of addresses that a user gave.
struct ChosenPages {
  uint64_t first = 0;   // virtual page number
  uint64_t last = 0;    // inclusive
  uint64_t offset = 0;  // of the first byte in the first page
  bool is_one = false;  // one address
};

// By the name of the parameter.
using ChosenRanges = std::map<std::string, std::vector<ChosenPages>>;

// Returns the ranges that are given for the parameters of this type. An address of digits only is
// decimal, unless only read as hexadecimal it lies in a mapping of the processes that the report is
// about: a note says so. Throws UsageError.
ChosenRanges ChooseRanges(const Report& report, const ParameterValues& values,
                          const ChosenSnapshots& snapshots, SnapshotReader& reader,
                          const Database& database, const Notes& notes);

}  // namespace pagesnap

#endif  // ANALYZE_ADDRESS_CHOICE_H_
