// How the columns of a table fit the width of a terminal.
#ifndef ANALYZE_TABLE_FIT_H_
#define ANALYZE_TABLE_FIT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pagesnap {

// What decides how wide a column is.
struct TableColumnSize {
  std::string name;
  size_t value_width = 0;    // of the widest cell
  bool can_shorten = false;  // text; never a number or an address
  bool is_empty = false;     // all of it is 0 or unknown
  size_t min_width = 20;     // a text is not shortened below this
};

// How a table fits.
struct TableFit {
  std::vector<size_t> widths;  // of each column; 0: left out
  bool broken_headings = false;
};

inline constexpr size_t kBetween = 2;  // blanks between columns

// Fits the columns into `width` (0: any), kBetween blanks between them. Where they do not fit,
// those that are empty are left out first, then `spare` in this order, then those on the right, and
// `kept` last. What was left out, and has room after all when wider ones are, comes back. The first
// column always stays.
TableFit FitTable(const std::vector<TableColumnSize>& columns,
                  const std::vector<std::string>& spare, size_t width,
                  const std::vector<std::string>& kept = {});

// Returns printable text in lines of at most `width` columns, broken at blanks; words that are
// longer than a line behind a ',' or '/', or anywhere. Nothing but blanks at the breaks is left
// out.
std::vector<std::string> WrappedText(std::string_view text, size_t width);

// Returns a heading in lines of at most `width`, broken behind "_" where there is one.
std::vector<std::string> BrokenHeading(const std::string& name, size_t width);

}  // namespace pagesnap

#endif  // ANALYZE_TABLE_FIT_H_
