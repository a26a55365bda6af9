// A file that appears at its name whole, or not at all.
#ifndef LIB_STORE_OUTPUT_FILE_H_
#define LIB_STORE_OUTPUT_FILE_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/unique_fd.h"

namespace pagesnap {

// Who the file belongs to when it is not the user who runs us.
struct FileOwner {
  uid_t uid;
  gid_t gid;
};

// Mode 0600 from the first byte on. Until Publish() it has no name (O_TMPFILE), so that nothing is
// left behind however the process ends; on file systems without that it has a hidden name in the
// same folder, which the destructor removes.
class OutputFile {
 public:
  // Creates the file in the folder of `path`. Throws Error when `path` is a directory, when it
  // exists and `overwrite` is false, or when the folder is missing or not writable.
  OutputFile(const std::string& path, bool overwrite, std::optional<FileOwner> owner);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  // Open for reading and writing; owned by this object.
  [[nodiscard]] int fd() const { return fd_.get(); }

  // Syncs the contents, gives them the name, syncs the folder. Returns the size in bytes. Throws
  // Error; the name then holds what it held before.
  uint64_t Publish();

 private:
  void CheckTarget() const;
  void OpenNamed();

  std::string path_;
  std::string folder_;
  std::string base_name_;
  bool overwrite_;
  UniqueFd fd_;
  std::string temporary_path_;  // empty while there is no name
};

}  // namespace pagesnap

#endif  // LIB_STORE_OUTPUT_FILE_H_
