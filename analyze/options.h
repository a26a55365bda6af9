// The command line of analyze.
#ifndef ANALYZE_OPTIONS_H_
#define ANALYZE_OPTIONS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analyze/printer.h"
#include "analyze/report.h"
#include "analyze/row_choice.h"

namespace pagesnap {

struct AnalyzeOptions {
  const Report* report = nullptr;            // null: the user's own SQL
  std::shared_ptr<const Report> own_report;  // holds *report when it is the user's own
  std::string sql;
  std::vector<std::string> files;  // at least one
  Format format = Format::kTable;
  bool csv_guard = false;           // see MakePrinter()
  std::optional<int64_t> snapshot;  // of a report about one
  std::optional<int64_t> before;    // of a report that compares two
  std::optional<int64_t> after;
  std::optional<std::string> fail_if;
  bool no_limit = false;  // of CPU time
  RowChoice choice;
  std::map<std::string, std::vector<std::string>> parameters;  // of the report, as written
};

// Returns the options, or nothing when what was asked for (help, version, list, show) was printed
// to standard output. Throws UsageError.
std::optional<AnalyzeOptions> ParseAnalyzeOptions(int argc, const char* const* argv);

}  // namespace pagesnap

#endif  // ANALYZE_OPTIONS_H_
