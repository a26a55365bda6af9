// Reads what distinguishes mapped files from others with the same path, device or inode.
#ifndef CAPTURE_FILE_CAPTURE_H_
#define CAPTURE_FILE_CAPTURE_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "capture/process_state.h"
#include "lib/proc/reader.h"
#include "lib/store/write/snapshot_writer.h"

namespace pagesnap {

// Looks at each file once in a snapshot, through a process that maps it, and never waits for a disk
// or a server: nothing is opened that is not known to lie on a disk. Used by all jobs at once.
class FileCapture {
 public:
  // Both are borrowed. With `build_ids` the headers of programs and libraries are read, too.
  FileCapture(ProcReader& reader, SnapshotWriter& writer, bool build_ids)
      : reader_(reader), writer_(writer), build_ids_(build_ids) {}

  // Looks at the files in process.files that are not known yet, and empties the list. The process
  // must not be stopped. What cannot be read stays unknown. Throws Interrupted.
  void Read(ProcessState& process);

  // Says why files are unknown. Once, when all is read.
  void Finish();

 private:
  using Device = std::pair<uint32_t, uint32_t>;

  // What was found out about a file.
  struct Known {
    FileFacts facts = {};
    bool is_regular = false;
    bool is_complete = false;  // its build ID was looked for, too
  };

  // These need mutex_. `process` is the folder with the links of a process: "proc/7".
  std::optional<Known> Look(const std::string& process, const SeenFile& file, Known known);
  void SetLinks(const std::string& process, const SeenFile& file, const FileStatus& status,
                FileFacts* facts);
  std::optional<FileStatus> Status(const std::string& process, const SeenFile& file,
                                   const std::string& link);
  std::optional<FileStatus> StatusByPath(const std::string& process, const SeenFile& file,
                                         const std::string& path);
  bool IsMapped(const SeenFile& file, const FileStatus& status, const std::string& link);
  std::string BuildId(const std::string& link);
  std::optional<int64_t> LinksOfSegment(const std::string& process, uint64_t id);
  std::string TypeOf(const std::string& process, Device device);
  void ReadMounts(const std::string& process);
  void ReadSegments();
  void Note(const ReadError& error);

  ProcReader& reader_;
  SnapshotWriter& writer_;
  const bool build_ids_;

  // Guards what follows, also while a file is looked at: two jobs do not look at the same one.
  std::mutex mutex_;
  std::map<int64_t, Known> known_;       // by file id
  std::string problem_;                  // why files are unknown; "": all that was asked is known
  bool is_over_ = false;                 // no further file is looked at
  std::map<Device, std::string> types_;  // of file systems
  std::set<std::string> namespaces_;     // of mounts, which are in types_
  std::optional<std::map<uint64_t, bool>> segments_;  // of System V: whether removed, by id
};

}  // namespace pagesnap

#endif  // CAPTURE_FILE_CAPTURE_H_
