// How present pages add up to RSS, PSS, USS and hugetlb.
#ifndef LIB_STORE_FRAMES_USAGE_SUMS_H_
#define LIB_STORE_FRAMES_USAGE_SUMS_H_

#include <cstdint>

#include "lib/kernel/frame_flags.h"
#include "lib/kernel/map_count.h"
#include "lib/kernel/page_word.h"
#include "lib/store/frames/frame_table.h"
#include "lib/store/frames/memory_kind.h"

namespace pagesnap {

inline constexpr int kPssShift = 12;  // fs/proc/task_mmu.c, PSS_SHIFT

// Returns the KiB of a PSS in bytes << kPssShift, rounded down as the kernel does. What belongs to
// several mappings or processes is added up before it is rounded (as smaps_rollup does).
constexpr int64_t PssKib(int64_t pss) { return pss >> (10 + kPssShift); }

// Sums over present pages, in pages; PSS in bytes << kPssShift. As fs/proc/task_mmu.c counts
// (smaps_account, smaps_hugetlb_range): over present pages whose frame is neither HUGE nor
// ZERO_PAGE and exists, RSS is one page each, USS the private ones (IsPrivatePage), PSS the page
// size divided by the map count, be it the page's or its folio's average, in fixed point and
// integer division for every page. HUGE pages are hugetlb.
struct UsageSums {
  uint64_t rss = 0;
  uint64_t uss = 0;
  uint64_t pss = 0;
  uint64_t hugetlb = 0;
  uint64_t anonymous = 0;  // of rss, by kind; the rest is of files
  uint64_t shmem = 0;
  uint64_t thp = 0;               // of rss: in a transparent huge page of PMD size
  uint64_t torn = 0;              // pages whose frame contradicts them (ContradictsPage)
  uint64_t unread_flags = 0;      // pages whose frame flags were not read
  uint64_t unread_map_count = 0;  // pages whose map count was not read
  bool damaged = false;           // some page words could not be decoded

  // Adds a present page; `facts` are of its frame, null when that is not in the snapshot. `kinds`
  // are the MemoryKinds of the snapshot.
  template <typename Kinds>
  void AddPage(Kinds* kinds, PageWord word, const FrameFacts* facts, uint64_t page_size,
               MapCountKind map_counts) {
    const uint64_t pfn = word.pfn();
    const MemoryKind kind = kinds->Of(word, facts);
    if (kind <= MemoryKind::kUncounted) {
      unread_flags += kind == MemoryKind::kUnread;
      hugetlb += kind == MemoryKind::kHugetlb;
      return;
    }
    ++rss;
    anonymous += kind == MemoryKind::kAnonymous;
    shmem += kind == MemoryKind::kShmem;
    thp += kinds->IsHuge(pfn, facts->flags);
    // kNotRead is no count of 0, so that only the flags speak then.
    torn += ContradictsPage(word, facts->flags, facts->map_count);
    if (facts->map_count == kNotRead) {
      ++unread_map_count;
    } else {
      uss += IsPrivatePage(map_counts, word, facts->flags, facts->map_count);
      const uint64_t page = page_size << kPssShift;
      pss += facts->map_count <= 1 ? page : page / facts->map_count;
    }
  }

  void Add(const UsageSums& other) {
    rss += other.rss;
    uss += other.uss;
    pss += other.pss;
    hugetlb += other.hugetlb;
    anonymous += other.anonymous;
    shmem += other.shmem;
    thp += other.thp;
    torn += other.torn;
    unread_flags += other.unread_flags;
    unread_map_count += other.unread_map_count;
    damaged |= other.damaged;
  }
  friend bool operator==(const UsageSums&, const UsageSums&) = default;
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_USAGE_SUMS_H_
