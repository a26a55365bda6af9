// How the columns of a table fit the width of a terminal.
#ifndef ANALYZE_TABLE_FIT_H_
#define ANALYZE_TABLE_FIT_H_

#include <cstddef>
#include <string>
#include <vector>

namespace pagesnap {

// What decides how wide a column is.
struct TableColumnSize {
  std::string name;
  size_t value_width = 0;    // of the widest cell
  bool can_shorten = false;  // text; never a number or an address
  bool is_empty = false;     // all of it is 0 or unknown
};

// How a table fits.
struct TableFit {
  std::vector<size_t> widths;  // of each column; 0: left out
  bool broken_headings = false;
};

inline constexpr size_t kBetween = 2;  // blanks between columns

// Fits the columns into `width` (0: any), kBetween blanks between them. Where they do not fit,
// those that are empty are left out first, then `spare` in this order, then those on the right. The
// first column stays, and `kept` (its name, "": none) as long as another is there to leave out.
TableFit FitTable(const std::vector<TableColumnSize>& columns,
                  const std::vector<std::string>& spare, size_t width,
                  const std::string& kept = "");

// Returns a heading in lines of at most `width`, broken behind "_" where there is one.
std::vector<std::string> BrokenHeading(const std::string& name, size_t width);

}  // namespace pagesnap

#endif  // ANALYZE_TABLE_FIT_H_
