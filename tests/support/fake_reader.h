// A machine in memory for tests: what it has under proc and sys is what was added.
#ifndef TESTS_SUPPORT_FAKE_READER_H_
#define TESTS_SUPPORT_FAKE_READER_H_

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/proc/reader.h"

namespace pagesnap {

// Paths are relative to the root and name files exactly: links are read but never followed.
// Directories exist by what is added below them. All calls may come from several threads.
class FakeReader final : public ProcReader {
 public:
  // Where a file of words ends unless SetWordsEnd() says otherwise: the end of a process's part of
  // the address space on x86-64, in pages of 4 KiB.
  static constexpr uint64_t kDefaultWordsEnd = uint64_t{1} << 35;

  // Adds a text file, or replaces it.
  void AddText(const std::string& path, std::string text);

  // Adds words from index `first` on to the file of words at `path`, which is made if need be.
  // Later words replace earlier ones; words never added read as 0.
  void AddWords(const std::string& path, uint64_t first, const std::vector<uint64_t>& words);

  // Makes reads of the file of words at `path`, which is made if need be, come short at index
  // `end`.
  void SetWordsEnd(const std::string& path, uint64_t end);

  // Adds a symbolic link, or replaces it.
  void AddLink(const std::string& path, std::string target);

  // Adds a directory that may stay empty. Others need no such call.
  void AddDirectory(const std::string& path);

  // Sets the inode that List() shows for `path`, which need not exist yet. Without this it is a
  // number made of the path.
  void SetInode(const std::string& path, uint64_t inode);

  // Adds a file that a link of /proc leads to, or replaces it. `path` is the link's, or the file's
  // below it ("proc/7/root/bin/x"). Its first `cached_bytes` are in the page cache. Links and files
  // of one path are different nodes: a link of maps also has AddLink().
  void AddMappedFile(const std::string& path, FileStatus status, std::string cached_bytes = {});

  // Removes `path` and all below it: "proc/7" dies. Files of words that are open then read as
  // empty, as a pagemap does whose process has ended.
  void Remove(const std::string& path);

  // Gives a process an address space, any number; 0: none. Without this it has none, and while no
  // process has one, which are the same is unknown.
  void SetSpace(int32_t pid, uint64_t space);
  // Returns how often address spaces were compared.
  [[nodiscard]] uint64_t compare_count() const { return compare_count_; }

  void SetClock(ClockReading clock);

  // ReadText() passes on blocks of this many bytes; at first 4096, as fs/seq_file.c does.
  void SetBlockBytes(size_t bytes);

  // `hook` is called with the path before each access (ReadText, List, ReadLink, OpenWords,
  // StatLink, StatInFolder, OpenCached, WordFile::Read), in the accessing thread. It may call any
  // function of this class, so a process can die between two reads. Set it before the accesses
  // begin.
  void SetOnAccess(std::function<void(const std::string& path)> hook);

  void ReadText(const std::string& path, const TextSink& sink) override;
  std::vector<DirectoryEntry> List(const std::string& path) override;
  std::string ReadLink(const std::string& path) override;
  // The file borrows this reader, which must outlive it.
  std::unique_ptr<WordFile> OpenWords(const std::string& path) override;
  FileStatus StatLink(const std::string& path) override;
  FileStatus StatInFolder(const std::string& folder, const std::string& name) override;
  std::unique_ptr<CachedFile> OpenCached(const std::string& path) override;
  // A process is gone when it has no stat.
  SpaceOrder CompareSpaces(int32_t pid, int32_t other) override;
  ClockReading Now() override;
  MachineInfo Machine() override { return {"x86_64", 4096, 0}; }
  // Each call has used 1 ms in user mode and 2 ms in the kernel more, and never over 4,096 KiB.
  ResourceUsage Usage() override {
    const int64_t calls = ++usage_calls_;
    return {calls * 1'000'000, calls * 2'000'000, 4096};
  }

 private:
  friend class FakeWordFile;
  std::atomic<int64_t> usage_calls_ = 0;

  struct Text {
    std::shared_ptr<const std::string> bytes;
  };
  static constexpr uint64_t kBlockWords = 512;
  struct Words {
    std::map<uint64_t, std::array<uint64_t, kBlockWords>> blocks;  // by index / kBlockWords
    uint64_t end = kDefaultWordsEnd;
  };
  struct Link {
    std::string target;
  };
  struct Directory {};
  using Node = std::variant<Text, Words, Link, Directory>;

  void Access(const std::string& path) const;
  // The four below need mutex_.
  Words& WordsAt(const std::string& path);
  [[nodiscard]] bool HasChildren(const std::string& path) const;
  // Returns the node; throws ReadError ENOENT, or EISDIR for a directory.
  [[nodiscard]] const Node& FileAt(const std::string& path) const;
  [[nodiscard]] uint64_t InodeOf(const std::string& path) const;

  size_t ReadWords(const std::string& path, uint64_t first, std::span<uint64_t> words);

  std::function<void(const std::string&)> on_access_;
  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, Node> nodes_;
  struct MappedFile {
    FileStatus status;
    std::string cached_bytes;
  };
  std::map<std::string, MappedFile> mapped_files_;
  std::map<std::string, uint64_t> inodes_;
  std::map<int32_t, uint64_t> spaces_;  // by pid
  std::atomic<uint64_t> compare_count_ = 0;
  ClockReading clock_;
  size_t block_bytes_ = 4096;
};

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_FAKE_READER_H_
