// Which files of a snapshot are one file, and what distinguishes those of one path.
#ifndef LIB_QUERY_SHARING_FILE_GROUPS_H_
#define LIB_QUERY_SHARING_FILE_GROUPS_H_

#include <cstdint>
#include <string>
#include <unordered_map>

#include "lib/query/scan/analysis_cache.h"
#include "lib/query/sqlite/sqlite_api.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Files with one device and inode are the same unless CompareInPlace() says otherwise; those of one
// name on several devices, as the overlay mounts of containers are, when they have a frame of the
// page cache in common.
class FileGroups {
 public:
  // Reads the table `file`, and pages only of files with a name that others have, too. Throws
  // Error; a damaged content proves nothing.
  FileGroups(SnapshotReader& reader, int64_t snapshot_id);

  // Returns the id of the file that stands for all that are the same as this one.
  [[nodiscard]] int64_t Of(int64_t file_id) const;
  // Returns what distinguishes it from other files of its path, in words; "" without any. Valid as
  // long as this.
  [[nodiscard]] const std::string& VersionOf(int64_t file_id) const;

 private:
  // What is not in them stands for itself.
  std::unordered_map<int64_t, int64_t> groups_;
  std::unordered_map<int64_t, std::string> versions_;
};

// Registers file_group(snapshot_id, file_id) and file_version(snapshot_id, file_id), as
// schema/README.md says. `cache` is borrowed and must outlive the connection. Throws Error.
void RegisterFileFunctions(sqlite3* connection, AnalysisCache& cache);

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_FILE_GROUPS_H_
