// What reports print, byte by byte, against files. PAGESNAP_UPDATE_GOLDEN=1 in the environment
// writes the files of tests/golden anew.
#ifndef TESTS_ANALYZE_GOLDEN_H_
#define TESTS_ANALYZE_GOLDEN_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/captured_snapshot.h"

namespace pagesnap {

inline void ExpectGolden(const std::string& name, const std::string& text) {
  const std::string path = std::string(PAGESNAP_GOLDEN_DIR) + "/" + name;
  if (getenv("PAGESNAP_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  std::ifstream file(path, std::ios::binary);
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(text, expected.str()) << path;
}

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
