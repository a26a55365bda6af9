// What the tests of OutputFile have in common.
#ifndef TESTS_STORE_OUTPUT_OUTPUT_FILE_TESTING_H_
#define TESTS_STORE_OUTPUT_OUTPUT_FILE_TESTING_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "lib/store/output/output_file.h"

namespace pagesnap {

inline std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void Write(const OutputFile& file, const std::string& text) {
  ASSERT_EQ(write(file.fd(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

}  // namespace pagesnap

#endif  // TESTS_STORE_OUTPUT_OUTPUT_FILE_TESTING_H_
