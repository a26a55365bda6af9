// To which process something belongs: a frame, a swap slot, a content.
#ifndef LIB_QUERY_SCAN_OWNER_H_
#define LIB_QUERY_SCAN_OWNER_H_

#include <cstdint>

#include "lib/codec/frame_columns.h"
#include "lib/kernel/map_count.h"

namespace pagesnap {

// No process, one process, or several: of those that were captured.
class Owner {
 public:
  constexpr Owner() = default;
  explicit constexpr Owner(int64_t process_id) : id_(process_id) {}

  [[nodiscard]] constexpr bool is_nobody() const { return id_ == kNobody; }
  [[nodiscard]] constexpr bool is_one() const { return id_ > 0; }
  [[nodiscard]] constexpr bool is_several() const { return id_ == kSeveral; }
  // The id of the process, if it is one.
  [[nodiscard]] constexpr int64_t process_id() const { return id_; }

  // Adds those that `other` stands for.
  constexpr void Add(Owner other) {
    if (id_ == kNobody) {
      id_ = other.id_;
    } else if (other.id_ != id_ && other.id_ != kNobody) {
      id_ = kSeveral;
    }
  }

 private:
  static constexpr int64_t kNobody = 0;  // ids are positive
  static constexpr int64_t kSeveral = -1;

  int64_t id_ = kNobody;
};

// Whether somebody else than the captured processes maps a frame.
enum class Outsiders : uint8_t { kNone, kSome, kUnknown };

// Who maps a frame, as far as the captured page tables say it.
struct FrameMappers {
  uint64_t page_count = 0;    // pages, at least one: captured page table entries that map the frame
  bool is_exclusive = false;  // bit 56 of one of these pages: only its address space maps the frame
};

// Returns it for a frame whose flags and map count were read. The average of a folio says nothing
// of one frame: of two processes that map half of the folio each, neither shares a page, and it is
// 1; it is 1 as well if a third one maps one more page.
constexpr Outsiders OutsidersOf(MapCountKind kind, const FrameFacts& facts,
                                const FrameMappers& captured) {
  if (IsOwnMapCount(kind, facts.flags)) {
    return facts.map_count > captured.page_count ? Outsiders::kSome : Outsiders::kNone;
  }
  return captured.is_exclusive ? Outsiders::kNone : Outsiders::kUnknown;
}

// Returns whether that proves that the captured pages are all that map the frame. `is_of_one()`
// says whether one address space has them all, and all of that was captured. A map count that is
// lower than the number of pages is of another moment, and proves nothing.
template <typename IsOfOne>
constexpr bool AreAllMappers(MapCountKind kind, const FrameFacts& facts,
                             const FrameMappers& captured, const IsOfOne& is_of_one) {
  if (facts.flags == kNotRead || facts.map_count == kNotRead) return false;
  if (IsOwnMapCount(kind, facts.flags)) return facts.map_count == captured.page_count;
  return captured.is_exclusive && is_of_one();
}

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_OWNER_H_
