// The line of totals below a table.
#ifndef ANALYZE_TOTALS_H_
#define ANALYZE_TOTALS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analyze/notes.h"
#include "analyze/printer.h"
#include "analyze/report.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// Sums of columns over all rows. Of rows whose value is unknown, a sum says nothing; how many rows
// it is of is printed with it.
class Totals {
 public:
  // `columns` are those of the rows, with the hidden ones. Of the report's totals, the ones that
  // are not among them are ignored. `report` is borrowed.
  Totals(const std::vector<std::string>& columns, const Report& report);

  void Add(std::span<const Value> row) { AddRows(row, 1); }
  // Replaces the sums by those of all rows of SumsSql(). Returns the number of rows that these
  // stand for.
  uint64_t TakeSums(Statement& sums);
  // Returns the totals by column, those of which no row is known aside.
  [[nodiscard]] std::map<std::string, int64_t> Known() const;
  // Gives the line to the printer, if there is one: cells of the columns `shown`, in their order.
  // "-" stands where no row is known; where some are not, the line and a note say of how many rows
  // the totals are (but see "complete" in report.h), unless the kernel's own figures make it whole.
  void Print(std::span<const size_t> shown, Printer* printer, const Notes& notes) const;

 private:
  struct Sum {
    size_t column;
    bool is_exact = false;     // the sums are in 1/4096 bytes
    bool is_complete = false;  // it is only printed where it is of all rows
    size_t added_column;
    std::optional<size_t> subtracted_column = {};
    std::optional<size_t> kernel_column = {};
    int64_t added = 0;
    int64_t subtracted = 0;
    uint64_t known_count = 0;  // rows
    bool overflow = false;
    int64_t filled = 0;         // with the kernel's figures where ours are unknown
    uint64_t filled_count = 0;  // rows

    [[nodiscard]] int64_t Total() const;
  };

  void AddRows(std::span<const Value> row, uint64_t row_count);
  static void AddFilled(std::span<const Value> row, Sum* sum);

  const Report& report_;
  std::vector<std::string> columns_;
  std::vector<Sum> sums_;  // in the order of the columns
  uint64_t row_count_ = 0;
};

}  // namespace pagesnap

#endif  // ANALYZE_TOTALS_H_
