// Looks through many processes for those that share an address space, and waits for none of them.
#ifndef LIB_PROC_SHARER_SCAN_H_
#define LIB_PROC_SHARER_SCAN_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>

#include "lib/proc/reader.h"

namespace pagesnap {

// Compares as ProcReader::CompareSpaces() does. A call may never return, so that what it uses has
// to live as long as the calling process.
using SpaceComparer = std::function<SpaceOrder(int32_t pid, int32_t other)>;

// Implements ProcReader::FindSharers(). To compare takes exec_update_lock of a process, which an
// execve(2) that does not end keeps: a thread of its own compares, and is left alone when it does
// not come on for `patience`. That process counts as unknown; after a few of them all others do.
FoundSharers ScanForSharers(const SpaceComparer& compare, std::span<const int32_t> tasks,
                            std::span<const int32_t> others, std::chrono::milliseconds patience);

}  // namespace pagesnap

#endif  // LIB_PROC_SHARER_SCAN_H_
