#include "lib/query/scan/frame_fate.h"

namespace pagesnap {
namespace {

// The flags of a tail are those of its folio (dee3d0bef2b0).
constexpr KernelRelease kTailFlagsSince = {6, 10};

constexpr bool Has(uint64_t flags, uint64_t any) { return (flags & any) != 0; }

// The flags of a tail are not those of its folio.
constexpr bool IsBareTail(uint64_t flags, KernelRelease release) {
  return Has(flags, kFrameCompoundTail) && release < kTailFlagsSince;
}

// A page of a file or of shared memory, and not of a driver, which sets none of these. A page that
// was just made is on no LRU list yet.
constexpr bool IsPageCache(uint64_t flags, KernelRelease release) {
  return Has(flags, kFrameLru | kFrameUptodate | kFrameSwapBacked) || IsBareTail(flags, release);
}

}  // namespace

FileName FileNameOf(std::string_view path, std::optional<int64_t> link_count) {
  if (link_count) return *link_count > 0 ? FileName::kNamed : FileName::kNone;
  if (path.starts_with("/SYSV") && path.ends_with(" (deleted)")) return FileName::kUnknown;
  if (path.ends_with(" (deleted)")) return FileName::kNone;
  if (path.starts_with('/')) return FileName::kNamed;
  // "[anon_shmem:NAME]", "socket:[1]", "anon_inode:[io_uring]": open in processes only. What else
  // has brackets ("[vdso]") is no file.
  return path.starts_with('[') && !path.starts_with("[anon_shmem:") ? FileName::kUnknown
                                                                    : FileName::kNone;
}

const char* ExitFateName(ExitFate fate) {
  static constexpr const char* kNames[kExitFateCount] = {"freed", "pool",    "cached",
                                                         "kept",  "unknown", nullptr};
  return kNames[static_cast<int>(fate)];
}

ExitFate FateAtExit(uint64_t flags, KernelRelease release, bool alone, FileName name) {
  if (!alone || Has(flags, kFrameReserved)) return ExitFate::kKept;
  const bool anonymous = Has(flags, kFrameAnon);
  if (anonymous && !Has(flags, kFrameHuge)) {
    const bool was_shared = release >= kAnonExclusiveSince && !Has(flags, kFrameAnonExclusive);
    return Has(flags, kFrameSwapCache) && was_shared ? ExitFate::kUnknown : ExitFate::kFreed;
  }
  if (!anonymous && name == FileName::kHeld) return ExitFate::kKept;
  if (!anonymous && name == FileName::kUnknown) return ExitFate::kUnknown;
  const bool has_name = !anonymous && name == FileName::kNamed;
  if (Has(flags, kFrameHuge)) return has_name ? ExitFate::kCached : ExitFate::kPool;
  if (!has_name) return ExitFate::kFreed;
  // The pages of a device file are its driver's, which may keep them.
  return IsPageCache(flags, release) ? ExitFate::kCached : ExitFate::kUnknown;
}

const char* ReclaimPriceName(ReclaimPrice price) {
  static constexpr const char* kNames[kReclaimPriceCount] = {
      "clean",         "lazy_free", "dirty", "swap", "locked",
      "unreclaimable", "unmapped",  "rest",  nullptr};
  return kNames[static_cast<int>(price)];
}

ReclaimPrice ReclaimPriceOf(uint64_t flags, KernelRelease release) {
  constexpr uint64_t kSwapKind = kFrameAnon | kFrameSwapBacked;
  if (Has(flags, kFrameHuge | kFrameUnevictable | kFrameMlocked)) return ReclaimPrice::kLocked;
  if (!Has(flags, kFrameLru)) {
    // On its way from or to a list, as no driver's page is anonymous.
    if (Has(flags, kFrameAnon)) return ReclaimPrice::kSwap;
    return IsBareTail(flags, release) ? ReclaimPrice::kRest : ReclaimPrice::kUnreclaimable;
  }
  // Anonymous and not SWAPBACKED is what MADV_FREE leaves (mm/swap.c, lru_lazyfree). Once written
  // again, it is dirty in page tables only, until reclaim looks (mm/rmap.c, try_to_unmap_one).
  if ((flags & (kSwapKind | kFrameDirty)) == kFrameAnon) return ReclaimPrice::kLazyFree;
  const bool unwritten = Has(flags, kFrameDirty | kFrameWriteback);
  if (Has(flags, kSwapKind)) {
    return Has(flags, kFrameSwapCache) && !unwritten ? ReclaimPrice::kClean : ReclaimPrice::kSwap;
  }
  return unwritten ? ReclaimPrice::kDirty : ReclaimPrice::kClean;
}

bool IsCold(uint64_t flags, ReclaimPrice price) {
  return price <= ReclaimPrice::kSwap && Has(flags, kFrameLru) &&
         !Has(flags, kFrameReferenced | kFrameActive);
}

}  // namespace pagesnap
