// The options that a report has.
#ifndef ANALYZE_REPORT_OPTIONS_H_
#define ANALYZE_REPORT_OPTIONS_H_

#include <string>
#include <string_view>
#include <vector>

#include "analyze/report.h"

namespace pagesnap {

struct ReportOption {
  std::string name;        // with its letter where it has one: "help,h"
  std::string value_name;  // for --help; "": it takes no value
  std::string description;
  std::string default_value = {};  // "": none
  bool is_repeated = false;        // it may be given several times
};

// Returns the options of a report: those that all have, and its parameters.
std::vector<ReportOption> OptionsOf(const Report& report);

// Returns whether some report has an option of this name, without "--", that takes a value. As on a
// command line, the beginning of a name is enough.
bool TakesValue(std::string_view name);

// Returns why a report has not an option that most reports have, "" for any other option. `option`
// begins with "--".
std::string WhyNotOption(const Report& report, const std::string& option);

}  // namespace pagesnap

#endif  // ANALYZE_REPORT_OPTIONS_H_
