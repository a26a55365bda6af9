// Looks at files of the running machine without waiting for a disk or a server.
#ifndef LIB_PROC_CACHED_FILE_H_
#define LIB_PROC_CACHED_FILE_H_

#include <memory>
#include <optional>
#include <string>

#include "lib/base/unique_fd.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Returns what the kernel knows of the file `name` in `folder`; links are followed. `flags` is
// AT_EMPTY_PATH or 0. Nothing when that fails, with the reason in errno.
std::optional<FileStatus> StatCached(int folder, const char* name, int flags);

// Opens `name` in `folder` with O_PATH as if `folder` were "/", without following links, and only
// if every folder on the way is in memory. Returns an invalid descriptor with the reason in errno.
UniqueFd OpenCachedName(int folder, const std::string& name);

// Opens the regular file that the link `name` in `folder` leads to; `path` is for messages. The
// time of its last access stays as it is where that is permitted. Throws ReadError.
std::unique_ptr<CachedFile> OpenCachedFile(int folder, const std::string& name,
                                           const std::string& path);

}  // namespace pagesnap

#endif  // LIB_PROC_CACHED_FILE_H_
