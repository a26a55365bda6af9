// The command line of analyze.
#ifndef ANALYZE_OPTIONS_H_
#define ANALYZE_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "analyze/printer.h"
#include "analyze/report.h"
#include "analyze/row_choice.h"
#include "analyze/snapshot_choice.h"
#include "analyze/units.h"

namespace pagesnap {

struct AnalyzeOptions {
  Report report;
  std::vector<std::string> files;        // at least one
  const OutputFormat* format = nullptr;  // one of OutputFormats()
  bool csv_guard = false;                // see PrintStyle
  Units units = Units::kAuto;
  std::optional<bool> colour;  // empty: as the terminal has it
  bool pager = true;           // on a terminal
  SnapshotNumbers snapshots;
  std::optional<std::string> fail_if;
  bool no_limit = false;  // of CPU time
  RowChoice choice;
  ParameterValues parameters;
};

// Returns the options, or nothing when what was asked for (help, version, list, show) was printed
// to standard output. Throws UsageError.
std::optional<AnalyzeOptions> ParseAnalyzeOptions(int argc, const char* const* argv);

}  // namespace pagesnap

#endif  // ANALYZE_OPTIONS_H_
