// What a frame of RAM is used for, whoever uses it, from its flags. No I/O.
#ifndef LIB_KERNEL_RAM_KIND_H_
#define LIB_KERNEL_RAM_KIND_H_

#include <cstdint>

#include "lib/kernel/frame_flags.h"

namespace pagesnap {

enum class RamKind : uint8_t {
  kUnread,     // the frame's flags were not read
  kHole,       // no frame: NOPAGE
  kPoisoned,   // HWPOISON: broken, nobody gets it any more
  kOffline,    // OFFLINE: given back to the host (balloon), or unplugged
  kFree,       // BUDDY: on a free list of its zone
  kSlab,       // SLAB
  kPageTable,  // PGTABLE
  kHugetlb,    // HUGE: of a pool, in use or free
  kZeroPage,   // ZERO_PAGE
  kReserved,   // RESERVED: never given to the allocator, as the kernel's image and its page structs
  kSwapCache,  // SWAPCACHE, and no process maps it: has its place in swap
  kAnonymous,  // ANON
  kShmem,      // SWAPBACKED and not ANON: shared memory, tmpfs
  kFile,       // page cache, buffers of block devices among it
  kDriver,     // MMAP alone: a driver's, mapped by a process
  // None of these: free on a list of a CPU, or the kernel's without a mark (vmalloc, stacks,
  // buffers, drivers). The flags do not tell which.
  kUnflagged
};

// Returns a word for it, as the table ram_run has it.
constexpr const char* RamKindName(RamKind kind) {
  constexpr const char* kNames[] = {"unread",    "hole",     "poisoned",   "offline",
                                    "free",      "slab",     "page_table", "hugetlb",
                                    "zero_page", "reserved", "swap_cache", "anonymous",
                                    "shmem",     "file",     "driver",     "unflagged"};
  return kNames[static_cast<size_t>(kind)];
}

// Returns whether processes can map such a frame as their memory.
constexpr bool IsOfUsers(RamKind kind) {
  return kind == RamKind::kAnonymous || kind == RamKind::kShmem || kind == RamKind::kFile ||
         kind == RamKind::kHugetlb || kind == RamKind::kDriver;
}

// Returns the kind of a frame by its own flags. The order decides where a frame has several: a slab
// uses the words of others for its own ends, which then show as ANON or KSM.
constexpr RamKind RamKindOf(uint64_t flags) {
  auto has = [flags](uint64_t wanted) { return (flags & wanted) != 0; };
  if (has(kFrameNoPage)) return RamKind::kHole;
  if (has(kFramePoisoned)) return RamKind::kPoisoned;
  if (has(kFrameOffline)) return RamKind::kOffline;
  if (has(kFrameBuddy)) return RamKind::kFree;
  if (has(kFrameSlab)) return RamKind::kSlab;
  if (has(kFramePageTable)) return RamKind::kPageTable;
  if (has(kFrameHuge)) return RamKind::kHugetlb;
  if (has(kFrameZeroPage)) return RamKind::kZeroPage;
  if (has(kFrameReserved)) return RamKind::kReserved;
  if (has(kFrameSwapCache) && !has(kFrameMmap)) return RamKind::kSwapCache;
  if (has(kFrameAnon)) return RamKind::kAnonymous;
  // A page of the cache that was just made or is being freed is on no LRU list.
  constexpr uint64_t kOfCache = kFrameLru | kFrameUnevictable | kFrameUptodate | kFrameDirty |
                                kFrameWriteback | kFrameSwapBacked;
  if (has(kOfCache)) return has(kFrameSwapBacked) ? RamKind::kShmem : RamKind::kFile;
  return has(kFrameMmap) ? RamKind::kDriver : RamKind::kUnflagged;
}

// Tells the kinds of frames that come in PFN order. A tail of a compound page is what its head is:
// kernels before 6.10 give tails few flags of their own.
class RamKinds {
 public:
  // Returns the kind of the `frame_count` frames from `first_pfn` on, all with these flags.
  RamKind Of(uint64_t first_pfn, uint64_t frame_count, uint64_t flags) {
    const bool is_tail = (flags & kFrameCompoundTail) != 0;
    RamKind kind = RamKindOf(flags);
    const bool follows = first_pfn == next_pfn_;
    next_pfn_ = first_pfn + frame_count;
    if (!is_tail) {
      head_kind_ = (flags & kFrameCompoundHead) != 0 ? kind : RamKind::kUnread;
      return kind;
    }
    if (!follows) head_kind_ = RamKind::kUnread;
    const bool is_own = kind == RamKind::kHole || kind == RamKind::kPoisoned;
    return is_own || head_kind_ == RamKind::kUnread ? kind : head_kind_;
  }

 private:
  uint64_t next_pfn_ = ~uint64_t{0};
  RamKind head_kind_ = RamKind::kUnread;  // of the compound page; kUnread: of none
};

}  // namespace pagesnap

#endif  // LIB_KERNEL_RAM_KIND_H_
