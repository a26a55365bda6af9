// Where a snapshot file goes: to a name, where it appears whole or not at all, or into a stream.
#ifndef LIB_STORE_OUTPUT_FILE_H_
#define LIB_STORE_OUTPUT_FILE_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/base/unique_fd.h"

namespace pagesnap {

// Who the file belongs to when it is not the user who runs us.
struct FileOwner {
  uid_t uid;
  gid_t gid;
};

// A file to write, and the moment when others get to see it.
class Output {
 public:
  virtual ~Output() = default;

  // Open for reading and writing; owned by this object.
  [[nodiscard]] virtual int fd() const = 0;

  // Hands over what is in the file now. Returns its size in bytes. Throws Error; what was handed
  // over before stands. With `more`, the file is written on and published again.
  virtual uint64_t Publish(bool more) = 0;
};

// Mode 0600 from the first byte on. Until Publish() it has no name (O_TMPFILE), so that nothing is
// left behind however the process ends; on file systems without that it has a hidden name in the
// same folder, which the destructor removes.
class OutputFile final : public Output {
 public:
  // Creates the file in the folder of `path`. Throws Error when `path` is a directory, when it
  // exists and `overwrite` is false, or when the folder is missing or not writable. Once
  // `interrupted` (borrowed; null: never) is set, Publish() of a copy throws Interrupted.
  OutputFile(const std::string& path, bool overwrite, std::optional<FileOwner> owner,
             const std::atomic<bool>* interrupted = nullptr);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile() override;

  [[nodiscard]] int fd() const override { return file_.fd.get(); }

  // Syncs the contents, gives them the name, syncs the folder. With `more` a copy gets the name (on
  // file systems that share blocks it costs nothing), so that the name never holds a file that is
  // being written. When it throws, the name holds what it held before.
  uint64_t Publish(bool more) override;

 private:
  struct File {
    UniqueFd fd;
    std::string hidden_path;  // empty while there is no name at all
  };
  void CheckTarget() const;
  File Create() const;
  File CreateHidden() const;
  void Name(File* file);
  void Rename(File* file) const;

  std::string path_;
  std::string folder_;
  std::string base_name_;
  bool overwrite_;
  std::optional<FileOwner> owner_;
  const std::atomic<bool>* interrupted_;
  File file_;
};

// Memory, copied to a stream when it is complete: nothing touches the disk.
class OutputStream final : public Output {
 public:
  // `stream_fd` is borrowed, and so is `interrupted`: once it is set, Publish() throws Error. Null:
  // never. Throws Error when there is no memory for it.
  explicit OutputStream(int stream_fd, const std::atomic<bool>* interrupted = nullptr);
  [[nodiscard]] int fd() const override { return memory_.get(); }
  uint64_t Publish(bool more) override;

 private:
  int stream_fd_;
  const std::atomic<bool>* interrupted_;
  UniqueFd memory_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_OUTPUT_FILE_H_
