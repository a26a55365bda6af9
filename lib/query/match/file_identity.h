// Whether two rows of `file` are one file: the only place that decides it.
#ifndef LIB_QUERY_MATCH_FILE_IDENTITY_H_
#define LIB_QUERY_MATCH_FILE_IDENTITY_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/store/sqlite/facts.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// What a snapshot knows of a file.
struct FileRecord {
  std::string device;  // "8:1"
  int64_t inode = 0;
  std::string path = {};  // as in maps, without " (deleted)"
  bool deleted = false;
  FileFacts facts = {};
};

// The columns of `file` that ReadFileRecord() takes, from `first_column` of the row on.
inline constexpr char kFileRecordColumns[] =
    "device, inode, path, size, mtime_ns, build_id, link_count";
FileRecord ReadFileRecord(const Statement& row, int first_column);

// Returns the last part of a path.
std::string_view BaseName(std::string_view path);

enum class SameFile { kNo, kYes, kUnknown };

// Compares two files with one device and inode, of one boot. A build ID tells by itself: it is made
// of what the linker wrote, and stays when a file is only touched or copied. Without it, equal size
// and time are the same file. Where these differ, a program or library was replaced: nobody writes
// into one that is in use, and inodes are used again right after a rebuild. A data file may just as
// well have been written, which is what most of those that are mapped are for: unknown.
// `is_program` is called where that counts.
SameFile CompareInPlace(const FileRecord& before, const FileRecord& after,
                        const std::function<bool()>& is_program);

// Compares two files elsewhere: of another device or inode (in another container), boot or host.
// The build ID tells by itself. Without it, another size is another file, and the same name, size
// and time are copies of one: images and packages keep the time. All else is unknown.
SameFile CompareCopies(const FileRecord& before, const FileRecord& after);

// Gives the files of one boot numbers, equal for those that CompareInPlace() does not tell apart.
// What is unknown counts as the same, as it must for files without size and time.
class FileNumbers {
 public:
  // `is_program` is kept and may be called later.
  uint32_t Of(const FileRecord& file, std::function<bool()> is_program);

 private:
  struct Numbered {
    FileRecord file;
    std::function<bool()> is_program;
    uint32_t number;
  };
  std::unordered_map<std::string, std::vector<Numbered>> files_;  // by device and inode
  uint32_t last_number_ = 0;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_MATCH_FILE_IDENTITY_H_
