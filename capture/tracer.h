// The process that stops others for capture.
#ifndef CAPTURE_TRACER_H_
#define CAPTURE_TRACER_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "lib/base/unique_fd.h"

namespace pagesnap {

// To be called in a child that was just forked from `parent` (see TracerParent), which had one
// thread, with all signals blocked.
// Answers the requests of tracer_protocol.h that come through `socket` until it is closed, with a
// timer of its own for the limit. Ends with the parent. Looks for threads in `root`/proc.
[[noreturn]] void RunTracer(UniqueFd socket, pid_t parent, const std::string& root,
                            int64_t limit_ns);

}  // namespace pagesnap

#endif  // CAPTURE_TRACER_H_
