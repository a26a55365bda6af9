// Notes: what the rows of a report do not say, one line each, printed apart from the rows.
#ifndef ANALYZE_NOTES_H_
#define ANALYZE_NOTES_H_

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// Ids, ascending unless the user wants another order: one snapshot, the two that are compared, or
// all.
using ChosenSnapshots = std::vector<int64_t>;

class Notes {
 public:
  // `out` is borrowed.
  explicit Notes(FILE* out) : out_(out) {}

  void Add(std::string_view text) const;
  // Names the columns that a narrow terminal has no room for, if any.
  void AddLeftOut(const std::vector<std::string>& columns) const;
  // Says how many rows there are after the limit, if any.
  void AddMoreRows(uint64_t count) const;
  // Says which processes share an address space and are counted once, if any.
  void AddShared(const Database& database, const ChosenSnapshots& snapshots) const;
  // Says of how many processes the memory is unknown because they ended, if any.
  void AddEnded(const Database& database, const ChosenSnapshots& snapshots) const;
  // Says what the snapshots lack, so that a missing figure is not taken for 0.
  void AddGaps(const Database& database, const ChosenSnapshots& snapshots,
               const std::string& files) const;

 private:
  FILE* out_;
};

}  // namespace pagesnap

#endif  // ANALYZE_NOTES_H_
