// What was used last.
#ifndef LIB_BASE_RECENT_H_
#define LIB_BASE_RECENT_H_

#include <cstddef>
#include <list>
#include <memory>
#include <utility>

namespace pagesnap {

// Keeps the objects that were used last, so that memory does not grow with the number of those that
// are used one after the other. Whoever goes on using one holds it. For one thread.
template <typename T>
class Recent {
 public:
  explicit Recent(size_t kept) : kept_(kept) {}

  // Returns the object for which is_wanted(object) holds, or else make(), a std::shared_ptr.
  template <typename IsWanted, typename Make>
  const std::shared_ptr<T>& Get(const IsWanted& is_wanted, const Make& make) {
    for (auto place = objects_.begin(); place != objects_.end(); ++place) {
      if (!is_wanted(**place)) continue;
      objects_.splice(objects_.begin(), objects_, place);
      return objects_.front();
    }
    // Before the new one takes memory of its own.
    while (objects_.size() >= kept_) objects_.pop_back();
    objects_.push_front(make());
    return objects_.front();
  }

 private:
  size_t kept_;
  std::list<std::shared_ptr<T>> objects_;  // the last one first
};

}  // namespace pagesnap

#endif  // LIB_BASE_RECENT_H_
