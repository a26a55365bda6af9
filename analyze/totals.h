// The line of totals below a table.
#ifndef ANALYZE_TOTALS_H_
#define ANALYZE_TOTALS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analyze/notes.h"
#include "analyze/printer.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// Sums of columns over all rows.
class Totals {
 public:
  // `columns` are those of the rows. Of `summed`, the ones that are not among them are ignored.
  Totals(const std::vector<std::string>& columns, const std::vector<std::string>& summed);

  void Add(std::span<const Value> row);
  // Replaces the sums by those of all rows of SumsSql(). Returns the number of rows that these
  // stand for.
  uint64_t TakeSums(Statement& sums);
  // Gives the line to the printer, if there is one. Where a value is unknown, so is the total: it
  // is "-", and a note says so.
  void Print(Printer* printer, const Notes& notes) const;

 private:
  struct Sum {
    size_t column;
    int64_t value = 0;
    bool unknown = false;
  };
  std::vector<std::string> columns_;
  std::vector<Sum> sums_;  // in the order of the columns
};

}  // namespace pagesnap

#endif  // ANALYZE_TOTALS_H_
