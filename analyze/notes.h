// Notes: what the rows of a report do not say, one line each, printed apart from the rows.
#ifndef ANALYZE_NOTES_H_
#define ANALYZE_NOTES_H_

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// Ids, ascending unless the user wants another order: one snapshot, the two that are compared, or
// all.
using ChosenSnapshots = std::vector<int64_t>;

// Columns of totals by of how many rows or processes each is known.
using ColumnsByCount = std::map<uint64_t, std::vector<std::string>>;

class Notes {
 public:
  // `out` is borrowed.
  explicit Notes(FILE* out) : out_(out) {}

  void Add(std::string_view text) const;
  // Names the columns that a narrow terminal has no room for, if any: those that are 0 or unknown
  // in all rows, and others.
  void AddLeftOut(const std::vector<std::string>& empty,
                  const std::vector<std::string>& others) const;
  // Says how many rows there are after the limit, if any.
  void AddMoreRows(uint64_t count) const;
  // Says of how many of the `count` rows, which are `noun`, totals are that are not of all.
  void AddPartialTotals(const ColumnsByCount& partial, uint64_t count, std::string_view noun) const;
  // Says that a snapshot has only the frames that pages refer to, if any of them has.
  void AddWithoutRam(const Database& database, const ChosenSnapshots& snapshots) const;
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
