// What is computed over whole snapshots, once, and shared by the tables.
#ifndef LIB_QUERY_SCAN_ANALYSIS_CACHE_H_
#define LIB_QUERY_SCAN_ANALYSIS_CACHE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <type_traits>
#include <typeindex>
#include <utility>

#include "lib/base/recent.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Keeps what was computed of the snapshots and the comparisons that were used last, two of each:
// enough to compare, and memory does not grow with the number of snapshots. Cursors share what they
// work on. An analysis that is built on another holds it. For one thread.
class AnalysisCache {
 public:
  // `reader` is borrowed.
  explicit AnalysisCache(SnapshotReader& reader) : reader_(reader) {}

  [[nodiscard]] SnapshotReader& reader() const { return reader_; }

  // Returns the analysis T of a snapshot. At the first call it is made by T(cache, snapshot_id), or
  // by T(reader, snapshot_id) if it is built on no other.
  template <typename T>
  std::shared_ptr<T> Of(int64_t snapshot_id) {
    const std::shared_ptr<Snapshot> snapshot = snapshots_.Get(
        [&](const Snapshot& one) { return one.id == snapshot_id; },
        [&] { return std::make_shared<Snapshot>(Snapshot{.id = snapshot_id, .analyses = {}}); });
    return snapshot->analyses.template Get<T>([&] { return Make<T>(snapshot_id); });
  }

  // Returns the comparison T that `request` asks for, made by T(cache, request) at the first call.
  template <typename T>
  std::shared_ptr<T> Between(const typename T::Request& request) {
    const auto recent =
        comparisons_.Get<Recent<T>>([] { return std::make_shared<Recent<T>>(kKept); });
    return recent->Get([&](const T& one) { return one.request() == request; },
                       [&] { return std::make_shared<T>(*this, request); });
  }

  // Returns the T that all snapshots share, made by T(reader) at the first call.
  template <typename T>
  std::shared_ptr<T> OfAll() {
    return of_all_.Get<T>([&] { return std::make_shared<T>(reader_); });
  }

 private:
  static constexpr size_t kKept = 2;

  // Objects of several types, one of each.
  class Objects {
   public:
    template <typename T, typename MakeObject>
    std::shared_ptr<T> Get(const MakeObject& make) {
      const auto found = by_type_.find(typeid(T));
      if (found != by_type_.end()) return std::static_pointer_cast<T>(found->second);
      std::shared_ptr<T> made = make();
      by_type_.emplace(typeid(T), made);
      return made;
    }

   private:
    std::map<std::type_index, std::shared_ptr<void>> by_type_;
  };
  struct Snapshot {
    int64_t id;
    Objects analyses;
  };

  template <typename T>
  std::shared_ptr<T> Make(int64_t snapshot_id) {
    if constexpr (std::is_constructible_v<T, AnalysisCache&, int64_t>) {
      return std::make_shared<T>(*this, snapshot_id);
    } else {
      return std::make_shared<T>(reader_, snapshot_id);
    }
  }

  SnapshotReader& reader_;
  Objects of_all_;
  Objects comparisons_;
  Recent<Snapshot> snapshots_{kKept};
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_ANALYSIS_CACHE_H_
