// The files of a snapshot that may be the same as others, or have the path of others.
#ifndef LIB_QUERY_SHARING_MAPPED_FILES_H_
#define LIB_QUERY_SHARING_MAPPED_FILES_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "lib/query/match/file_identity.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Where a file is mapped.
struct FileMapping {
  int64_t process_id = 0;
  int64_t mapping_id = 0;
  uint64_t first_file_page = 0;  // its offset in the file, in pages
};

struct MappedFile {
  int64_t id = 0;
  FileRecord record = {};
  bool is_program = false;                 // any of its mappings is executable
  std::vector<FileMapping> mappings = {};  // the first ones
};

// Returns the files that the snapshot maps and that share their device and inode, or the last part
// of their path, with other rows of `file`, by id. Throws Error.
std::vector<MappedFile> FindAmbiguousFiles(SnapshotReader& reader, int64_t snapshot_id);

// A page of a file, and the frame of the page cache that it is in.
struct CachedPage {
  uint64_t file_page;
  uint64_t pfn;

  friend auto operator<=>(const CachedPage&, const CachedPage&) = default;
};

// Returns pages of the file that are in the page cache, ascending: those of its first mappings, as
// far as about a thousand. Pages of private copies are none. A damaged content has none.
std::vector<CachedPage> FindCachedPages(SnapshotReader& reader, const MappedFile& file);

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_MAPPED_FILES_H_
