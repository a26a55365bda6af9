// Snapshot files as somebody would make them who means harm.
#ifndef TESTS_HOSTILE_CRAFTED_FILES_H_
#define TESTS_HOSTILE_CRAFTED_FILES_H_

#include <functional>
#include <string>
#include <vector>

namespace pagesnap {

// A way to change a sound file.
struct CraftedFile {
  std::string name;  // CamelCase, the group first: for the name of the test
  std::function<void(const std::string& path)> craft;
};

// Returns all ways.
std::vector<CraftedFile> CraftedFiles();

}  // namespace pagesnap

#endif  // TESTS_HOSTILE_CRAFTED_FILES_H_
