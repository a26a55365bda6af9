// For what is nice to have, and the kernel hides from some users.
#ifndef CAPTURE_OPTIONAL_READ_H_
#define CAPTURE_OPTIONAL_READ_H_

#include <optional>

#include "lib/base/error.h"
#include "lib/base/interrupted.h"

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

}  // namespace pagesnap

#endif  // CAPTURE_OPTIONAL_READ_H_
