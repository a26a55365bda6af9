// Which frames of a chunk are alike <-> the end of a blob of frame_content. schema/README.md has
// the byte layout.
#ifndef LIB_CODEC_FRAME_TREE_H_
#define LIB_CODEC_FRAME_TREE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "lib/base/bytes.h"

namespace pagesnap {

// A blob of frame facts that ends with a tree begins with this, a varint; one of a file before
// version 6 begins with a smaller number.
inline constexpr uint64_t kFrameTreeMark = 65537;

// Frames that follow each other and are of one kind, as far as it matters.
struct FrameSpan {
  uint32_t first;  // from the start of the chunk
  uint32_t last;
  uint32_t kind;
};

// Appends `spans`, at least one: they ascend, do not overlap, have kinds below `kind_count`, 1 to
// kFramesPerChunk + 1, and neighbours have different ones. Of frames between spans the reader is
// told the kind of one of the two spans beside them. Thread-safe.
void AppendFrameTree(std::string* out, std::span<const FrameSpan> spans, size_t kind_count);

// Calls take(kind, frame_count) for all frames of the chunk in ascending order; reads all that is
// left in `reader`. Throws Error for a blob that is damaged, also after some of the calls.
// Thread-safe.
void ReadFrameTree(ByteReader* reader, size_t kind_count,
                   const std::function<void(uint32_t kind, uint32_t frame_count)>& take);

}  // namespace pagesnap

#endif  // LIB_CODEC_FRAME_TREE_H_
