#include "tests/bench/bench_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace pagesnap {

void BenchTable::Add(const std::string& figure, double measured, std::optional<double> target,
                     const std::string& note) {
  bool met = !target || measured <= *target;
  all_met_ &= met;
  AddRow({figure, fmt::format("{:.3g}", measured),
          target ? fmt::format("<= {:.4g}", *target) : "report",
          target ? (met ? "ok" : "MISSED") : "", note});
}

void BenchTable::AddCheck(const std::string& figure, bool holds, const std::string& note) {
  all_met_ &= holds;
  AddRow({figure, holds ? "yes" : "no", "yes", holds ? "ok" : "MISSED", note});
}

void BenchTable::AddRow(Row row) {
  // Also at once: a run takes minutes.
  fmt::print("# {}: {} ({}) {}\n", row.figure, row.measured, row.target, row.note);
  fflush(stdout);
  rows_.push_back(std::move(row));
}

void BenchTable::Print() const {
  fmt::print("\n| figure | measured | target | | made of |\n|---|---|---|---|---|\n");
  for (const Row& row : rows_) {
    fmt::print("| {} | {} | {} | {} | {} |\n", row.figure, row.measured, row.target, row.verdict,
               row.note);
  }
}

double Median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace pagesnap
