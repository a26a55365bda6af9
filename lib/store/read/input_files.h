// The files of a command line as they are read: '-' is standard input, and a file may be
// packed.
#ifndef LIB_STORE_READ_INPUT_FILES_H_
#define LIB_STORE_READ_INPUT_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/unique_fd.h"

namespace pagesnap {

// Files that can be opened by path for as long as this exists. SQLite needs to move in a file, so
// standard input and what is packed are copied into files without a name in TMPDIR, or /tmp.
class InputFiles {
 public:
  // `given` are the names on the command line; '-' may be one of them once. A packed file gives at
  // most kMaxRatio times its bytes, so that a small one cannot fill the disk. Throws Error that
  // names the file.
  explicit InputFiles(std::vector<std::string> given);

  // Returns what to open, in the order of the command line, and what messages call it.
  [[nodiscard]] const std::vector<std::string>& paths() const { return paths_; }
  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_; }
  // Returns all of them in one text, as messages name them.
  [[nodiscard]] std::string text() const;

  static constexpr uint64_t kMaxRatio = 32;

 private:
  void Copy(int in, const std::string& begin, const std::string& label, std::string* path);

  std::vector<std::string> labels_;
  std::vector<std::string> paths_;
  std::vector<UniqueFd> copies_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_READ_INPUT_FILES_H_
