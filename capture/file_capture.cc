#include "capture/file_capture.h"

#include <fmt/format.h>

#include <cerrno>
#include <functional>
#include <string_view>

#include "lib/proc/elf_build_id.h"
#include "lib/proc/parse_mounts.h"

namespace pagesnap {
namespace {

// A process can map as many as it wants.
constexpr size_t kMaxFiles = size_t{1} << 17;
constexpr size_t kMaxFileSystems = size_t{1} << 16;
constexpr size_t kMaxLineBytes = size_t{1} << 20;

constexpr char kSelf[] = "proc/self";
constexpr std::string_view kDeleted = " (deleted)";

bool IsDenied(const ReadError& error) {
  return error.error_number() == EPERM || error.error_number() == EACCES;
}

// maps writes a newline in a path so (show_map_vma() in fs/proc/task_mmu.c).
std::string AsInMaps(std::string_view path) {
  std::string text;
  for (const char c : path) {
    if (c == '\n') {
      text += "\\012";
    } else {
      text += c;
    }
  }
  return text;
}

// Returns the folder with map_files for the one that shows the memory: a thread has these links
// only where its id is taken for a process.
std::string FolderOfLinks(const std::string& folder) {
  constexpr std::string_view kTask = "/task/";
  const size_t task = folder.find(kTask);
  return task == std::string::npos ? folder : "proc/" + folder.substr(task + kTask.size());
}

void ForEachLine(ProcReader& reader, const std::string& path,
                 const std::function<void(std::string_view line)>& take) {
  std::string rest;
  reader.ReadText(path, [&](std::string_view block) {
    rest += block;
    size_t begin = 0;
    for (size_t end = 0; (end = rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
      take(std::string_view(rest).substr(begin, end - begin));
    }
    rest.erase(0, begin);
    if (rest.size() > kMaxLineBytes) rest.clear();
  });
}

}  // namespace

void FileCapture::Read(ProcessState& process) {
  const std::string folder = FolderOfLinks(process.folder);
  for (const SeenFile& file : process.files) {
    const std::lock_guard lock(mutex_);
    if (is_over_) break;
    const auto found = known_.find(file.file_id);
    const bool is_known = found != known_.end();
    if (is_known && (found->second.is_complete || !file.executable)) continue;
    if (known_.size() >= kMaxFiles) {
      is_over_ = true;
      problem_ = fmt::format("the processes map more than {} files", kMaxFiles);
      break;
    }
    const std::optional<Known> now = Look(folder, file, is_known ? found->second : Known());
    if (!now) continue;
    known_[file.file_id] = *now;
    writer_.SetFileFacts(file.file_id, now->facts);
  }
  process.files = {};
}

void FileCapture::Finish() {
  if (!problem_.empty()) writer_.AddSystemFact("capture.files_unknown", problem_);
}

// Returns what is known of a file with what there was to find out; nothing when it could not be
// looked at through this process.
std::optional<FileCapture::Known> FileCapture::Look(const std::string& process,
                                                    const SeenFile& file, Known known) {
  const std::string link = fmt::format("{}/map_files/{:x}-{:x}", process, file.start, file.end);
  FileFacts& facts = known.facts;
  if (!facts.size) {
    const std::optional<FileStatus> status = Status(process, file, link);
    if (!status) return std::nullopt;
    known.is_regular = status->is_regular;
    if (known.is_regular) {
      facts.size = static_cast<int64_t>(status->size);
      facts.mtime_ns = status->mtime_ns;
      SetLinks(process, file, *status, &facts);
    }
  }
  known.is_complete = file.executable;
  if (file.executable && known.is_regular && build_ids_ &&
      IsDiskFileSystem(TypeOf(process, {file.device_major, file.device_minor}))) {
    facts.build_id = BuildId(link);
  }
  return known;
}

// Sets whether the file has a name, and what it has in memory without one.
void FileCapture::SetLinks(const std::string& process, const SeenFile& file,
                           const FileStatus& status, FileFacts* facts) {
  const std::string path = writer_.FilePath(file.file_id);
  const std::string type = TypeOf(process, {file.device_major, file.device_minor});
  // The kernel's own mounts have no folder: of memfd, shared memory, secretmem.
  const bool is_internal = type.empty() && file.device_major == 0 && path.ends_with(kDeleted);
  // Not all of their files count no link (secretmem, mm/secretmem.c).
  facts->link_count = is_internal ? 0 : static_cast<int64_t>(status.link_count);
  // A segment never has a name in a folder.
  if (path.starts_with("/SYSV") && status.link_count == 0) {
    facts->link_count = LinksOfSegment(process, file.inode);
  }
  if (facts->link_count.value_or(0) == 0 && (is_internal || IsMemoryFileSystem(type))) {
    facts->block_count = static_cast<int64_t>(status.block_count);
  }
}

std::optional<FileStatus> FileCapture::Status(const std::string& process, const SeenFile& file,
                                              const std::string& link) {
  // It may ask its server even so (d_weak_revalidate in fs/9p/vfs_dentry.c).
  if (TypeOf(process, {file.device_major, file.device_minor}) == "9p") return std::nullopt;
  try {
    const FileStatus status = reader_.StatLink(link);
    if (IsMapped(file, status, link)) return status;
  } catch (const ReadError& error) {
    if (IsDenied(error)) {
      std::optional<FileStatus> status =
          StatusByPath(process, file, writer_.FilePath(file.file_id));
      if (status) return status;
    }
    Note(error);
  }
  return std::nullopt;
}

// Where the mappings' own links are not permitted, the path in the process's root tells as long as
// it leads to the same file.
std::optional<FileStatus> FileCapture::StatusByPath(const std::string& process,
                                                    const SeenFile& file, const std::string& path) {
  if (!path.starts_with('/') || path.ends_with(kDeleted)) return std::nullopt;
  try {
    const FileStatus status = reader_.StatInFolder(process + "/root", path.substr(1));
    if (status.inode == file.inode && status.device_major == file.device_major &&
        status.device_minor == file.device_minor) {
      return status;
    }
  } catch (const ReadError&) {
    // The first reason tells more.
  }
  return std::nullopt;
}

// Returns whether the status is of the file that the mapping had when the list was read. Overlay
// and btrfs give stat(2) other numbers than maps.
bool FileCapture::IsMapped(const SeenFile& file, const FileStatus& status,
                           const std::string& link) {
  if (status.inode == file.inode && status.device_major == file.device_major &&
      status.device_minor == file.device_minor) {
    return true;
  }
  return AsInMaps(reader_.ReadLink(link)) == writer_.FilePath(file.file_id);
}

std::string FileCapture::BuildId(const std::string& link) {
  try {
    const std::unique_ptr<CachedFile> file = reader_.OpenCached(link);
    return ReadBuildId(*file);
  } catch (const ReadError&) {
    return "";  // it is another process's business now, or not permitted
  }
}

// Returns how many names a System V segment still has: its id, or none; nothing when that is
// unknown. The list is of the caller's IPC namespace.
std::optional<int64_t> FileCapture::LinksOfSegment(const std::string& process, uint64_t id) {
  try {
    const std::string own = reader_.ReadLink("proc/self/ns/ipc");
    if (reader_.ReadLink(process + "/ns/ipc") != own) return std::nullopt;
    if (!segments_) ReadSegments();
    const auto found = segments_->find(id);
    if (found != segments_->end()) return found->second ? 0 : 1;
  } catch (const ReadError&) {
    // Nobody can tell.
  }
  return std::nullopt;
}

void FileCapture::ReadSegments() {
  segments_.emplace();
  ForEachLine(reader_, "proc/sysvipc/shm", [this](std::string_view line) {
    const std::optional<SharedSegment> segment = ParseSegmentLine(line);
    if (segment) segments_->try_emplace(segment->id, segment->removed);
  });
}

// Returns the type of the file system on a device; "" when it is not mounted where capture or the
// process sees it.
std::string FileCapture::TypeOf(const std::string& process, Device device) {
  for (const std::string& seen_by : {std::string(kSelf), process}) {
    const auto found = types_.find(device);
    if (found != types_.end()) return found->second;
    try {
      ReadMounts(seen_by);
    } catch (const ReadError&) {
      // It is gone, or we may not see its mounts.
    }
  }
  const auto found = types_.find(device);
  return found != types_.end() ? found->second : "";
}

// Adds the file systems that a process sees, unless another showed them.
void FileCapture::ReadMounts(const std::string& process) {
  std::string key = process;
  if (process != kSelf) {
    key = reader_.ReadLink(process + "/ns/mnt") + '\n' + reader_.ReadLink(process + "/root");
  }
  if (!namespaces_.insert(key).second) return;
  ForEachLine(reader_, process + "/mountinfo", [this](std::string_view line) {
    const std::optional<MountLine> mount = ParseMountLine(line);
    if (!mount || types_.size() >= kMaxFileSystems) return;
    types_.try_emplace({mount->device_major, mount->device_minor}, mount->type);
  });
}

// Keeps the first reason that is worth telling: that a process ended is none.
void FileCapture::Note(const ReadError& error) {
  if (error.out_of_time()) is_over_ = true;
  if ((error.out_of_time() || IsDenied(error)) && problem_.empty()) problem_ = error.reason();
}

}  // namespace pagesnap
