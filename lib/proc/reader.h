// THE boundary to the machine: everything that pagesnap learns about it comes through ProcReader.
// The real one reads a directory (directory_reader.h); tests put a fake or a faulty one here.
#ifndef LIB_PROC_READER_H_
#define LIB_PROC_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace pagesnap {

// Something under the root could not be read. what() is "PATH: REASON"; the capture engine turns
// it into a gap where the rest can still be captured.
class ReadError : public Error {
 public:
  ReadError(const std::string& path, int error_number)
      : ReadError(path, error_number, ErrnoText(error_number)) {}
  // With a reason of its own, one clause.
  ReadError(const std::string& path, int error_number, const std::string& reason)
      : Error(path + ": " + reason), error_number_(error_number), reason_(reason) {}

  // The errno value. ESRCH and ENOENT below /proc/PID say that the process is gone.
  [[nodiscard]] int error_number() const { return error_number_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] bool process_gone() const;
  // Returns whether the time for this file is used up (ETIME): no further read of it succeeds.
  [[nodiscard]] bool out_of_time() const;

 private:
  int error_number_;
  std::string reason_;
};

// Consecutive pages, by virtual page number; `end` is the one behind the last.
struct PageRange {
  uint64_t first;
  uint64_t end;
  friend bool operator==(const PageRange&, const PageRange&) = default;
};

// Which pages a scan finds.
enum class ScanFor {
  kPopulated,    // those that have an entry
  kMappedSingly  // those that have one of their own: not in a huge page that one entry maps
};

// A file of u64 words: /proc/PID/pagemap (indexed by virtual page number), /proc/kpageflags,
// kpagecount or kpagecgroup (indexed by PFN). Not for two threads at once.
class WordFile {
 public:
  virtual ~WordFile() = default;

  // Reads words from index `first` on. Returns how many were read: less than asked for only where
  // the file ends (for a pagemap: beyond the address space, or when the process is gone). Throws
  // ReadError; what was read before the failing word is then lost, so ask for less and try again.
  virtual size_t Read(uint64_t first, std::span<uint64_t> words) = 0;

  // Of a pagemap: appends the ranges of those of the pages [first, end) that are looked for to
  // `ranges`, ascending, and returns true; or returns false, as most files and kernels before 6.7
  // do, and every page has to be read. `page_size` is in bytes. Throws ReadError.
  virtual bool Scan(ScanFor what, uint64_t first, uint64_t end, uint64_t page_size,
                    std::vector<PageRange>* ranges) {
    static_cast<void>(what), static_cast<void>(first), static_cast<void>(end);
    static_cast<void>(page_size), static_cast<void>(ranges);
    return false;
  }
};

struct DirectoryEntry {
  std::string name;
  uint64_t inode = 0;
  bool is_directory = false;
};

// What the kernel knows of a file without asking a server (statx(2), AT_STATX_DONT_SYNC).
struct FileStatus {
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  uint64_t inode = 0;
  uint64_t size = 0;     // bytes
  int64_t mtime_ns = 0;  // time of the last change, CLOCK_REALTIME
  uint64_t link_count = 0;
  bool is_regular = false;
  uint64_t block_count = 0;  // of 512 bytes
};

// A file of which only what is in the page cache is read, so that no disk and no server is asked.
// Not for two threads at once.
class CachedFile {
 public:
  virtual ~CachedFile() = default;

  // Reads bytes from `offset` on. Returns how many: fewer than asked for where the file ends, or
  // from where on it is not in memory. Throws ReadError.
  virtual size_t Read(uint64_t offset, std::span<char> bytes) = 0;
};

// The instant of a snapshot, in nanoseconds.
struct ClockReading {
  int64_t wall_ns = 0;  // CLOCK_REALTIME
  int64_t boot_ns = 0;  // CLOCK_BOOTTIME
};

// What the kernel says of the machine without a file.
struct MachineInfo {
  std::string architecture;  // "x86_64", as uname(2) has it
  uint64_t page_size = 0;    // bytes
  uint64_t ram_pages = 0;    // 0: unknown
};

// What the calling process has used up to now.
struct ResourceUsage {
  int64_t user_ns = 0;
  int64_t system_ns = 0;
  int64_t peak_rss_kib = 0;
};

// How the address spaces of two processes compare, in an order that the kernel has of them.
enum class SpaceOrder {
  kBefore,
  kSame,
  kAfter,
  kGone,    // one of the processes is
  kUnknown  // not permitted, or nobody can tell
};

// Which processes were found to share an address space with others.
struct FoundSharers {
  std::vector<int32_t> pids;
  size_t unknown_count = 0;  // of how many it is unknown
};

// Paths are relative to the root, without a leading slash: "proc/self/maps". Implementations may
// be called from several threads at once.
class ProcReader {
 public:
  using TextSink = std::function<void(std::string_view block)>;

  virtual ~ProcReader() = default;

  // Passes the whole file to `sink`, block by block, in order. A smaps can have tens of MB, so no
  // more than a block is held. Throws ReadError; what was passed on before that stands.
  virtual void ReadText(const std::string& path, const TextSink& sink) = 0;

  // Returns the entries of a directory, "." (with the directory's own inode) but not "..", in no
  // particular order. Throws ReadError.
  virtual std::vector<DirectoryEntry> List(const std::string& path) = 0;

  // Returns a symbolic link's target. Throws ReadError.
  virtual std::string ReadLink(const std::string& path) = 0;

  // Opens a file of words. The caller owns it. Throws ReadError.
  virtual std::unique_ptr<WordFile> OpenWords(const std::string& path) = 0;

  // The next three follow the links of /proc to what processes have open, wherever that lies, so
  // they are for the machine that runs, and not for a recorded tree. By default there are no such
  // files (EOPNOTSUPP).
  //
  // Returns the status of what the link `path` leads to ("proc/7/map_files/1000-2000"), which is
  // not opened. Throws ReadError.
  virtual FileStatus StatLink(const std::string& path);

  // Returns the status of the file `name` (without a leading slash) in the folder that the link
  // `folder` leads to ("proc/7/root"), as if that were "/". Throws ReadError; EAGAIN when a folder
  // on the way is not in memory, or a server would have to be asked for it.
  virtual FileStatus StatInFolder(const std::string& folder, const std::string& name);

  // Opens the regular file that the link `path` leads to. The caller owns it. Throws ReadError.
  virtual std::unique_ptr<CachedFile> OpenCached(const std::string& path);

  // Compares the address spaces of two processes. Those of kernel threads and of processes that
  // have ended are all the same one: none.
  virtual SpaceOrder CompareSpaces(int32_t pid, int32_t other) {
    static_cast<void>(pid), static_cast<void>(other);
    return SpaceOrder::kUnknown;
  }

  // Returns those of `others` that have the address space of one of `tasks` (processes that answer,
  // or threads), in order. Waits for none that does not answer. What CompareSpaces() says of kernel
  // threads and of processes that have ended holds here, too.
  virtual FoundSharers FindSharers(std::span<const int32_t> tasks, std::span<const int32_t> others);

  // Returns the time now.
  virtual ClockReading Now() = 0;

  virtual MachineInfo Machine() = 0;
  virtual ResourceUsage Usage() = 0;
};

// Returns the whole file as a string. For small files; Throws ReadError, or Error when it has more
// than `limit` bytes.
std::string ReadWholeText(ProcReader& reader, const std::string& path,
                          size_t limit = size_t{4} << 20);

}  // namespace pagesnap

#endif  // LIB_PROC_READER_H_
