#include "lib/kernel/frame_flags.h"

#include <fmt/format.h>

namespace pagesnap {
namespace {

constexpr FrameFlag kFlags[] = {
    {0, "LOCKED", {2, 6}, {}},
    {1, "ERROR", {2, 6}, {}},
    {2, "REFERENCED", {2, 6}, {}},
    {3, "UPTODATE", {2, 6}, {}},
    {4, "DIRTY", {2, 6}, {}},
    {5, "LRU", {2, 6}, {}},
    {6, "ACTIVE", {2, 6}, {}},
    {7, "SLAB", {2, 6}, {}},
    {8, "WRITEBACK", {2, 6}, {}},
    {9, "RECLAIM", {2, 6}, {}},
    {10, "BUDDY", {2, 6}, {}},
    {11, "MMAP", {2, 6}, {}},
    {12, "ANON", {2, 6}, {}},
    {13, "SWAPCACHE", {2, 6}, {}},
    {14, "SWAPBACKED", {2, 6}, {}},
    {15, "COMPOUND_HEAD", {2, 6}, {}},
    {16, "COMPOUND_TAIL", {2, 6}, {}},
    {17, "HUGE", {2, 6}, {}},
    {18, "UNEVICTABLE", {2, 6}, {}},
    {19, "HWPOISON", {2, 6}, {}},
    {20, "NOPAGE", {2, 6}, {}},
    {21, "KSM", {2, 6}, {}},
    {22, "THP", {3, 4}, {}},
    {23, "BALLOON", {3, 18}, {5, 2}},
    {23, "OFFLINE", {5, 2}, {}},
    {24, "ZERO_PAGE", {4, 0}, {}},
    {25, "IDLE", {4, 3}, {}},
    {26, "PGTABLE", {4, 18}, {}},
    {32, "RESERVED", {2, 6}, {}},
    {33, "MLOCKED", {2, 6}, {}},
    {34, "MAPPEDTODISK", {2, 6}, {6, 15}},
    {34, "OWNER_2", {6, 15}, {}},
    {35, "PRIVATE", {2, 6}, {}},
    {36, "PRIVATE_2", {2, 6}, {}},
    {37, "OWNER_PRIVATE", {2, 6}, {}},
    {38, "ARCH", {2, 6}, {}},
    {39, "UNCACHED", {2, 6}, {}},
    {40, "SOFTDIRTY", {3, 11}, {}},
    {41, "ARCH_2", {5, 10}, {}},
    {42, "ARCH_3", {6, 3}, {}},
};

constexpr std::string_view kAnonExclusiveName = "ANON_EXCLUSIVE";

}  // namespace

std::span<const FrameFlag> FrameFlags() { return kFlags; }

std::optional<uint64_t> FindFrameFlag(std::string_view name) {
  for (const FrameFlag& flag : kFlags) {
    if (flag.name == name) return uint64_t{1} << flag.bit;
  }
  if (name == kAnonExclusiveName) return kFrameAnonExclusive;
  return std::nullopt;
}

const char* FrameFlagName(int bit, KernelRelease release) {
  for (const FrameFlag& flag : kFlags) {
    bool renamed = flag.before != KernelRelease{} && release >= flag.before;
    if (flag.bit == bit && !renamed) return flag.name;
  }
  return nullptr;
}

std::string FrameFlagNames(uint64_t flags, KernelRelease release, uint64_t of) {
  const bool is_anonymous = ((flags | of) & kFrameAnon) != 0 && release >= kAnonExclusiveSince;
  std::string names;
  for (int bit = 0; bit < 64; ++bit) {
    if ((flags >> bit & 1) == 0) continue;
    if (!names.empty()) names += ',';
    if (is_anonymous && uint64_t{1} << bit == kFrameAnonExclusive) {
      names += kAnonExclusiveName;
      continue;
    }
    const char* name = FrameFlagName(bit, release);
    names += name != nullptr ? std::string(name) : fmt::format("bit{}", bit);
  }
  return names;
}

}  // namespace pagesnap
