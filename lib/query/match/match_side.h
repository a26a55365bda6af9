// What is known of the processes and mappings of one snapshot when it is matched with another.
#ifndef LIB_QUERY_MATCH_MATCH_SIDE_H_
#define LIB_QUERY_MATCH_MATCH_SIDE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lib/query/match/file_identity.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Gives equal texts equal numbers, from 1 on; the empty text is 0.
class TextNumbers {
 public:
  uint32_t Of(std::string_view text) {
    if (text.empty()) return 0;
    return numbers_.try_emplace(std::string(text), numbers_.size() + 1).first->second;
  }

 private:
  std::unordered_map<std::string, uint32_t> numbers_;
};

struct MatchProcess {
  int64_t id = 0;
  int64_t pid = 0;
  int64_t ppid = 0;
  int64_t start_time_ticks = 0;
  bool kernel_thread = false;
  std::string name = {};
  std::string exe = {};      // without folders and version; "" when unknown
  std::string cmdline = {};  // "" when unknown
};

// What stands behind a mapping. Private memory with or without a name is anonymous.
enum class BackingKind { kAnonymous, kStack, kSpecial, kFile };

// A row of `file`. Texts are numbers of the TextNumbers that both sides share.
struct Backing {
  BackingKind kind = BackingKind::kAnonymous;
  uint32_t path = 0;      // without " (deleted)"
  uint32_t stem = 0;      // without folders and version: what two versions of a library share
  uint32_t identity = 0;  // equal for the same file within a boot (FileNumbers); 0: not a file
  bool deleted = false;
  FileRecord file = {};  // of a file
};

struct MatchMapping {
  int64_t id = 0;
  uint64_t first_page = 0;  // virtual page number
  uint64_t page_count = 0;
  uint32_t perms = 0;  // number of the text
  bool executable = false;
  bool no_access = false;
  uint64_t file_page = 0;  // of the first page: its offset in the file, in pages
  const Backing* backing = nullptr;

  [[nodiscard]] uint64_t end() const { return first_page + page_count; }
};

class MatchSide {
 public:
  // All are borrowed; both sides share `texts` and `files`. Throws Error.
  MatchSide(SnapshotReader& reader, int64_t snapshot_id, TextNumbers& texts, FileNumbers& files);

  [[nodiscard]] const SnapshotInfo& snapshot() const { return snapshot_; }
  // All processes, by id.
  [[nodiscard]] const std::vector<MatchProcess>& processes() const { return processes_; }

  // Returns the mappings of a process, by address. They may overlap in a damaged file.
  [[nodiscard]] std::vector<MatchMapping> Mappings(int64_t process_id);

 private:
  void LoadProcesses();
  const Backing& BackingOf(int64_t file_id);
  bool IsProgram(int64_t file_id);

  SnapshotReader& reader_;
  const SnapshotInfo& snapshot_;
  const Source& source_;
  TextNumbers& texts_;
  FileNumbers& file_numbers_;
  std::vector<MatchProcess> processes_;
  // By file.id as it is in the file; 0, and what is not there, is anonymous.
  std::unordered_map<int64_t, Backing> backings_;
  MappingRows mappings_;
  Statement files_;
  std::optional<std::unordered_set<int64_t>> programs_;  // files with an executable mapping
};

// Returns the last part of a path without its version: "libfoo.so" for "/lib/libfoo-1.2.so" and
// "/lib/libfoo.so.1.2".
std::string FileStem(std::string_view path);

}  // namespace pagesnap

#endif  // LIB_QUERY_MATCH_MATCH_SIDE_H_
