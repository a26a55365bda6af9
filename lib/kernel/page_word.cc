#include "lib/kernel/page_word.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace pagesnap {
namespace {

constexpr PageWordBit kBits[] = {
    {55, "soft_dirty", {3, 11}, "written since the last clear_refs"},
    {56, "mmap_exclusive", {4, 2}, "mapped by this mapping alone"},
    {57, "uffd_wp", {5, 13}, "write-protected by userfaultfd"},
    {58, "guard_region", {6, 15}, "part of a guard region"},
    {61, "file", {3, 5}, "file page or shared anonymous memory"},
    {62, "swap", {2, 6}, "entry in swap format: swapped out, or a special entry"},
    {63, "present", {2, 6}, "in memory"},
};

// MAX_SWAPFILES_SHIFT is 5: 32 types, of which the kernel takes some from the top for itself. No
// configuration of any release so far takes more than ten (include/linux/swap.h).
constexpr int kTypeCount = 32;
constexpr int kFirstTypeNeverSwap = 22;

}  // namespace

std::span<const PageWordBit> PageWordBits() { return kBits; }

const char* PageStateName(PageState state) {
  static constexpr const char* kNames[] = {"absent", "present", "swapped",   "swap_entry",
                                           "guard",  "marker",  "migration", "poisoned",
                                           "device", "special"};
  static_assert(std::size(kNames) == kPageStateCount);
  return kNames[static_cast<int>(state)];
}

PageWordDecoder::PageWordDecoder(KernelRelease release, std::optional<SwapTypeConfig> config,
                                 bool pfn_visible)
    : page_shift_bits_(release < KernelRelease{3, 11}),
      guard_bit_(release >= KernelRelease{6, 15}),
      pfn_visible_(pfn_visible) {
  std::fill_n(type_state_, kFirstTypeNeverSwap, PageState::kSwapped);
  std::fill(type_state_ + kFirstTypeNeverSwap, std::end(type_state_), PageState::kSpecial);
  // 5.19 to 6.2 had a second type at the top for pages lost at swap-in; neither is named there.
  if (release < KernelRelease{6, 3}) return;
  // The layout since 6.3, from the top: one marker, then device, migration and hwpoison types.
  int top = kTypeCount;
  type_state_[--top] = PageState::kMarker;
  if (!config) return;
  auto take = [&](int count, PageState state) {
    while (count-- > 0) type_state_[--top] = state;
  };
  // Exclusive device access needed two types until 6.14 and one since.
  if (config->device_private) take(release < KernelRelease{6, 15} ? 4 : 3, PageState::kDevice);
  if (config->migration) take(3, PageState::kMigration);
  if (config->memory_failure) take(1, PageState::kPoisoned);
  std::fill_n(type_state_, top, PageState::kSwapped);
}

PageState PageWordDecoder::SwapFormatState(PageWord word) const {
  // The guard bit is visible to every reader; the type may not be.
  if (guard_bit_ && (word.raw() & PageWord::kGuardRegion) != 0) return PageState::kGuard;
  if (!pfn_visible_) return PageState::kSwapEntry;
  return type_state_[word.swap_type()];
}

std::string PageWordDecoder::BitNames(PageWord word) const {
  std::string names;
  auto add = [&](std::string_view name) {
    if (!names.empty()) names += ',';
    names += name;
  };
  int first_bit = PageWord::kFieldBits;
  if (page_shift_bits_) {
    // fs/proc/task_mmu.c before 3.11: PM_PSHIFT was in every word, absent pages included.
    if (uint64_t shift = word.raw() >> PageWord::kFieldBits & 0x3f; shift != 0) {
      add(fmt::format("page_shift_{}", shift));
    }
    first_bit += 6;
  }
  for (int bit = first_bit; bit < 64; ++bit) {
    if ((word.raw() >> bit & 1) == 0) continue;
    auto named = std::find_if(std::begin(kBits), std::end(kBits),
                              [&](const PageWordBit& known) { return known.bit == bit; });
    add(named != std::end(kBits) ? named->name : fmt::format("bit{}", bit));
  }
  return names;
}

}  // namespace pagesnap
