// ProcReader over a directory: "/" for the machine itself, or a recorded tree.
#ifndef LIB_PROC_DIRECTORY_READER_H_
#define LIB_PROC_DIRECTORY_READER_H_

#include <memory>
#include <string>
#include <vector>

#include "lib/base/unique_fd.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Errors name the full path: the root, a slash, and the path below it.
class DirectoryReader final : public ProcReader {
 public:
  // `root` holds proc/ and sys/. Throws Error when it is no directory or cannot be opened.
  explicit DirectoryReader(const std::string& root);

  void ReadText(const std::string& path, const TextSink& sink) override;
  std::vector<DirectoryEntry> List(const std::string& path) override;
  std::string ReadLink(const std::string& path) override;
  // The file stays open for as long as the WordFile lives, also beyond this reader.
  std::unique_ptr<WordFile> OpenWords(const std::string& path) override;
  ClockReading Now() override;

 private:
  [[nodiscard]] std::string FullPath(const std::string& path) const { return prefix_ + path; }
  [[nodiscard]] UniqueFd Open(const std::string& path, int flags) const;

  UniqueFd root_;
  std::string prefix_;  // the root's path as the user gave it, with a slash at the end
};

}  // namespace pagesnap

#endif  // LIB_PROC_DIRECTORY_READER_H_
