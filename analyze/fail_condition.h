// The condition of --fail-if: an SQL expression over one row of figures.
#ifndef ANALYZE_FAIL_CONDITION_H_
#define ANALYZE_FAIL_CONDITION_H_

#include <optional>
#include <string>

#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// A row of figures by name.
class FailCondition {
 public:
  // Takes the first row of `figures`, which are those of a report. `text` is what stands on the
  // command line: one expression without a query in it. It is evaluated apart from the file, so it
  // sees nothing else. Throws UsageError, with what may have been meant, when SQLite does not take
  // it.
  FailCondition(const std::string& text, const std::string& report, Statement& figures);

  // Whether it holds; nothing when it is unknown, as figures that it needs are.
  [[nodiscard]] std::optional<bool> holds() const { return holds_; }
  // Returns the figures that the expression names: "rss_kib is 20480, swap_kib is unknown".
  [[nodiscard]] const std::string& figures() const { return figures_; }

 private:
  std::optional<bool> holds_;
  std::string figures_;
};

}  // namespace pagesnap

#endif  // ANALYZE_FAIL_CONDITION_H_
