// The facts of frames: equal ones are stored once, and coded against others where that is smaller.
#ifndef LIB_STORE_WRITE_FRAME_STORE_H_
#define LIB_STORE_WRITE_FRAME_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "lib/codec/frame_columns.h"
#include "lib/store/write/identity_map.h"
#include "lib/store/write/row_writer.h"

namespace pagesnap {

// Used by several threads at once: they encode in parallel.
class FrameStore {
 public:
  // `rows` is borrowed.
  explicit FrameStore(RowWriter& rows) : rows_(rows) {}

  // Adds the chunk of frames from `first_pfn` on to a snapshot. With `series` the next snapshot's
  // are coded against them. Throws Error.
  void Add(int64_t snapshot_id, uint64_t first_pfn, const FrameColumns& columns, bool series);
  // Adds a chunk of RAM, with `ram_count` frames of RAM, and, unless `referenced_count` is 0, the
  // chunk of frames as well, with the same content. Otherwise as Add().
  void AddRam(int64_t snapshot_id, uint64_t first_pfn, const FrameColumns& columns,
              uint32_t ram_count, uint32_t referenced_count, bool series);

 private:
  // What a content is of; contents of a series are coded against the last one of the same place.
  struct Place {
    uint64_t first_pfn;
    bool is_ram;
    [[nodiscard]] uint64_t Key() const { return first_pfn | (is_ram ? 1 : 0); }
  };
  BlobKey Store(const Place& place, const FrameColumns& columns, bool series);
  std::string Encode(const Place& place, const FrameColumns& columns, std::string alone,
                     std::optional<BlobKey>* base);

  RowWriter& rows_;
  // Guarded by the lock of the database:
  IdentityMap<BlobKey> contents_;
  std::unordered_map<uint64_t, BlobKey> last_;  // of a series, by Place::Key()
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_FRAME_STORE_H_
