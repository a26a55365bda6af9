#include "analyze/table_fit.h"

#include <algorithm>

#include "lib/base/text.h"

namespace pagesnap {
namespace {

constexpr size_t kMinTextWidth = 20;  // texts are not shortened below this

size_t LongestPiece(const std::string& name) {
  size_t longest = 0;
  for (const std::string& line : BrokenHeading(name, 0)) {
    longest = std::max(longest, DisplayWidth(line));
  }
  return longest;
}

size_t TotalWidth(const std::vector<size_t>& widths) {
  size_t total = 0;
  for (const size_t width : widths) total += width > 0 ? width + kBetween : 0;
  return total > kBetween ? total - kBetween : total;
}

// Makes the widest texts narrower until all fit, or none can be.
void ShortenTexts(const std::vector<TableColumnSize>& columns, size_t width,
                  std::vector<size_t>* widths) {
  while (TotalWidth(*widths) > width) {
    size_t widest = columns.size();
    for (size_t i = 0; i < columns.size(); ++i) {
      const size_t least = std::max(kMinTextWidth, LongestPiece(columns[i].name));
      if (!columns[i].can_shorten || (*widths)[i] <= least) continue;
      if (widest == columns.size() || (*widths)[i] > (*widths)[widest]) widest = i;
    }
    if (widest == columns.size()) return;
    --(*widths)[widest];
  }
}

// Returns the next column to leave out, or 0: none.
size_t NextToLeave(const std::vector<TableColumnSize>& columns,
                   const std::vector<std::string>& spare, const std::string& kept,
                   const std::vector<bool>& left) {
  const size_t last = columns.size() - 1;
  for (size_t i = last; i > 0; --i) {
    if (columns[i].is_empty && !left[i]) return i;
  }
  for (const std::string& name : spare) {
    for (size_t i = 1; i < columns.size(); ++i) {
      if (columns[i].name == name && !left[i]) return i;
    }
  }
  size_t next = 0;
  for (size_t i = last; i > 0; --i) {
    if (left[i]) continue;
    if (columns[i].name != kept) return i;
    next = i;
  }
  return next;
}

}  // namespace

std::vector<std::string> BrokenHeading(const std::string& name, size_t width) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < name.size();) {
    const size_t end = std::min(name.find('_', begin), name.size() - 1) + 1;
    const std::string piece = name.substr(begin, end - begin);
    begin = end;
    if (lines.empty() || DisplayWidth(lines.back() + piece) > width) {
      lines.push_back(piece);
    } else {
      lines.back() += piece;
    }
  }
  if (lines.empty()) lines.emplace_back();
  return lines;
}

TableFit FitTable(const std::vector<TableColumnSize>& columns,
                  const std::vector<std::string>& spare, size_t width, const std::string& kept) {
  TableFit fit;
  for (const TableColumnSize& column : columns) {
    fit.widths.push_back(std::max<size_t>({1, column.value_width, DisplayWidth(column.name)}));
  }
  if (width == 0 || TotalWidth(fit.widths) <= width) return fit;
  fit.broken_headings = true;
  std::vector<bool> left(columns.size(), false);
  while (true) {
    for (size_t i = 0; i < columns.size(); ++i) {
      const size_t value =
          columns[i].can_shorten ? std::min(columns[i].value_width, width) : columns[i].value_width;
      fit.widths[i] = left[i] ? 0 : std::max<size_t>({1, value, LongestPiece(columns[i].name)});
    }
    ShortenTexts(columns, width, &fit.widths);
    if (TotalWidth(fit.widths) <= width) return fit;
    const size_t next = NextToLeave(columns, spare, kept, left);
    if (next == 0) return fit;
    left[next] = true;
  }
}

}  // namespace pagesnap
