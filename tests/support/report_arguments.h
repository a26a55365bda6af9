// How any built-in report can be called, for tests that go over all of them.
#ifndef TESTS_SUPPORT_REPORT_ARGUMENTS_H_
#define TESTS_SUPPORT_REPORT_ARGUMENTS_H_

#include <string>
#include <vector>

#include "analyze/report.h"

namespace pagesnap {

// Returns what a report needs behind the name of the file: an address where one must be given, the
// first process with memory where it must be one, the first snapshot and the last where it compares
// two. Throws Error when the file cannot be opened.
std::vector<std::string> ReportArguments(const Report& report, const std::string& path);

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_REPORT_ARGUMENTS_H_
