// ProcReader over a directory: "/" for the machine itself, or a recorded tree.
#ifndef LIB_PROC_DIRECTORY_READER_H_
#define LIB_PROC_DIRECTORY_READER_H_

#include <memory>
#include <string>
#include <vector>

#include "lib/base/unique_fd.h"
#include "lib/proc/reader.h"

namespace pagesnap {

class DirectoryReader final : public ProcReader {
 public:
  // `root` holds proc/ and sys/. Throws Error when it is no directory.
  explicit DirectoryReader(const std::string& root);

  void ReadText(const std::string& path, const TextSink& sink) override;
  std::vector<DirectoryEntry> List(const std::string& path) override;
  std::string ReadLink(const std::string& path) override;
  std::unique_ptr<WordFile> OpenWords(const std::string& path) override;
  ClockReading Now() override;

 private:
  UniqueFd root_;
};

}  // namespace pagesnap

#endif  // LIB_PROC_DIRECTORY_READER_H_
