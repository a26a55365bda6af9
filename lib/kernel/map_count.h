// What the map count of a frame (/proc/kpagecount) counts, and what it proves.
#ifndef LIB_KERNEL_MAP_COUNT_H_
#define LIB_KERNEL_MAP_COUNT_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/kernel/frame_flags.h"
#include "lib/kernel/page_word.h"
#include "lib/kernel/release.h"

namespace pagesnap {

enum class MapCountKind : uint8_t {
  kPage,     // the page table entries that map the frame
  kAverage,  // in a large folio the average of its frames, with CONFIG_NO_PAGE_MAPCOUNT: rounded to
             // the nearest number, but at least 1 if any is mapped (fs/proc/internal.h,
             // folio_average_page_mapcount())
  kUnknown   // one of the two
};

// The first kernel that can be built with CONFIG_NO_PAGE_MAPCOUNT.
inline constexpr KernelRelease kAverageMapCountSince = {6, 15};

// Returns the name in snapshot.map_count_kind, or null for kUnknown.
constexpr const char* MapCountKindName(MapCountKind kind) {
  if (kind == MapCountKind::kUnknown) return nullptr;
  return kind == MapCountKind::kPage ? "page" : "average";
}

// Returns the kind with this name on a kernel of this release. Without a name, as in files of old
// versions, the release may tell.
constexpr MapCountKind FindMapCountKind(std::optional<std::string_view> name,
                                        KernelRelease release) {
  if (name == "page") return MapCountKind::kPage;
  if (name == "average") return MapCountKind::kAverage;
  const bool is_old = release.major != 0 && release < kAverageMapCountSince;
  return is_old ? MapCountKind::kPage : MapCountKind::kUnknown;
}

// Returns whether the map count of a frame with these flags is certainly its own. It is the
// folio's where the folio is large; a hugetlb folio is only mapped whole, so that the average is
// what each frame has.
constexpr bool IsOwnMapCount(MapCountKind kind, uint64_t flags) {
  if (kind == MapCountKind::kPage || (flags & kFrameHuge) != 0) return true;
  return (flags & (kFrameCompoundHead | kFrameCompoundTail)) == 0;
}

// Returns whether smaps counts a present page as private (fs/proc/task_mmu.c, smaps_account()): a
// map count below 2 or, where a folio has only an average, that the folio is certainly mapped by
// one address space (folio_maybe_mapped_shared()), which is what bit 56 of the page word then says.
// Where the kind is unknown, the map count is taken for that of the page, as most kernels have it.
constexpr bool IsPrivatePage(MapCountKind kind, PageWord word, uint64_t flags, uint64_t map_count) {
  if (kind == MapCountKind::kAverage && !IsOwnMapCount(kind, flags)) return word.mmap_exclusive();
  return map_count <= 1;
}

}  // namespace pagesnap

#endif  // LIB_KERNEL_MAP_COUNT_H_
