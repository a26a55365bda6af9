// The kernel's own figures where ours are unknown, as without privileges.
#ifndef ANALYZE_KERNEL_FIGURES_H_
#define ANALYZE_KERNEL_FIGURES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/report.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// Returns the text of such a figure in a table: "*1804".
std::string MarkedFigure(int64_t figure);

// Returns the number of such a text, or nothing for any other text.
std::optional<int64_t> FigureOfMarked(std::string_view text);

// Puts them into the rows of a table.
class KernelFigures {
 public:
  // `columns` are those of the rows, with the hidden ones; `shown` are the places of those printed.
  KernelFigures(const Report& report, const std::vector<std::string>& columns,
                std::span<const size_t> shown);

  // Replaces the unknown figures among `cells`, what is printed of `row`. Their texts are borrowed
  // until the next call.
  void Fill(std::span<const Value> row, std::span<Value> cells);

  // Returns whether a figure was replaced.
  [[nodiscard]] bool used() const { return used_; }

 private:
  struct Pair {
    size_t cell;
    size_t kernel_column;
    std::string text = {};
  };
  std::vector<Pair> pairs_;
  bool used_ = false;
};

}  // namespace pagesnap

#endif  // ANALYZE_KERNEL_FIGURES_H_
