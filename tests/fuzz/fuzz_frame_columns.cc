// Fuzzes the decoder of frame facts.
#include <cstddef>
#include <cstdint>

#include "lib/base/error.h"
#include "lib/codec/frame_columns.h"
#include "lib/store/frame_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  // The blob is decoded alone, and as one whose base is what it holds itself.
  try {
    const FrameRuns runs = DecodeFrameColumns({data, size});
    const FrameChunk chunk(DecodeFrameColumns({data, size}, &runs));
    for (uint32_t i = 0; i < kFramesPerChunk; i += 97) static_cast<void>(chunk.at(i));
  } catch (const Error&) {
  }
  return 0;
}
