// Which zone of which NUMA node a frame is in.
#ifndef LIB_STORE_FRAMES_ZONE_TABLE_H_
#define LIB_STORE_FRAMES_ZONE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/store/sqlite/database.h"

namespace pagesnap {

struct Zone {
  int64_t node;
  std::string name;
  uint64_t start_pfn;
  uint64_t end_pfn;
};

// The zones of a snapshot. They do not overlap on most machines, but can: a node may lie between
// two parts of another. A frame is then in the zone that starts first.
class ZoneTable {
 public:
  ZoneTable() = default;
  // Reads those of a snapshot, whose id is that in the file. Throws Error.
  ZoneTable(const Database& database, int64_t snapshot_id);
  ZoneTable(const ZoneTable&) = delete;
  ZoneTable& operator=(const ZoneTable&) = delete;

  // Returns the zone of a frame, or null. Takes the logarithm of the number of zones. It lives as
  // long as this object.
  [[nodiscard]] const Zone* Find(uint64_t pfn) const {
    // It is called for each page, and most frames are in the largest zone.
    return pfn - largest_start_ < largest_size_ ? largest_ : Search(pfn);
  }
  // Returns the first PFN behind `pfn` that may be in another zone, or in none; UINT64_MAX if there
  // is no such. Takes as long.
  [[nodiscard]] uint64_t EndFrom(uint64_t pfn) const;
  // Returns the number of zones.
  [[nodiscard]] size_t size() const { return zones_.size(); }

 private:
  [[nodiscard]] const Zone* Search(uint64_t pfn) const;
  void Divide();

  std::vector<Zone> zones_;  // by start
  // Where another zone begins to hold, ascending.
  struct Part {
    uint64_t start_pfn;
    const Zone* zone;  // or null
  };
  std::vector<Part> parts_;
  // The largest of them.
  uint64_t largest_start_ = 0;
  uint64_t largest_size_ = 0;  // frames
  const Zone* largest_ = nullptr;
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_ZONE_TABLE_H_
