// Fuzzes the decoder of frame columns. The first four bytes are the number of frames.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lib/base/error.h"
#include "lib/codec/frame_columns.h"
#include "lib/store/frame_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  uint32_t count;
  if (size < sizeof count) return 0;
  std::memcpy(&count, data, sizeof count);
  try {
    const FrameChunk chunk(0, DecodeFrameColumns({data + 4, size - 4}, count));
    for (uint32_t i = 0; i < kFramesPerChunk; i += 97) static_cast<void>(chunk.Find(i));
  } catch (const Error&) {
  }
  return 0;
}
