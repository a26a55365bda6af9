// What one u64 of /proc/kpageflags means. No I/O.
//
// Sources: include/uapi/linux/kernel-page-flags.h (bits 0-26, a stable interface),
// include/linux/kernel-page-flags.h (bits 32-42, for kernel developers), fs/proc/page.c.
#ifndef LIB_KERNEL_FRAME_FLAGS_H_
#define LIB_KERNEL_FRAME_FLAGS_H_

#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/kernel/page_word.h"
#include "lib/kernel/release.h"

namespace pagesnap {

// A flag of /proc/kpageflags over the releases in which the bit had this name.
struct FrameFlag {
  int bit;
  const char* name;      // the kernel's KPF_ name
  KernelRelease since;   // first release with this name
  KernelRelease before;  // first release without it; {0, 0}: still there
};

// All named flags by bit; a bit that was renamed stands there once for each name.
std::span<const FrameFlag> FrameFlags();

// Flags that C++ asks for; SQL has them by name: frame_flag('DIRTY').
inline constexpr uint64_t kFrameLocked = uint64_t{1} << 0;
inline constexpr uint64_t kFrameReferenced = uint64_t{1} << 2;
inline constexpr uint64_t kFrameUptodate = uint64_t{1} << 3;
inline constexpr uint64_t kFrameDirty = uint64_t{1} << 4;
inline constexpr uint64_t kFrameLru = uint64_t{1} << 5;
inline constexpr uint64_t kFrameActive = uint64_t{1} << 6;
inline constexpr uint64_t kFrameSlab = uint64_t{1} << 7;
inline constexpr uint64_t kFrameWriteback = uint64_t{1} << 8;
inline constexpr uint64_t kFrameReclaim = uint64_t{1} << 9;
inline constexpr uint64_t kFrameBuddy = uint64_t{1} << 10;
inline constexpr uint64_t kFrameMmap = uint64_t{1} << 11;
inline constexpr uint64_t kFrameAnon = uint64_t{1} << 12;
inline constexpr uint64_t kFrameSwapCache = uint64_t{1} << 13;
inline constexpr uint64_t kFrameSwapBacked = uint64_t{1} << 14;
inline constexpr uint64_t kFrameCompoundHead = uint64_t{1} << 15;
inline constexpr uint64_t kFrameCompoundTail = uint64_t{1} << 16;
inline constexpr uint64_t kFrameHuge = uint64_t{1} << 17;
inline constexpr uint64_t kFrameUnevictable = uint64_t{1} << 18;
inline constexpr uint64_t kFramePoisoned = uint64_t{1} << 19;
inline constexpr uint64_t kFrameNoPage = uint64_t{1} << 20;
inline constexpr uint64_t kFrameKsm = uint64_t{1} << 21;
inline constexpr uint64_t kFrameThp = uint64_t{1} << 22;
inline constexpr uint64_t kFrameOffline = uint64_t{1} << 23;
inline constexpr uint64_t kFrameZeroPage = uint64_t{1} << 24;
inline constexpr uint64_t kFrameIdle = uint64_t{1} << 25;
inline constexpr uint64_t kFramePageTable = uint64_t{1} << 26;
inline constexpr uint64_t kFrameReserved = uint64_t{1} << 32;
inline constexpr uint64_t kFrameMlocked = uint64_t{1} << 33;
// Of a frame with ANON, and of no other: OWNER_2, before 6.15 MAPPEDTODISK, has the same bit.
inline constexpr uint64_t kFrameAnonExclusive = uint64_t{1} << 34;
inline constexpr KernelRelease kAnonExclusiveSince = {5, 19};  // 78fbe906cc90

// Frame flags that change while nobody does anything: reclaim, writeback and the allocator move
// them. Comparisons leave them out, unless they are asked for, and so does the facts_hash of
// content_usage (schema/README.md): other flags here are another version of the format. Measured
// on 6.18, a sleeping process with anonymous, file and shared memory, six minutes: IDLE came and
// went all the time, REFERENCED sometimes, DIRTY went from every file page at writeback; no other
// flag moved.
inline constexpr uint64_t kVolatileFrameFlags = kFrameLocked | kFrameReferenced | kFrameDirty |
                                                kFrameLru | kFrameActive | kFrameWriteback |
                                                kFrameReclaim | kFrameIdle;

// Returns the flags of a frame with `flags` that say what others do: whether another process maps
// an anonymous frame, too. A fork clears ANON_EXCLUSIVE of every page, and neither the page nor its
// frame has changed. Of other frames the same bit is a flag of its file system or driver.
constexpr uint64_t FlagsOfOthers(uint64_t flags) {
  return (flags & kFrameAnon) != 0 ? kFrameAnonExclusive : 0;
}

// Flags of frames that no process maps: free, or the kernel's own.
inline constexpr uint64_t kNotOfUsers = kFrameBuddy | kFrameSlab | kFramePageTable;

// Returns whether a frame cannot be what a process maps: it is free, or the kernel's own, or
// nothing maps it any more. A page word that refers to it was true when it was read and is not now:
// the snapshot is torn there. The zero page and frames without a struct page have no map count, and
// hugetlb frames have it in another place.
constexpr bool ContradictsMapping(uint64_t flags, uint64_t map_count) {
  if ((flags & kNotOfUsers) != 0) return true;
  return map_count == 0 && (flags & (kFrameZeroPage | kFrameNoPage | kFrameHuge)) == 0;
}

// Returns whether a frame cannot be what a present page's word `page` says: as above, or the word
// was of a file or shared memory and the frame is anonymous. (Not the other way round: before 6.11
// the bit is missing where a PMD maps a file, and mappings of drivers have none.)
constexpr bool ContradictsPage(PageWord page, uint64_t flags, uint64_t map_count) {
  const bool is_anonymous = flags != ~uint64_t{0} && (flags & kFrameAnon) != 0;
  return ContradictsMapping(flags, map_count) ||
         ((page.raw() & PageWord::kFile) != 0 && is_anonymous);
}

// Returns whether a large folio may go on behind `frame_count` of its frames, its head `head_pfn`
// and what follows. A folio has a power of two of frames, the first at a multiple of that, and no
// more than a PMD maps (`pmd_pages`). Where it may, the flags of the frame behind tell:
// COMPOUND_TAIL if it does.
constexpr bool MayFolioGoOn(uint64_t head_pfn, uint64_t frame_count, uint64_t pmd_pages) {
  return frame_count < pmd_pages && std::has_single_bit(frame_count) &&
         head_pfn % (2 * frame_count) == 0;
}

// Returns whether a frame whose page word has the bit "exclusively mapped"
// (PageWord::kMmapExclusive) has the map count 1, so that kpagecount need not be asked. In a page
// of its own, the bit says that exactly this number is 1 (fs/proc/task_mmu.c, pte_to_pagemap_entry;
// page_mapcount() from 4.2 on, later __folio_page_mapped_exclusively()), and MMAP says that it is
// mapped still. Of large folios the kernels do not agree on what the bit means, hugetlb counts
// elsewhere.
constexpr bool ExclusiveIsMapCountOne(uint64_t flags) {
  constexpr uint64_t kOthers = kFrameCompoundHead | kFrameCompoundTail | kFrameHuge | kFrameThp |
                               kFrameBuddy | kFrameNoPage | kFrameZeroPage | kFrameSlab |
                               kFramePageTable;
  return (flags & (kFrameMmap | kOthers)) == kFrameMmap;
}

// Returns whether a frame has the map count 0, so that kpagecount need not be asked: a frame that
// is mapped, and every frame of a folio of which any is, has MMAP (fs/proc/page.c,
// stable_page_flags). Hugetlb counts elsewhere. Before 5.8 kpagecount had nonsense for free frames,
// whose type was in the same place.
constexpr bool HasNoMapCount(uint64_t flags) { return (flags & (kFrameMmap | kFrameHuge)) == 0; }

// Returns whether a frame belongs to no cgroup, so that kpagecgroup need not be asked.
constexpr bool HasNoCgroup(uint64_t flags) { return (flags & (kFrameBuddy | kFrameNoPage)) != 0; }

// Returns whether a frame is memory that somebody uses: not the zero page, and there is one.
constexpr bool IsMemory(uint64_t flags) { return (flags & (kFrameZeroPage | kFrameNoPage)) == 0; }

// Returns the flag that has or had this name, in upper case and without KPF_; nothing without one.
// "ANON_EXCLUSIVE" is the bit of OWNER_2.
std::optional<uint64_t> FindFrameFlag(std::string_view name);

// Returns the name that `bit` has on kernel `release`, or null for a bit without one. A release
// older than the flag still gets the name: distributions backport flags.
const char* FrameFlagName(int bit, KernelRelease release);

// Returns the names of all set flags, comma-separated, lowest bit first; a bit without a name as
// its number ("bit43"). The names are those of a frame with all these flags, and also `of`: on an
// anonymous frame bit 34 is ANON_EXCLUSIVE, from 5.19 on.
std::string FrameFlagNames(uint64_t flags, KernelRelease release, uint64_t of = 0);

}  // namespace pagesnap

#endif  // LIB_KERNEL_FRAME_FLAGS_H_
