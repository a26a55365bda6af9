// What reports print, byte by byte, against files (tests/support/golden_file.h).
#ifndef TESTS_ANALYZE_GOLDEN_H_
#define TESTS_ANALYZE_GOLDEN_H_

#include <string>
#include <utility>
#include <vector>

#include "tests/support/captured_snapshot.h"
#include "tests/support/golden_file.h"

namespace pagesnap {

// Compares what `analyze` prints in all three formats with NAME.txt, NAME.csv and NAME.json.
inline void ExpectGoldenReport(const std::string& name, std::vector<std::string> arguments) {
  arguments.emplace_back("--format");
  for (const auto& [format, suffix] :
       {std::pair("table", ".txt"), std::pair("csv", ".csv"), std::pair("json", ".json")}) {
    arguments.emplace_back(format);
    ExpectGolden(name + suffix, RunReport(arguments).out);
    arguments.pop_back();
  }
}

}  // namespace pagesnap

#endif  // TESTS_ANALYZE_GOLDEN_H_
