// Puts faults into what another ProcReader reads, for tests of what survives them.
#ifndef TESTS_SUPPORT_FAULTY_READER_H_
#define TESTS_SUPPORT_FAULTY_READER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/proc/reader.h"

namespace pagesnap {

// An access is one call of ReadText, List, ReadLink, OpenWords, StatLink, StatInFolder, OpenCached
// or WordFile::Read. Path globs are
// those of fnmatch(3) with FNM_PATHNAME: "proc/*/pagemap". Set the faults before the accesses
// begin; these may then come from several threads. Where several faults meet, FailNth() wins, then
// Fail(), ShortRead() and FailWords() in this order.
class FaultyReader : public ProcReader {
 public:
  // Borrows `inner`, which must outlive this reader and the files opened by it.
  explicit FaultyReader(ProcReader& inner) : inner_(inner) {}

  // Every access to a matching path throws ReadError.
  void Fail(const std::string& path_glob, int error_number);

  // ReadText() of a matching path passes on its first `byte_count` bytes, then throws ReadError.
  void FailText(const std::string& path_glob, size_t byte_count, int error_number);

  // A WordFile::Read of a matching path that touches any of the `count` words from index `first`
  // on throws ReadError.
  void FailWords(const std::string& path_glob, uint64_t first, uint64_t count, int error_number);

  // WordFile::Read of a matching path comes short at index `end`.
  void ShortRead(const std::string& path_glob, uint64_t end);

  // The access number `n`, counted from 1, throws ReadError. One such number at a time.
  void FailNth(uint64_t n, int error_number);

  // Returns how many accesses there were, those that failed included.
  [[nodiscard]] uint64_t access_count() const { return access_count_; }

  void ReadText(const std::string& path, const TextSink& sink) override;
  std::vector<DirectoryEntry> List(const std::string& path) override;
  std::string ReadLink(const std::string& path) override;
  // The file borrows this reader, which must outlive it.
  std::unique_ptr<WordFile> OpenWords(const std::string& path) override;
  FileStatus StatLink(const std::string& path) override;
  FileStatus StatInFolder(const std::string& folder, const std::string& name) override;
  std::unique_ptr<CachedFile> OpenCached(const std::string& path) override;
  SpaceOrder CompareSpaces(int32_t pid, int32_t other) override {
    return inner_.CompareSpaces(pid, other);
  }
  ClockReading Now() override { return inner_.Now(); }
  MachineInfo Machine() override { return inner_.Machine(); }
  ResourceUsage Usage() override { return inner_.Usage(); }

 private:
  friend class FaultyWordFile;

  struct PathFault {
    std::string glob;
    int error_number;
  };
  struct TextFault {
    std::string glob;
    size_t byte_count;
    int error_number;
  };
  struct WordFault {
    std::string glob;
    uint64_t first;
    uint64_t count;
    int error_number;
  };
  struct End {
    std::string glob;
    uint64_t end;
  };

  // Counts the access and throws where it is to fail as a whole.
  void Access(const std::string& path);
  // Returns how many of `size` words from `first` on may be read; throws where one is to fail.
  [[nodiscard]] size_t CheckWords(const std::string& path, uint64_t first, size_t size) const;

  ProcReader& inner_;
  std::vector<PathFault> path_faults_;
  std::vector<TextFault> text_faults_;
  std::vector<WordFault> word_faults_;
  std::vector<End> ends_;
  uint64_t failing_access_ = 0;  // 0: none
  int failing_access_error_ = 0;
  std::atomic<uint64_t> access_count_ = 0;
};

// A machine whose kernel does not compare address spaces: it has no kcmp(2).
class UncomparedReader : public FaultyReader {
 public:
  using FaultyReader::FaultyReader;
  SpaceOrder CompareSpaces(int32_t, int32_t) override { return SpaceOrder::kUnknown; }
};

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_FAULTY_READER_H_
