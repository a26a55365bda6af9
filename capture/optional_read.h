// For what is nice to have, and the kernel hides from some users.
#ifndef CAPTURE_OPTIONAL_READ_H_
#define CAPTURE_OPTIONAL_READ_H_

#include <optional>
#include <string>

#include "lib/base/error.h"
#include "lib/base/interrupted.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Runs `read` and returns its result, or nothing when that throws Error: it cannot be read, or
// makes no sense. Throws Interrupted.
template <typename Read>
auto OptionalRead(Read read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const Interrupted&) {
    throw;
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Returns the text of a file that has one line, without its end; nothing when it cannot be read, or
// has more than `limit` bytes. Throws Interrupted.
inline std::optional<std::string> OptionalLine(ProcReader& reader, const std::string& path,
                                               size_t limit = size_t{4} << 20) {
  auto text = OptionalRead([&] { return ReadWholeText(reader, path, limit); });
  while (text && text->ends_with('\n')) text->pop_back();
  return text;
}

}  // namespace pagesnap

#endif  // CAPTURE_OPTIONAL_READ_H_
