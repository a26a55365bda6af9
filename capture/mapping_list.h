// Reads the mappings of a process and what smaps says of them.
#ifndef CAPTURE_MAPPING_LIST_H_
#define CAPTURE_MAPPING_LIST_H_

#include <functional>
#include <string>

#include "capture/context.h"
#include "capture/page_walk.h"

namespace pagesnap {

// Adds the mappings of the process to the writer, and to process.mappings where these are kept.
// What cannot be read becomes a gap: of source "maps" when the list is incomplete, of source
// "smaps" when only the kernel's figures are missing. Returns false when we may not read them, or
// the process is gone. Each mapping is passed to `sink` when it is known. Without `figures` they
// are read from maps, and ReadFigures() does the rest.
bool ReadMappingList(CaptureContext& context, ProcessState& process, bool figures,
                     const std::function<void(const MappingSpan& span)>& sink);

// Pages with an entry of their own in one mapping from which on smaps is left out of the capture of
// a running process: the kernel holds mmap_lock while it looks at them, 60 to 240 ns at each.
inline constexpr uint64_t kPagesOfALongHold = 65536;

// Returns whether a mapping of the process whose files are in `folder` has that many, or may have.
bool HasLongHold(CaptureContext& context, const std::string& folder);

// Adds the kernel's figures for the mappings in process.mappings. A mapping that has changed since
// gets none.
void ReadFigures(CaptureContext& context, ProcessState& process);

}  // namespace pagesnap

#endif  // CAPTURE_MAPPING_LIST_H_
