#include "analyze/table_fit.h"

#include <algorithm>

#include "lib/base/text.h"

namespace pagesnap {
namespace {

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
      const size_t least = std::max(columns[i].min_width, LongestPiece(columns[i].name));
      if (!columns[i].can_shorten || (*widths)[i] <= least) continue;
      if (widest == columns.size() || (*widths)[i] > (*widths)[widest]) widest = i;
    }
    if (widest == columns.size()) return;
    --(*widths)[widest];
  }
}

// Returns how wide the columns are without those left out: as narrow as it takes to fit.
std::vector<size_t> WidthsWithout(const std::vector<bool>& left,
                                  const std::vector<TableColumnSize>& columns, size_t width) {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns.size(); ++i) {
    const size_t value =
        columns[i].can_shorten ? std::min(columns[i].value_width, width) : columns[i].value_width;
    widths.push_back(left[i] ? 0 : std::max<size_t>({1, value, LongestPiece(columns[i].name)}));
  }
  ShortenTexts(columns, width, &widths);
  return widths;
}

// Returns the columns but the first, by their places, in the order in which they are left out.
std::vector<size_t> OrderOfLeaving(const std::vector<TableColumnSize>& columns,
                                   const std::vector<std::string>& spare,
                                   const std::vector<std::string>& kept) {
  std::vector<size_t> order;
  for (size_t i = columns.size() - 1; i > 0; --i) order.push_back(i);
  auto rank = [&](size_t place) {
    const TableColumnSize& column = columns[place];
    if (column.is_empty) return size_t{0};
    if (std::ranges::find(kept, column.name) != kept.end()) return spare.size() + 2;
    return 1 + static_cast<size_t>(std::ranges::find(spare, column.name) - spare.begin());
  };
  std::ranges::stable_sort(order, {}, rank);
  return order;
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
                  const std::vector<std::string>& spare, size_t width,
                  const std::vector<std::string>& kept) {
  TableFit fit;
  for (const TableColumnSize& column : columns) {
    fit.widths.push_back(std::max<size_t>({1, column.value_width, DisplayWidth(column.name)}));
  }
  if (width == 0 || columns.empty() || TotalWidth(fit.widths) <= width) return fit;
  fit.broken_headings = true;
  std::vector<bool> left(columns.size(), false);
  const std::vector<size_t> order = OrderOfLeaving(columns, spare, kept);
  size_t left_count = 0;
  fit.widths = WidthsWithout(left, columns, width);
  while (TotalWidth(fit.widths) > width && left_count < order.size()) {
    left[order[left_count++]] = true;
    fit.widths = WidthsWithout(left, columns, width);
  }
  while (left_count > 0) {
    const size_t place = order[--left_count];
    if (columns[place].is_empty) break;
    left[place] = false;
    const std::vector<size_t> widths = WidthsWithout(left, columns, width);
    left[place] = TotalWidth(widths) > width;
    if (!left[place]) fit.widths = widths;
  }
  return fit;
}

std::vector<std::string> WrappedText(std::string_view text, size_t width) {
  std::vector<std::string> lines;
  while (DisplayWidth(text) > width) {
    size_t hard = 0;   // where a line of this width ends
    size_t soft = 0;   // behind the last ',' or '/' before that
    size_t blank = 0;  // the last blank up to it
    for (size_t end = 1; end <= text.size(); ++end) {
      constexpr unsigned kContinuation = 0x80;  // of a character of UTF-8
      constexpr unsigned kMask = 0xc0;
      if (end < text.size() && (static_cast<unsigned char>(text[end]) & kMask) == kContinuation) {
        continue;
      }
      if (hard > 0 && DisplayWidth(text.substr(0, end)) > width) break;
      hard = end;
      if (text[end - 1] == ',' || text[end - 1] == '/') soft = end;
      if (end < text.size() && text[end] == ' ') blank = end;
    }
    // A word that is longer than a line is broken where it stands.
    const size_t word_end = std::min(text.find(' ', blank + 1), text.size());
    const bool is_long =
        blank == 0 || DisplayWidth(text.substr(blank + 1, word_end - blank - 1)) > width;
    const size_t end = !is_long ? blank : std::max(soft, blank) > 0 ? std::max(soft, blank) : hard;
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.find_first_not_of(' ', end), text.size()));
  }
  if (!text.empty() || lines.empty()) lines.emplace_back(text);
  return lines;
}

}  // namespace pagesnap
