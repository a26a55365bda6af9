// What somebody came upon and went on without.
#ifndef LIB_STORE_READ_DAMAGE_NOTE_H_
#define LIB_STORE_READ_DAMAGE_NOTE_H_

#include <mutex>
#include <string>
#include <string_view>

namespace pagesnap {

// Thread-safe.
class DamageNote {
 public:
  // Remembers the first problem that is not "".
  void Add(std::string_view problem) {
    const std::lock_guard lock(mutex_);
    if (problem_.empty()) problem_ = problem;
  }
  // Returns it, "" when there was none.
  [[nodiscard]] std::string problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

 private:
  mutable std::mutex mutex_;  // guards problem_
  std::string problem_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_READ_DAMAGE_NOTE_H_
