// Captures what the machine says of its RAM beside the kpage files.
#ifndef CAPTURE_RAM_FACTS_H_
#define CAPTURE_RAM_FACTS_H_

#include <cstdint>

#include "capture/context.h"
#include "capture/ram_ranges.h"

namespace pagesnap {

// Returns where RAM is: "System RAM" in /proc/iomem or, where that cannot be seen, the zones. Adds
// the ranges to the context's writer; what is unknown is a gap. `chunk_limit` is as for RamRanges.
RamRanges FindRam(CaptureContext& context, size_t chunk_limit);

// Adds how much memory is free, and on which lists: buddyinfo, the lists of the CPUs, the pools of
// huge pages; and meminfo of this moment, in place of what was added before. What cannot be read is
// a gap.
void CaptureFreeMemory(CaptureContext& context);

}  // namespace pagesnap

#endif  // CAPTURE_RAM_FACTS_H_
