// ProcReader over a directory: "/" for the machine itself, or a recorded tree.
#ifndef LIB_PROC_DIRECTORY_READER_H_
#define LIB_PROC_DIRECTORY_READER_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lib/base/unique_fd.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Errors name the full path: the root, a slash, and the path below it. Nothing outside the root is
// read, whatever links are in it (rooted_open.h), except by StatLink(), StatInFolder() and
// OpenCached(); and only regular files and folders are opened for
// reading: what is a FIFO or a device is a ReadError, EMEDIUMTYPE.
class DirectoryReader final : public ProcReader {
 public:
  // `root` holds proc/ and sys/. Throws Error when it is no directory or cannot be opened. Once
  // `interrupted` is set, this and every other function throws Interrupted; it is borrowed, also by
  // the files that are open, and may be null.
  explicit DirectoryReader(const std::string& root, const std::atomic<bool>* interrupted = nullptr);

  void ReadText(const std::string& path, const TextSink& sink) override;
  std::vector<DirectoryEntry> List(const std::string& path) override;
  std::string ReadLink(const std::string& path) override;
  // The file stays open for as long as the WordFile lives, also beyond this reader.
  std::unique_ptr<WordFile> OpenWords(const std::string& path) override;
  FileStatus StatLink(const std::string& path) override;
  // Needs Linux 5.12 (RESOLVE_CACHED).
  FileStatus StatInFolder(const std::string& folder, const std::string& name) override;
  std::unique_ptr<CachedFile> OpenCached(const std::string& path) override;
  // By kcmp(2), which needs CONFIG_KCMP; unknown where root/proc shows other pids than the
  // caller's.
  SpaceOrder CompareSpaces(int32_t pid, int32_t other) override;
  FoundSharers FindSharers(std::span<const int32_t> tasks,
                           std::span<const int32_t> others) override;
  ClockReading Now() override;
  // Of this machine, also when `root` is the tree of another.
  MachineInfo Machine() override;
  ResourceUsage Usage() override;

 private:
  [[nodiscard]] std::string FullPath(const std::string& path) const { return prefix_ + path; }
  [[nodiscard]] bool HasOwnPids();
  [[nodiscard]] UniqueFd Open(const std::string& path, int flags) const;
  [[nodiscard]] UniqueFd OpenFile(const std::string& path) const;

  const std::atomic<bool>* interrupted_;
  UniqueFd root_;
  std::once_flag own_pids_once_;
  bool own_pids_ = false;  // see ShowsOwnPids()
  std::string prefix_;     // the root's path as the user gave it, with a slash at the end
};

}  // namespace pagesnap

#endif  // LIB_PROC_DIRECTORY_READER_H_
