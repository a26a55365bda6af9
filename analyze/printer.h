// What prints the rows of a result, and the formats to choose from.
#ifndef ANALYZE_PRINTER_H_
#define ANALYZE_PRINTER_H_

#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/report.h"
#include "analyze/terminal.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

struct Column {
  std::string name;
  // Of the value in the first row. Where that is NULL or missing: kInteger if there is a unit, else
  // kNull, which is unknown. SQLite does not hold later rows to it.
  ValueType type = ValueType::kNull;
  std::string_view unit = {};  // "" where there is none
};

// Returns the unit that the name of a column ends with, or "". No other place relates the two:
//   _kib: KiB   _bytes: bytes   _count: count   _ns: ns   _seconds: s   _percent: %
// A name may also be the suffix alone, without "_".
std::string_view UnitOf(std::string_view column_name);

// Describes columns from their names and the first row, which is empty when there are no rows.
std::vector<Column> DescribeColumns(const std::vector<std::string>& names,
                                    std::span<const Value> first_row);

// How rows are to be printed.
struct PrintStyle {
  const Report& report;              // whose header says what is special about columns; borrowed
  Terminal terminal = {};            // where they go to
  bool csv_guard = false;            // no text of CSV is a formula to a spreadsheet
  bool human_sizes = false;          // a table has KiB as "2.4M"
  uint64_t drawn_rows = UINT64_MAX;  // of a picture, whose legend is of all rows
};

// The names of columns that were not printed because the terminal is too narrow for them.
struct LeftOutColumns {
  std::vector<std::string> empty;  // all of each is 0 or unknown
  std::vector<std::string> others;
};

// Prints rows one after the other. All texts and column names go through AppendText().
class Printer {
 public:
  virtual ~Printer() = default;
  // Prints a row: a value for each column, whose texts are borrowed for this call.
  virtual void Row(std::span<const Value> row) = 0;
  // Takes a line of totals, a cell for each column, to be printed after the last row. Only formats
  // for people print it: a program can add up the rows, and must not take this line for one.
  virtual void Total(std::vector<std::string> /*cells*/) {}
  // Prints what is left to print.
  virtual void Finish() = 0;
  // Returns the columns that were not printed, after Finish().
  [[nodiscard]] virtual LeftOutColumns LeftOut() const { return {}; }
};

// A choice of --format.
struct OutputFormat {
  std::string_view name;
  std::string_view about;  // one line for --help
  // Returns a printer. `style` and `out` are borrowed. Throws Error.
  std::unique_ptr<Printer> (*make_printer)(const std::vector<Column>& columns,
                                           const PrintStyle& style, FILE* out);
  bool for_people = false;    // has lines above and below, and a note when there are no rows
  bool has_totals = false;    // has a line of totals
  bool has_guard = false;     // takes --csv-guard
  bool has_pictures = false;  // a report with a picture gets one
};

// For OutputFormat::make_printer.
template <typename AnyPrinter>
std::unique_ptr<Printer> MakePrinter(const std::vector<Column>& columns, const PrintStyle& style,
                                     FILE* out) {
  return std::make_unique<AnyPrinter>(columns, style, out);
}

// Returns all formats, in the order of analyze/CMakeLists.txt. The first is the default.
const std::vector<OutputFormat>& OutputFormats();

// Returns the format with this name. Throws UsageError that lists all.
const OutputFormat& FindFormat(std::string_view name);

// Returns the names of all formats: "table, csv or json".
std::string FormatNames();

}  // namespace pagesnap

#endif  // ANALYZE_PRINTER_H_
