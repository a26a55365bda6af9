// The condition of --fail-if: an SQL expression over rows of figures.
#ifndef ANALYZE_FAIL_CONDITION_H_
#define ANALYZE_FAIL_CONDITION_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "analyze/report.h"
#include "lib/store/sqlite/database.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// It holds as soon as it holds for one row.
class FailCondition {
 public:
  // `text` is what stands on the command line: one expression without a query in it, over
  // `columns`, those of `report` (borrowed). It is evaluated apart from the file, so it sees
  // nothing else; guard_text.h says what it may have that SQL has not. Throws UsageError, with what
  // may have been meant, when SQLite does not take it.
  FailCondition(const std::string& text, const Report& report, std::vector<std::string> columns);

  // Looks at a row. A figure that is not of all processes counts as unknown.
  void Add(std::span<const Value> row);

  // Whether it holds for some row; nothing when that is unknown, as figures that it needs are.
  [[nodiscard]] std::optional<bool> holds() const;
  // Returns the columns that were unknown in some row, and for which the kernel's own figure
  // counted.
  [[nodiscard]] const std::set<std::string>& replaced() const { return replaced_; }
  // Returns the figures that the expression names: "rss_kib is 20480, swap_kib is unknown". Of
  // several rows those of the first for which it holds, or is unknown, and how many more there are.
  [[nodiscard]] std::string figures() const;

 private:
  [[nodiscard]] std::string FiguresOf(std::span<const Value> row) const;
  [[noreturn]] void Fail(const std::string& why) const;

  std::string text_;
  const Report& report_;
  std::vector<std::string> columns_;  // of a row, with the hidden ones
  std::vector<size_t> seen_;          // the places of those that the expression sees
  // Columns by the one with the kernel's own figure, which counts where they are unknown.
  std::map<std::string, std::string> stand_ins_;
  std::vector<std::string> words_;  // of the expression, in lower case
  std::unique_ptr<Database> apart_;
  std::unique_ptr<Statement> statement_;  // of a row as its parameters
  uint64_t row_count_ = 0;
  uint64_t held_count_ = 0;  // rows
  uint64_t unknown_count_ = 0;
  std::string held_figures_;  // of the first row of each kind
  std::string other_figures_;
  std::set<std::string> replaced_;
};

}  // namespace pagesnap

#endif  // ANALYZE_FAIL_CONDITION_H_
