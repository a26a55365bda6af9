#include "lib/proc/reader.h"

#include <fmt/format.h>

#include <cerrno>

namespace pagesnap {

bool ReadError::process_gone() const { return error_number_ == ESRCH || error_number_ == ENOENT; }

bool ReadError::out_of_time() const { return error_number_ == ETIME; }

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
