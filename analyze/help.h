// What analyze prints about itself.
#ifndef ANALYZE_HELP_H_
#define ANALYZE_HELP_H_

#include <string>
#include <vector>

#include "analyze/report.h"
#include "lib/base/option_help.h"

namespace pagesnap {

// Returns what 'analyze --help' prints, without options: each report has its own.
ProgramHelp AnalyzeHelp();

// Returns the options that a report takes.
std::vector<OptionHelp> ReportOptions(const Report& report);

// Each prints to standard output: how to call analyze, all reports by their groups, and one report
// with its options, which `options` describes, and columns. They throw Error when that fails.
void PrintUsage();
void PrintReportList();
void PrintReportHelp(const Report& report, const std::string& options);

}  // namespace pagesnap

#endif  // ANALYZE_HELP_H_
