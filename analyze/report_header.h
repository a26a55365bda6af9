// The lines of a report's header.
#ifndef ANALYZE_REPORT_HEADER_H_
#define ANALYZE_REPORT_HEADER_H_

#include <string>
#include <string_view>

#include "analyze/report.h"

namespace pagesnap {

// Returns the text without the blanks around it.
std::string_view WithoutBlanks(std::string_view text);

// Takes the parts of a line (report.h) before and after its ':', into `report`. Returns false when
// it is not understood.
bool TakeHeaderLine(std::string_view key, const std::string& value, Report* report);

}  // namespace pagesnap

#endif  // ANALYZE_REPORT_HEADER_H_
