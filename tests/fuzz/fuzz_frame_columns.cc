// Fuzzes the decoder of frame facts, and what is made of them for few look-ups and for many, which
// must say the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "lib/base/error.h"
#include "lib/codec/frame_columns.h"
#include "lib/store/frames/frame_chunk.h"
#include "tests/fuzz/one_input.h"

void TestOneInput(const uint8_t* data, size_t size) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  // The blob is decoded alone, and as one whose base is what it holds itself.
  try {
    const FrameRuns runs = DecodeFrameColumns({data, size});
    LargePool pool;
    const FrameChunk few(DecodeFrameColumns({data, size}, &runs), 1, pool);
    const FrameChunk many(DecodeFrameColumns({data, size}, &runs), kFramesPerChunk, pool);
    for (uint32_t i = 0; i < kFramesPerChunk; i += 97) {
      if (few.at(i) != many.at(i)) std::abort();
    }
    for (uint32_t i = 0; i < kFramesPerChunk; i = few.EndOf(i)) {
      if (few.at(i) != many.at(i)) std::abort();
    }
  } catch (const Error&) {
  }
}
