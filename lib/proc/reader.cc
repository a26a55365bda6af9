#include "lib/proc/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace pagesnap {

bool ReadError::process_gone() const { return error_number_ == ESRCH || error_number_ == ENOENT; }

bool ReadError::out_of_time() const { return error_number_ == ETIME; }

FoundSharers ProcReader::FindSharers(std::span<const int32_t> tasks,
                                     std::span<const int32_t> others) {
  FoundSharers found;
  for (const int32_t other : others) {
    auto compares_as = [&](SpaceOrder order) {
      return std::ranges::any_of(tasks,
                                 [&](int32_t task) { return CompareSpaces(other, task) == order; });
    };
    if (compares_as(SpaceOrder::kSame)) {
      found.pids.push_back(other);
    } else if (compares_as(SpaceOrder::kUnknown)) {
      ++found.unknown_count;
    }
  }
  return found;
}

FileStatus ProcReader::StatLink(const std::string& path) { throw ReadError(path, EOPNOTSUPP); }

FileStatus ProcReader::StatInFolder(const std::string& folder, const std::string& name) {
  throw ReadError(folder + '/' + name, EOPNOTSUPP);
}

std::unique_ptr<CachedFile> ProcReader::OpenCached(const std::string& path) {
  throw ReadError(path, EOPNOTSUPP);
}

std::string ReadWholeText(ProcReader& reader, const std::string& path, size_t limit) {
  std::string text;
  reader.ReadText(path, [&](std::string_view block) {
    if (text.size() + block.size() > limit) {
      throw Error(
          fmt::format("{} has more than {} bytes, which no kernel writes there", path, limit));
    }
    text += block;
  });
  return text;
}

}  // namespace pagesnap
