// The table that the benchmark prints: figure, measured, target, verdict.
#ifndef TESTS_BENCH_BENCH_TABLE_H_
#define TESTS_BENCH_BENCH_TABLE_H_

#include <optional>
#include <string>
#include <vector>

namespace pagesnap {

class BenchTable {
 public:
  // A figure that should be at most `target`; without one it is only reported. `note` says what it
  // was made of.
  void Add(const std::string& figure, double measured, std::optional<double> target,
           const std::string& note = "");
  // A statement that holds or does not.
  void AddCheck(const std::string& figure, bool holds, const std::string& note = "");

  // Prints all rows as one table.
  void Print() const;
  [[nodiscard]] bool all_met() const { return all_met_; }

 private:
  struct Row {
    std::string figure, measured, target, verdict, note;
  };
  void AddRow(Row row);

  std::vector<Row> rows_;
  bool all_met_ = true;
};

// Returns the middle value; `values` is not empty.
double Median(std::vector<double> values);

}  // namespace pagesnap

#endif  // TESTS_BENCH_BENCH_TABLE_H_
