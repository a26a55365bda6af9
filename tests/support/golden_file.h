// What users read, byte by byte, against files. PAGESNAP_UPDATE_GOLDEN=1 in the environment writes
// the files of tests/golden anew.
#ifndef TESTS_SUPPORT_GOLDEN_FILE_H_
#define TESTS_SUPPORT_GOLDEN_FILE_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace pagesnap {

// Compares a text with the file of this name.
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

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_GOLDEN_FILE_H_
