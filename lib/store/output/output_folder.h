// The folder that an output file goes into, opened once: whatever becomes of its path later, by a
// rename or a symbolic link in its place, names are resolved in the folder itself.
#ifndef LIB_STORE_OUTPUT_OUTPUT_FOLDER_H_
#define LIB_STORE_OUTPUT_OUTPUT_FOLDER_H_

#include <optional>
#include <string>

#include "lib/base/unique_fd.h"
#include "lib/store/output/file_calls.h"

namespace pagesnap {

class OutputFolder {
 public:
  // Opens the folder of `path`. Throws Error when `path` names no file in a folder that exists, or
  // when its last part is too long for the file system.
  OutputFolder(FileCalls& calls, const std::string& path);

  [[nodiscard]] int fd() const { return fd_.get(); }               // O_PATH
  [[nodiscard]] const std::string& path() const { return path_; }  // as given, ending in / or "."
  [[nodiscard]] const std::string& name() const { return name_; }  // of the file in it

  // Checks that the name can be given to a file, as far as that can be known before: that it is
  // free, or that `overwrite` is true and it is a file or a symbolic link that may be replaced.
  // With `renames`, that names can be changed in this folder. Throws Error. Returns whether the
  // name exists.
  bool CheckName(bool overwrite, bool renames) const;

  // Returns what has the name now, which is not followed if it is a symbolic link.
  [[nodiscard]] std::optional<struct stat> Find(const std::string& name) const;

  // Returns where the folder is now when its path does not lead to it any more, "" otherwise.
  [[nodiscard]] std::string MovedTo() const;

  // Makes the names durable. Some file systems refuse it; the file is there all the same.
  void Sync() const;

 private:
  FileCalls& calls_;
  std::string full_path_;
  std::string path_;
  std::string name_;
  UniqueFd fd_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_OUTPUT_OUTPUT_FOLDER_H_
