// Query results as a table for people.
#ifndef ANALYZE_TABLE_H_
#define ANALYZE_TABLE_H_

#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/output_buffer.h"
#include "analyze/printer.h"
#include "analyze/table_fit.h"

namespace pagesnap {

// Prints columns as wide as the first thousand rows need, numbers to the right, NULL as "-". On a
// terminal the table fits the width: headings are broken at "_", then long texts are shortened in
// the middle or go on in the next line, then columns are left out (table_fit.h). Numbers and
// addresses are never shortened.
class TablePrinter final : public Printer {
 public:
  TablePrinter(const std::vector<Column>& columns, const PrintStyle& style, FILE* out);

  void Row(std::span<const Value> row) override;
  void Total(std::vector<std::string> cells) override;
  void Finish() override;
  [[nodiscard]] LeftOutColumns LeftOut() const override;

 private:
  // What the cells of a column are, seen in the rows so far.
  struct ColumnState {
    std::string name;
    std::string heading;   // what stands above it
    bool is_size = false;  // KiB, shown as "2.4M"
    bool has_unit = false;
    bool is_empty = true;  // all of it is 0 or unknown
    size_t width = 0;      // of the widest cell, then of the column; 0: left out
    bool is_number = true;
    bool is_address = true;
    bool is_spark = false;
    WrappedColumn wrap = {};  // no width: texts do not go on in the next line
  };

  struct Cell {
    std::string text;
    size_t width = 0;  // on the screen
  };

  // What is shown of a value; `text` may be of what it was made from.
  struct Shown {
    std::string_view text;
    size_t width;  // on the screen
  };
  // A line as far as it is printed.
  struct Line {
    size_t blanks = 0;  // before the next text: none at the end of a line
    bool is_empty = true;
  };

  static std::vector<Cell> Measured(std::vector<std::string> texts);
  Shown Show(const Value& value, size_t column);
  Shown ShowText(std::string_view text, size_t column);
  void Keep(std::span<const Value> row);
  void Start();
  void PrintHeading(bool broken);
  void PrintLine(const std::vector<Cell>& cells, const char* colour);
  void Print(size_t column, Shown cell, const char* colour, Line* line);
  void EndLine();
  void PrintMore();
  [[nodiscard]] std::vector<std::string> WrappedCell(size_t column, std::string_view text) const;
  [[nodiscard]] const char* ColourOf(size_t column, std::string_view cell) const;

  std::vector<ColumnState> columns_;
  PrintStyle style_;
  OutputBuffer out_;
  // The text of what is shown, where it had to be made.
  std::string made_;
  std::optional<fmt::format_int> digits_;
  std::vector<std::vector<std::string>> more_;  // lines of each column that follow the one begun
  bool has_more_ = false;
  std::vector<std::vector<Cell>> rows_;
  size_t byte_count_ = 0;  // of rows_
  std::vector<Cell> total_;
  bool started_ = false;
};

}  // namespace pagesnap

#endif  // ANALYZE_TABLE_H_
