// What a snapshot knows of all RAM ('capture --frames all').
#ifndef LIB_STORE_FRAMES_RAM_TABLE_H_
#define LIB_STORE_FRAMES_RAM_TABLE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "lib/codec/frame_columns.h"
#include "lib/store/sqlite/database.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// The ranges and chunks of one snapshot, and the facts of one chunk at a time. For one thread.
class RamTable {
 public:
  // Frames [first_pfn, end_pfn).
  struct Range {
    uint64_t first_pfn;
    uint64_t end_pfn;
  };

  // `database` is borrowed; the id is that in the file. Throws Error when the tables contradict
  // each other.
  RamTable(const Database& database, int64_t snapshot_id);

  // Whether the snapshot has only the frames that pages refer to.
  [[nodiscard]] bool empty() const { return chunks_.empty(); }
  // Returns where RAM is, ascending, without overlaps.
  [[nodiscard]] const std::vector<Range>& ranges() const { return ranges_; }

  // Returns the facts of the frames from `chunk_start`, a multiple of kFramesPerChunk, on. Those of
  // frames that are not in ranges() mean nothing, and one at least has to be. Valid until the next
  // call. Throws Error when the chunk is damaged.
  const FrameRuns& Load(uint64_t chunk_start);

 private:
  struct Chunk {
    uint64_t first_pfn;
    int64_t content_id;
  };
  uint64_t ReadRanges(int64_t snapshot_id);
  [[nodiscard]] uint64_t FramesIn(uint64_t chunk_start) const;

  const Database& database_;
  std::unique_ptr<Statement> select_;
  std::vector<Range> ranges_;
  std::vector<Chunk> chunks_;
  FrameRuns runs_;  // of loaded_
  uint64_t loaded_ = ~uint64_t{0};
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_RAM_TABLE_H_
