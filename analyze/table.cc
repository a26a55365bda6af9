#include "analyze/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "analyze/kernel_figures.h"
#include "analyze/picture.h"
#include "lib/base/number.h"
#include "lib/base/text.h"

namespace pagesnap {
namespace {

constexpr size_t kRowsForWidths = 1000;
constexpr size_t kBytesForWidths = size_t{8} << 20;
constexpr size_t kMaxColumnWidth = 4096;  // a longer text is wider than its column

constexpr char kPlain[] = "";
constexpr char kBold[] = "\033[1m";
constexpr char kDim[] = "\033[2m";
constexpr char kRed[] = "\033[31m";
constexpr char kGreen[] = "\033[32m";
constexpr char kYellow[] = "\033[33m";
constexpr char kReset[] = "\033[0m";

constexpr std::string_view kKibUnit = "KiB";

// A size says its unit itself.
std::string WithoutUnit(const std::string& column) {
  constexpr std::string_view kSuffix = "_kib";
  return column.ends_with(kSuffix) ? column.substr(0, column.size() - kSuffix.size()) : "size";
}

// Eighths of a block, from below: U+2581 to U+2588.
std::string Bars(const std::string& levels) {
  std::string bars;
  for (const char level : levels) {
    if (level >= '1' && level <= '8') {
      bars += "\xe2\x96";
      bars += static_cast<char>(0x80 + level - '0');
    } else {
      bars += level;
    }
  }
  return bars;
}

}  // namespace

TablePrinter::TablePrinter(const std::vector<Column>& columns, const PrintStyle& style, FILE* out)
    : style_(style), out_(out) {
  for (const Column& described : columns) {
    const std::string& name = described.name;
    ColumnState column;
    const auto& spark = style_.report.spark_columns;
    column.is_spark = std::find(spark.begin(), spark.end(), name) != spark.end();
    AppendText(name, style_.terminal.medium(), &column.name);
    column.heading = column.name;
    column.has_unit = !described.unit.empty();
    column.is_size = style_.human_sizes && described.unit == kKibUnit;
    if (column.is_size) column.heading = WithoutUnit(column.name);
    const auto& wrapped = style_.report.wrapped_columns;
    const auto wrap = std::ranges::find(wrapped, name, &WrappedColumn::name);
    if (wrap != wrapped.end()) column.wrap = *wrap;
    columns_.push_back(std::move(column));
  }
  more_.resize(columns_.size());
}

std::vector<TablePrinter::Cell> TablePrinter::Measured(std::vector<std::string> texts) {
  std::vector<Cell> cells;
  for (std::string& text : texts) {
    const size_t width = DisplayWidth(text);
    cells.push_back({std::move(text), width});
  }
  return cells;
}

TablePrinter::Shown TablePrinter::ShowText(std::string_view text, size_t column) {
  const Terminal& terminal = style_.terminal;
  if (columns_[column].has_unit) {
    if (const std::optional<int64_t> figure = FigureOfMarked(text)) {
      columns_[column].is_empty &= *figure == 0;
      columns_[column].is_address = false;
      made_ = columns_[column].is_size ? text[0] + HumanKib(*figure) : std::string(text);
      return {made_, made_.size()};
    }
  }
  columns_[column].is_number = false;
  columns_[column].is_empty &= text.empty();
  if (!text.starts_with("0x")) columns_[column].is_address = false;
  if (columns_[column].is_spark && terminal.is_terminal() && terminal.utf8) {
    made_ = Bars(Printable(text));
  } else if (IsPlain(text)) {
    return {text, text.size()};
  } else {
    made_.clear();
    AppendText(text, terminal.medium(), &made_);
  }
  return {made_, DisplayWidth(made_)};
}

TablePrinter::Shown TablePrinter::Show(const Value& value, size_t column) {
  switch (value.type) {
    case ValueType::kNull:
      return {"-", 1};
    case ValueType::kInteger: {
      columns_[column].is_empty &= value.integer == 0;
      if (columns_[column].is_size) {
        made_ = HumanKib(value.integer);
        columns_[column].is_address = false;
        return {made_, made_.size()};
      }
      const fmt::format_int& digits = digits_.emplace(value.integer);
      columns_[column].is_address = false;
      return {{digits.data(), digits.size()}, digits.size()};
    }
    case ValueType::kReal:
      columns_[column].is_empty &= value.real == 0;
      columns_[column].is_address = false;
      return {value.text, value.text.size()};
    default:
      return ShowText(value.text, column);
  }
}

void TablePrinter::Row(std::span<const Value> row) {
  if (!started_) return Keep(row);
  Line line;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].width == 0) continue;
    Print(i, Show(row[i], i), nullptr, &line);
  }
  EndLine();
}

// Keeps a row until it is known how wide the columns are.
void TablePrinter::Keep(std::span<const Value> row) {
  std::vector<Cell>& cells = rows_.emplace_back();
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Shown shown = Show(row[i], i);
    cells.push_back({std::string(shown.text), shown.width});
    columns_[i].width = std::max(columns_[i].width, std::min(shown.width, kMaxColumnWidth));
    byte_count_ += shown.text.size();
  }
  if (rows_.size() == kRowsForWidths || byte_count_ > kBytesForWidths) Start();
}

void TablePrinter::Total(std::vector<std::string> cells) {
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::optional<int64_t> marked = FigureOfMarked(cells[i]);
    int64_t figure = marked.value_or(0);
    const char* const end = cells[i].data() + cells[i].size();
    const bool is_number = marked || std::from_chars(cells[i].data(), end, figure).ptr == end;
    if (!is_number || cells[i].empty()) continue;
    // Rows after the limit, of which nothing else is seen, may have it.
    columns_[i].is_empty &= figure == 0;
    if (columns_[i].is_size) cells[i] = (marked ? cells[i].substr(0, 1) : "") + HumanKib(figure);
  }
  total_ = Measured(std::move(cells));
  for (size_t i = 0; !started_ && i < total_.size(); ++i) {
    columns_[i].width = std::max(columns_[i].width, total_[i].width);
  }
}

void TablePrinter::Finish() {
  if (!started_) Start();
  if (!total_.empty()) PrintLine(total_, kBold);
  out_.Flush();
}

LeftOutColumns TablePrinter::LeftOut() const {
  LeftOutColumns left;
  for (const ColumnState& column : columns_) {
    if (!started_ || column.width > 0) continue;
    (column.is_empty ? left.empty : left.others).push_back(column.name);
  }
  return left;
}

void TablePrinter::Start() {
  started_ = true;
  std::vector<TableColumnSize> sizes;
  for (const ColumnState& column : columns_) {
    const bool is_text = !column.is_number && !column.is_address && !column.is_spark;
    sizes.push_back({.name = column.heading,
                     .value_width = column.width,
                     .can_shorten = is_text,
                     .is_empty = column.is_empty});
    if (column.wrap.min_width > 0) sizes.back().min_width = column.wrap.min_width;
  }
  auto headings = [&](std::vector<std::string> names) {
    for (std::string& name : names) {
      const auto found = std::ranges::find(columns_, name, &ColumnState::name);
      if (found != columns_.end()) name = found->heading;
    }
    return names;
  };
  const TableFit fit = FitTable(sizes, headings(style_.report.spare_columns), style_.terminal.width,
                                headings(style_.report.kept_columns));
  for (size_t i = 0; i < columns_.size(); ++i) columns_[i].width = fit.widths[i];
  PrintHeading(fit.broken_headings);
  for (const auto& row : rows_) PrintLine(row, nullptr);
  rows_.clear();
}

// Headings are aligned at their last lines.
void TablePrinter::PrintHeading(bool broken) {
  std::vector<std::vector<std::string>> headings;
  size_t height = 1;
  for (const ColumnState& column : columns_) {
    headings.push_back(broken ? BrokenHeading(column.heading, column.width)
                              : std::vector<std::string>{column.heading});
    if (column.width > 0) height = std::max(height, headings.back().size());
  }
  for (size_t line = height; line > 0; --line) {
    std::vector<std::string> cells;
    for (const auto& heading : headings) {
      cells.push_back(line <= heading.size() ? heading[heading.size() - line] : "");
    }
    PrintLine(Measured(std::move(cells)), kBold);
  }
}

const char* TablePrinter::ColourOf(size_t column, std::string_view cell) const {
  if (cell == "-") return kDim;
  if (columns_[column].name != style_.report.status_column) return kPlain;
  if (cell == "ok") return kGreen;
  if (cell == "damaged") return kRed;
  return kYellow;
}

// `colour` is that of the whole line; null: each cell has its own.
void TablePrinter::PrintLine(const std::vector<Cell>& cells, const char* colour) {
  Line line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (columns_[i].width > 0) Print(i, {cells[i].text, cells[i].width}, colour, &line);
  }
  EndLine();
}

void TablePrinter::Print(size_t i, Shown cell, const char* colour, Line* line) {
  const Terminal& terminal = style_.terminal;
  const ColumnState& column = columns_[i];
  // A number that is wider than those of the first rows stays whole.
  const bool can_shorten = terminal.is_terminal() && !column.is_number && !column.is_address;
  std::string shortened;
  if (can_shorten && cell.width > column.width && column.wrap.min_width > 0) {
    more_[i] = WrappedCell(i, cell.text);
    shortened = more_[i].front();
    more_[i].erase(more_[i].begin());
    has_more_ = true;
    cell = {shortened, DisplayWidth(shortened)};
  } else if (can_shorten && cell.width > column.width) {
    shortened = Shortened(std::string(cell.text), column.width, terminal.utf8);
    cell = {shortened, DisplayWidth(shortened)};
  }
  const char* start = !terminal.colour    ? kPlain
                      : colour != nullptr ? colour
                                          : ColourOf(i, cell.text);
  if (!line->is_empty) line->blanks += kBetween;
  line->is_empty = false;
  const size_t padding = column.width > cell.width ? column.width - cell.width : 0;
  if (column.is_number) line->blanks += padding;
  if (!cell.text.empty()) {
    std::string& text = out_.text();
    text.append(line->blanks, ' ');
    line->blanks = 0;
    if (start != kPlain) text += start;
    text += cell.text;
    if (start != kPlain) text += kReset;
  }
  if (!column.is_number) line->blanks += padding;
}

void TablePrinter::EndLine() {
  out_.text() += '\n';
  while (has_more_) PrintMore();
  out_.FlushIfLarge();
}

// Returns the lines of a text that goes on; it is shortened where there are too many.
std::vector<std::string> TablePrinter::WrappedCell(size_t column, std::string_view text) const {
  const size_t width = columns_[column].width;
  const size_t max_lines = columns_[column].wrap.max_lines;
  std::vector<std::string> lines = WrappedText(text, width);
  for (size_t room = max_lines * width; lines.size() > max_lines && room > width; --room) {
    lines = WrappedText(Shortened(std::string(text), room, style_.terminal.utf8), width);
  }
  return lines;
}

// Prints the next line of the texts that go on.
void TablePrinter::PrintMore() {
  const std::vector<std::vector<std::string>> more = std::exchange(more_, {});
  more_.resize(columns_.size());
  has_more_ = false;
  Line line;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].width == 0) continue;
    const std::string text = more[i].empty() ? "" : more[i].front();
    Print(i, {text, DisplayWidth(text)}, kPlain, &line);
    if (more[i].size() <= 1) continue;
    more_[i].assign(more[i].begin() + 1, more[i].end());
    has_more_ = true;
  }
  out_.text() += '\n';
}

OutputFormat TableFormat() {
  return {.name = "table",
          .about = "columns for people, or a picture; unknown is '-'",
          .make_printer =
              [](const std::vector<Column>& columns, const PrintStyle& style, FILE* out) {
                return style.report.picture_label.empty()
                           ? MakePrinter<TablePrinter>(columns, style, out)
                           : MakePrinter<PicturePrinter>(columns, style, out);
              },
          .for_people = true,
          .has_totals = true,
          .has_pictures = true};
}

}  // namespace pagesnap
