// Query results as a table for people, as CSV, or as JSON.
#ifndef ANALYZE_PRINTER_H_
#define ANALYZE_PRINTER_H_

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "lib/store/sqlite.h"

namespace pagesnap {

enum class Format { kTable, kCsv, kJson };

// Prints rows one after the other.
class Printer {
 public:
  virtual ~Printer() = default;
  // Prints the current row of the statement.
  virtual void Row(const Statement& statement) = 0;
  // Takes a line of totals, a cell for each column, to be printed behind the last row. Only tables
  // have one: what a program reads it can add up, and rows that are no rows would be in its way.
  virtual void Total(std::vector<std::string> cells) { static_cast<void>(cells); }
  // Prints what is left to print.
  virtual void Finish() = 0;
};

// Returns a printer for rows with these columns. `out` is borrowed.
//   table: columns as wide as the first thousand rows need, numbers to the right, NULL as "-"
//   csv: RFC 4180 with a header line, NULL as an empty field
//   json: one array of objects, NULL as null
// Text from a file cannot drive the terminal or break the JSON: control characters and bytes that
// are no UTF-8 are replaced in table and json.
std::unique_ptr<Printer> MakePrinter(Format format, std::vector<std::string> columns, FILE* out);

// Returns the text with control characters, and bytes that are no UTF-8, as \xNN, so that it is
// safe to print.
std::string Printable(std::string_view text);

}  // namespace pagesnap

#endif  // ANALYZE_PRINTER_H_
