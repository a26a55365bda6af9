// Reads what a process is called, runs and belongs to.
#ifndef CAPTURE_PROCESS_FACTS_H_
#define CAPTURE_PROCESS_FACTS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/proc/parse_process.h"
#include "lib/proc/reader.h"
#include "lib/store/sqlite/facts.h"

namespace pagesnap {

// Returns the facts of the process that `stat` was read from, and whose other files are in
// `folder`; what cannot be read is unknown. Of one that does not answer (prober.h) neither exe nor
// cmdline is read. Sets `held_kib` to what it has in memory and in swap, by status, in KiB; left as
// it is where that is unknown. Throws Interrupted.
ProcessFacts ReadProcessFacts(ProcReader& reader, const ProcessStat& stat,
                              const std::string& folder, bool answers, size_t cmdline_bytes,
                              uint64_t* held_kib);

}  // namespace pagesnap

#endif  // CAPTURE_PROCESS_FACTS_H_
