// The figures of a report of one row that are sums of what is known of several processes.
#ifndef ANALYZE_PARTIAL_FIGURES_H_
#define ANALYZE_PARTIAL_FIGURES_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "analyze/notes.h"
#include "analyze/report.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

class PartialFigures {
 public:
  // `columns` are those of the row, with the hidden ones. There are none if the report does not say
  // which (header line "partial"). Throws Error when these columns do not have counts.
  PartialFigures(const Report& report, const std::vector<std::string>& columns,
                 std::span<const Value> row);

  // Returns "2 of 3 processes"; "" for a figure of all of them.
  [[nodiscard]] std::string OfHowMany(const std::string& column) const;
  // Says of each figure that is not of all processes of how many it is.
  void AddNotes(const Notes& notes) const;

 private:
  ColumnsByCount partial_;
  uint64_t all_count_ = 0;
  std::string noun_;
};

}  // namespace pagesnap

#endif  // ANALYZE_PARTIAL_FIGURES_H_
