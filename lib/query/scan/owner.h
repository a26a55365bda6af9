// To which process something belongs: a frame, a swap slot, a content.
#ifndef LIB_QUERY_SCAN_OWNER_H_
#define LIB_QUERY_SCAN_OWNER_H_

#include <cstdint>

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

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_OWNER_H_
