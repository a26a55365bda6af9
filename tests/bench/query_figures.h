// Measures queries and reports of one file, each in a process of its own, and prints a row for
// each.
#ifndef TESTS_BENCH_QUERY_FIGURES_H_
#define TESTS_BENCH_QUERY_FIGURES_H_

#include <cstdint>
#include <functional>
#include <string>

#include "lib/query/session.h"

namespace pagesnap {

// Returns how long `body` takes, in seconds.
double SecondsOf(const std::function<void()>& body);

// Runs a query to its end and returns how many rows it has.
uint64_t Run(const Session& session, const std::string& sql);

// Targets are in seconds, 0 for none; what returns double returns the seconds that were measured,
// 0 for a figure that was left out, and -1 for one that failed.
class QueryFigures {
 public:
  // Leaves out figures without `only` in their name.
  QueryFigures(std::string path, std::string only);

  // Measures `body`, with the file opened before the clock starts.
  double Opened(const std::string& figure, double target,
                const std::function<double(Session&)>& body);
  double Query(const std::string& figure, double target, const std::string& sql);

  // Measures a query of another file, the opening included.
  double OpenAndQuery(const std::string& figure, double target, const std::string& path,
                      const std::string& sql);

  // Measures the program itself, from its start to its end.
  double Program(const std::string& figure, double target, const std::string& report) {
    return Program(figure, target, report, path_);
  }
  // The same of another file.
  double Program(const std::string& figure, double target, const std::string& report,
                 const std::string& path);

  // Prints a count that should be 0; `body` returns it.
  void NoneOf(const std::string& figure, const std::function<double()>& body);

  // Returns whether a figure was above its target, or failed.
  [[nodiscard]] bool missed() const { return missed_; }

 private:
  double Cold(const std::string& figure, double target, const std::function<double()>& body);

  std::string path_;
  std::string only_;
  bool missed_ = false;
};

}  // namespace pagesnap

#endif  // TESTS_BENCH_QUERY_FIGURES_H_
