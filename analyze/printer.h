// Query results as a table for people, as CSV, or as JSON.
#ifndef ANALYZE_PRINTER_H_
#define ANALYZE_PRINTER_H_

#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analyze/terminal.h"
#include "lib/store/sqlite/sqlite.h"

namespace pagesnap {

enum class Format { kTable, kCsv, kJson };

// How a table is to be drawn: where, and what the report's header says of its columns.
struct TableStyle {
  Terminal terminal = {};
  std::string status_column = {};               // ok, differs, damaged: coloured
  std::vector<std::string> spare_columns = {};  // left out first, in this order
  std::string picture_label = {};               // a column: draw a picture, with these labels
  std::string picture_gap = {};                 // what is between its rows
  std::vector<std::string> spark_columns = {};  // '.' and 1 to 8: drawn as bars
  bool csv_guard = false;                       // no text of CSV is a formula to a spreadsheet
};

// Prints rows one after the other.
class Printer {
 public:
  virtual ~Printer() = default;
  // Prints a row: a value for each column, whose texts are borrowed for this call.
  virtual void Row(std::span<const Value> row) = 0;
  // Takes a line of totals, a cell for each column, to be printed behind the last row. Only tables
  // have one: what a program reads it can add up, and rows that are no rows would be in its way.
  virtual void Total(std::vector<std::string> cells) { static_cast<void>(cells); }
  // Prints what is left to print.
  virtual void Finish() = 0;
  // Returns the columns that were not printed, after Finish(): the terminal is too narrow for them.
  [[nodiscard]] virtual std::vector<std::string> LeftOut() const { return {}; }
};

// Returns a printer for rows with these columns. `out` is borrowed.
//   table: columns as wide as the first thousand rows need, numbers to the right, NULL as "-". On a
//          terminal it fits the width: headings are broken at "_", then long texts are shortened in
//          the middle, then columns are left out. Numbers and addresses are never shortened.
//   csv: RFC 4180 with a header line, NULL as an empty field. With csv_guard, texts and column
//   names
//        (no numbers) that begin with = + - @, TAB or CR have a ' in front, because a spreadsheet
//        takes them for formulas (OWASP, "CSV Injection")
//   json: one array of objects, NULL as null
// All texts and column names go through AppendText(): Medium::kExact for csv in a file or a pipe,
// Medium::kJson for json, the terminal's medium for table, and for csv on a terminal.
std::unique_ptr<Printer> MakePrinter(Format format, const std::vector<std::string>& columns,
                                     const TableStyle& style, FILE* out);

}  // namespace pagesnap

#endif  // ANALYZE_PRINTER_H_
