// What kind of memory a page is, from the flags of its frame and its page word.
#ifndef LIB_STORE_FRAMES_MEMORY_KIND_H_
#define LIB_STORE_FRAMES_MEMORY_KIND_H_

#include <cstdint>
#include <unordered_map>

#include "lib/codec/frame_columns.h"
#include "lib/kernel/frame_flags.h"
#include "lib/kernel/page_word.h"
#include "lib/kernel/release.h"

namespace pagesnap {

// As the kernel counts RssAnon, RssShmem and RssFile (mm_counter() in include/linux/mm.h): a frame
// with ANON is anonymous, any other with SWAPBACKED shared memory, the rest is of files. Bit 61 of
// the page word says the same as ANON; the frame's flag is used since the zero page and hugetlb,
// which are neither, can only be told by the flags, too. Where the frame was another's by the time
// its flags were read (ContradictsPage), only the word is the page's own: without bit 61 it is
// anonymous, with it of a file, or of shared memory while the flags are still such a frame's.
enum class MemoryKind : uint8_t {
  kUnread,     // the frame's flags were not read
  kHugetlb,    // HUGE
  kUncounted,  // the zero page, or no frame of RAM: no part of RSS
  kAnonymous,
  kShmem,
  kFile
};

// How large the folio of a frame is.
enum class FolioSize : uint8_t {
  kSingle,   // one frame, or not known
  kSmaller,  // more, but no huge page
  kHuge      // hugetlb, or a transparent huge page of PMD size that was captured whole
};

// The flags of frames that tell so.
inline constexpr uint64_t kFolioFlags =
    kFrameCompoundHead | kFrameCompoundTail | kFrameThp | kFrameHuge;

// Tells the kind of pages of one snapshot, with pages of `page_size` bytes. `Frames` is
// LoadedFrames or FramesOnDemand. For one thread.
template <typename Frames>
class MemoryKinds {
 public:
  MemoryKinds(KernelRelease release, uint64_t page_size, Frames frames)
      : frames_(frames),
        flags_of_tails_(release >= KernelRelease{6, 10}),
        huge_frames_(PmdPages(page_size)) {}

  // Of a present page; `facts` are those of its frame, or null.
  [[nodiscard]] MemoryKind Of(PageWord page, const FrameFacts* facts) {
    if (facts == nullptr || facts->flags == kNotRead) return MemoryKind::kUnread;
    if ((facts->flags & kFrameHuge) != 0) return MemoryKind::kHugetlb;
    if (!IsMemory(facts->flags)) return MemoryKind::kUncounted;
    if (ContradictsPage(page, facts->flags, facts->map_count)) {
      if ((page.raw() & PageWord::kFile) == 0) return MemoryKind::kAnonymous;
      if ((facts->flags & (kNotOfUsers | kFrameAnon)) != 0) return MemoryKind::kFile;
    }
    if ((facts->flags & kFrameAnon) != 0) return MemoryKind::kAnonymous;
    return IsSwapBacked(page.pfn(), facts->flags) ? MemoryKind::kShmem : MemoryKind::kFile;
  }

  // Returns whether the frame, with these flags, is of a transparent huge page of PMD size that was
  // captured whole. What a file says of a frame that no page refers to, behind one of a folio, is
  // what it says of the next one: so a folio with less than all its frames looks whole only when
  // tails of another follow whose head no page refers to.
  [[nodiscard]] bool IsHuge(uint64_t pfn, uint64_t flags) {
    if ((flags & kFrameThp) == 0) return false;
    const uint64_t head = pfn & ~(huge_frames_ - 1);
    if (head == last_head_) return last_is_huge_;
    auto [place, is_new] = is_huge_.try_emplace(head, false);
    if (is_new) place->second = IsHugeFrom(head);
    last_head_ = head;
    last_is_huge_ = place->second;
    return last_is_huge_;
  }

  // Returns the size of the folio of a page's frame; `facts` are of that, or null.
  [[nodiscard]] FolioSize SizeOf(PageWord page, const FrameFacts* facts) {
    if (facts == nullptr || facts->flags == kNotRead || (facts->flags & kFolioFlags) == 0) {
      return FolioSize::kSingle;
    }
    const bool is_huge = (facts->flags & kFrameHuge) != 0 || IsHuge(page.pfn(), facts->flags);
    return is_huge ? FolioSize::kHuge : FolioSize::kSmaller;
  }

 private:
  // Before 6.10 (dee3d0bef2b0, fs/proc/page.c) the flags of a tail are those of its struct page,
  // where SWAPBACKED is not kept: then the head tells. Folios are aligned to their size, and those
  // of PMD size fit in a chunk: what a page is does not depend on frames of other chunks.
  [[nodiscard]] bool IsSwapBacked(uint64_t pfn, uint64_t flags) {
    if (flags_of_tails_ || (flags & kFrameCompoundTail) == 0)
      return (flags & kFrameSwapBacked) != 0;
    const uint64_t frames_before = pfn % kFramesPerChunk;
    const bool follows = pfn == last_tail_ + 1 && frames_before != 0;
    last_tail_ = pfn;
    if (follows) return last_tail_is_swap_backed_;
    for (uint64_t back = 1; back < huge_frames_ && back <= frames_before; ++back) {
      const FrameFacts* facts = frames_.Find(pfn - back);
      if (facts == nullptr || facts->flags == kNotRead) break;
      if ((facts->flags & kFrameCompoundTail) != 0) continue;
      return last_tail_is_swap_backed_ = (facts->flags & kFrameSwapBacked) != 0;
    }
    return last_tail_is_swap_backed_ = false;
  }

  [[nodiscard]] bool IsHugeFrom(uint64_t head) {
    for (uint64_t i = 0; i < huge_frames_; ++i) {
      const FrameFacts* facts = frames_.Find(head + i);
      const uint64_t wanted = i == 0 ? kFrameCompoundHead : kFrameCompoundTail;
      if (facts == nullptr || facts->flags == kNotRead || (facts->flags & wanted) == 0)
        return false;
    }
    return true;
  }

  Frames frames_;
  bool flags_of_tails_;
  uint64_t huge_frames_;  // of a PMD-size page
  uint64_t last_head_ = ~uint64_t{0};
  bool last_is_huge_ = false;
  std::unordered_map<uint64_t, bool> is_huge_;  // by the head's PFN
  uint64_t last_tail_ = ~uint64_t{0} - 1;
  bool last_tail_is_swap_backed_ = false;
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_MEMORY_KIND_H_
