// What one u64 of /proc/PID/pagemap means. No I/O.
//
// Sources: Documentation/admin-guide/mm/pagemap.rst; fs/proc/task_mmu.c (PM_*);
// include/linux/swap.h and swapops.h for what else uses the swap format.
#ifndef LIB_KERNEL_PAGE_WORD_H_
#define LIB_KERNEL_PAGE_WORD_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/kernel/release.h"

namespace pagesnap {

// A bit of the page word that has a name of its own.
struct PageWordBit {
  int bit;
  const char* name;     // the kernel's PM_ name in lower case
  KernelRelease since;  // the first release that sets it
  const char* meaning;  // one phrase for flag_name
};

// All named bits, lowest first. Bits 0-54 are a field (PFN, or swap type and offset); bits 59 and
// 60 have no name yet and are kept like any other.
std::span<const PageWordBit> PageWordBits();

// One page word, undecoded. A value type; every accessor is a bit operation.
class PageWord {
 public:
  static constexpr int kFieldBits = 55;
  static constexpr uint64_t kFieldMask = (uint64_t{1} << kFieldBits) - 1;
  static constexpr uint64_t kSoftDirty = uint64_t{1} << 55;
  static constexpr uint64_t kMmapExclusive = uint64_t{1} << 56;
  static constexpr uint64_t kUffdWp = uint64_t{1} << 57;
  static constexpr uint64_t kGuardRegion = uint64_t{1} << 58;
  static constexpr uint64_t kFile = uint64_t{1} << 61;
  static constexpr uint64_t kSwap = uint64_t{1} << 62;
  static constexpr uint64_t kPresent = uint64_t{1} << 63;

  constexpr explicit PageWord(uint64_t raw) : raw_(raw) {}

  [[nodiscard]] constexpr uint64_t raw() const { return raw_; }
  [[nodiscard]] constexpr bool present() const { return (raw_ & kPresent) != 0; }
  // The entry has the swap format; that does not make it swap (see PageState).
  [[nodiscard]] constexpr bool swap_format() const { return (raw_ & (kPresent | kSwap)) == kSwap; }
  // Neither absent nor hidden behind a hole: the page has an entry of some kind.
  [[nodiscard]] constexpr bool populated() const { return (raw_ & (kPresent | kSwap)) != 0; }
  // Meaningful when present(), on kernels since 4.2 (map_count.h).
  [[nodiscard]] constexpr bool mmap_exclusive() const { return (raw_ & kMmapExclusive) != 0; }
  // Meaningful when present().
  [[nodiscard]] constexpr uint64_t pfn() const { return raw_ & kFieldMask; }
  // Meaningful when swap_format(): the area's index, and the slot in pages from the area's start.
  [[nodiscard]] constexpr unsigned swap_type() const { return raw_ & 0x1f; }
  [[nodiscard]] constexpr uint64_t swap_offset() const { return (raw_ & kFieldMask) >> 5; }

 private:
  uint64_t raw_;
};

// What stands behind a virtual page.
enum class PageState : uint8_t {
  kAbsent,
  kPresent,
  kSwapped,    // in a real swap area
  kSwapEntry,  // swap format, but the type is hidden from this reader: swap, or one of those below
  kGuard,      // a guard region (MADV_GUARD_INSTALL, 6.15)
  kMarker,     // a PTE marker: userfaultfd write protection or a page that was lost
  kMigration,  // its frame is just being moved
  kPoisoned,   // its frame has an uncorrectable memory error
  kDevice,     // in the memory of a device, or lent to one
  kSpecial     // swap format with a type beyond the swap areas that cannot be named
};
inline constexpr int kPageStateCount = static_cast<int>(PageState::kSpecial) + 1;

// Returns the state's name in SQL and messages, in lower case: "present", "swap_entry".
const char* PageStateName(PageState state);

// What page_chunk tells apart: what may be swap counts as swap.
enum class PageClass : uint8_t { kAbsent, kPresent, kSwapped, kSpecial };

constexpr PageClass ClassOf(PageState state) {
  switch (state) {
    case PageState::kAbsent:
      return PageClass::kAbsent;
    case PageState::kPresent:
      return PageClass::kPresent;
    case PageState::kSwapped:
    case PageState::kSwapEntry:
      return PageClass::kSwapped;
    default:
      return PageClass::kSpecial;
  }
}

// How many populated pages are of which class.
struct PageCounts {
  uint64_t present = 0;
  uint64_t swapped = 0;
  uint64_t special = 0;

  void Add(PageState state) {
    const PageClass of = ClassOf(state);
    present += of == PageClass::kPresent;
    swapped += of == PageClass::kSwapped;
    special += of == PageClass::kSpecial;
  }
  void Add(const PageCounts& other) {
    present += other.present;
    swapped += other.swapped;
    special += other.special;
  }
  [[nodiscard]] uint64_t populated() const { return present + swapped + special; }
  friend auto operator<=>(const PageCounts&, const PageCounts&) = default;
};

// Returns how many pages of `page_size` bytes one PMD maps: a table of pages has page_size / 8
// entries. That is the size of a folio that a transparent huge page of "PMD size" is, and of the
// smallest hugetlb page, on x86-64, arm64, riscv64 and loongarch64; s390x and powerpc differ. No
// kernel has pages above 64 KiB.
constexpr uint64_t PmdPages(uint64_t page_size) {
  return (page_size < 65536 ? page_size : 65536) / 8;
}

// The kernel's build options that decide which swap types are not swap.
struct SwapTypeConfig {
  bool device_private = false;  // CONFIG_DEVICE_PRIVATE
  bool memory_failure = false;  // CONFIG_MEMORY_FAILURE
  bool migration = false;       // CONFIG_MIGRATION
};

// These options by name, with the member that each sets.
struct SwapTypeOption {
  std::string_view name;
  bool SwapTypeConfig::*member;
};
inline constexpr SwapTypeOption kSwapTypeOptions[] = {
    {"CONFIG_DEVICE_PRIVATE", &SwapTypeConfig::device_private},
    {"CONFIG_MEMORY_FAILURE", &SwapTypeConfig::memory_failure},
    {"CONFIG_MIGRATION", &SwapTypeConfig::migration},
};

// Reads page words by the rules of one kernel and one reader's permissions.
class PageWordDecoder {
 public:
  // `config` is empty where the build options are unknown: types that cannot be swap are then
  // kSpecial, except the marker, which is always the highest. `pfn_visible` is false when the
  // capture lacked CAP_SYS_ADMIN: the kernel then writes zero in place of PFN, type and offset.
  PageWordDecoder(KernelRelease release, std::optional<SwapTypeConfig> config, bool pfn_visible);

  [[nodiscard]] PageState State(PageWord word) const {
    if (word.present()) return PageState::kPresent;
    if (!word.swap_format()) return PageState::kAbsent;
    return SwapFormatState(word);
  }
  [[nodiscard]] bool pfn_visible() const { return pfn_visible_; }

  // Returns the names of the bits that are set in the word, comma-separated, lowest first; a bit
  // without a name as its number ("bit59"). Before 3.11 bits 55-60 are "page_shift_N" instead.
  [[nodiscard]] std::string BitNames(PageWord word) const;

 private:
  [[nodiscard]] PageState SwapFormatState(PageWord word) const;

  PageState type_state_[32];
  bool page_shift_bits_;
  bool guard_bit_;
  bool pfn_visible_;
};

}  // namespace pagesnap

#endif  // LIB_KERNEL_PAGE_WORD_H_
