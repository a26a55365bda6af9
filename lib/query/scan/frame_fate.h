// What becomes of a frame: when the process that maps it ends, and under memory pressure.
#ifndef LIB_QUERY_SCAN_FRAME_FATE_H_
#define LIB_QUERY_SCAN_FRAME_FATE_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/kernel/frame_flags.h"
#include "lib/kernel/release.h"

namespace pagesnap {

// What keeps the pages of a file in the page cache when nobody maps them any more.
enum class FileName : uint8_t {
  kNone,    // nothing: it has no name, by which others could open it
  kNamed,   // its name
  kHeld,    // it has none, but another process maps the file, if not these pages
  kUnknown  // whether it has a name is not known
};

// Returns that of a mapped file, from file.link_count if it is known, else from its path in
// /proc/PID/maps. There a System V segment reads "/SYSV00000000 (deleted)" whether it was removed
// or not. Never kHeld.
FileName FileNameOf(std::string_view path, std::optional<int64_t> link_count);

// What becomes of a frame when one process that maps it ends.
enum class ExitFate : uint8_t {
  kFreed,    // free
  kPool,     // back in the pool of hugetlb pages, where MemFree does not count it
  kCached,   // in the page cache, or in a hugetlbfs, as its file has a name
  kKept,     // another process maps it or holds its swap slot, or it is the kernel's own
  kUnknown,  // the snapshot does not say
  kUnread    // flags or map count were not read
};
inline constexpr int kExitFateCount = static_cast<int>(ExitFate::kUnread) + 1;

// Returns the name in SQL, in lower case: "freed"; null for kUnread.
const char* ExitFateName(ExitFate fate);

// Returns it for a frame with these flags. `alone`: no other process maps it; `name`: of the file
// of the mapping. A frame in the swap cache that was shared once is kUnknown: another process may
// hold its slot.
ExitFate FateAtExit(uint64_t flags, KernelRelease release, bool alone, FileName name);

// What it takes to reclaim a frame.
enum class ReclaimPrice : uint8_t {
  kClean,          // nothing: a clean file page, or a good copy in swap
  kLazyFree,       // nothing, given up by MADV_FREE, or as kSwap where it was written again since
  kDirty,          // a file page to be written back
  kSwap,           // anonymous or shared memory to be written to swap
  kLocked,         // not to be had: locked, in ramfs, hugetlb
  kUnreclaimable,  // on no LRU list: pages of drivers and of the kernel
  kUnmapped,       // in no page table: of a file that the process maps in part
  kRest,           // unknown: tails of large folios without flags of their own (before 6.10)
  kUnread          // unknown: flags were not read
};
inline constexpr int kReclaimPriceCount = static_cast<int>(ReclaimPrice::kUnread) + 1;

// Returns the name in SQL, in lower case: "clean"; null for kUnread.
const char* ReclaimPriceName(ReclaimPrice price);

// Returns it for the flags of a frame that is memory.
ReclaimPrice ReclaimPriceOf(uint64_t flags, KernelRelease release);

// Returns whether a frame is among those that are reclaimed first: at the cold end of an LRU list.
bool IsCold(uint64_t flags, ReclaimPrice price);

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_FRAME_FATE_H_
