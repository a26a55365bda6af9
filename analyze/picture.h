// Query results as a picture: addresses as rows of cells, one letter each.
#ifndef ANALYZE_PICTURE_H_
#define ANALYZE_PICTURE_H_

#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/printer.h"

namespace pagesnap {

// Draws rows that ascend by address, each a cell or several that are alike, with these columns:
//   start, end   addresses as 0x hex
//   cell_kib     how much one cell stands for; the same in all rows
//   cell         its letter; a small one where less than half of the cell is in use
//   state        what the letter means, for the legend; it also decides the colour
//   kib          how much is in use, for the legend; if the report has columns for it, those count
// and the column that the style names as the label. Rows with one label that follow each other
// share lines, beside the label and the address; a gap between them is a blank. A long gap, and one
// before another label, has a line of its own, and so has a row that would fill more than two
// lines. Ends with a legend.
class PicturePrinter final : public Printer {
 public:
  // Throws Error when a column is missing.
  PicturePrinter(const std::vector<Column>& columns, const PrintStyle& style, FILE* out);

  void Row(std::span<const Value> row) override;
  void Finish() override;

 private:
  struct State {
    char letter;
    uint64_t kib = 0;
    const char* colour;  // foreground, as SGR has it: "32"; the background is 10 higher
  };
  struct Cell {
    char letter;
    const State* state;  // null: a gap
  };

  [[nodiscard]] size_t Find(const std::vector<Column>& columns, const std::string& name) const;
  State& StateOf(const std::string& name, char letter);
  void Draw(uint64_t start, uint64_t end, Cell cell, const std::string& state,
            const std::string& label);
  void AddContents(std::span<const Value> row, State* state);
  void AddContents(std::string_view contents);
  void Flush();
  void PrintGap(uint64_t bytes);
  void PrintAlike(uint64_t start, uint64_t bytes, const std::string& state);
  void PrintBeside(uint64_t address, const std::string& text);
  [[nodiscard]] std::string Coloured(std::string_view sgr, const std::string& text) const;
  [[nodiscard]] std::string CellsText() const;
  void PrintLegend() const;

  PrintStyle style_;
  FILE* out_;
  size_t start_, end_, cell_kib_, cell_, state_, kib_, label_;  // places of the columns
  std::vector<size_t> legend_;  // the columns of the report's legend
  std::optional<size_t> legend_column_;
  size_t width_;
  size_t label_width_;
  size_t cells_per_line_;

  uint64_t drawn_count_ = 0;  // rows
  uint64_t cell_bytes_ = 0;
  bool is_first_ = true;
  uint64_t previous_end_ = 0;
  std::string band_;         // the label of the rows that share lines
  bool band_named_ = false;  // it was printed
  uint64_t line_start_ = 0;
  std::vector<Cell> line_;
  std::map<std::string, State> states_;
};

}  // namespace pagesnap

#endif  // ANALYZE_PICTURE_H_
