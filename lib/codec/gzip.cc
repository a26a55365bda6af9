#include "lib/codec/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "lib/base/error.h"

namespace pagesnap {

std::string Gunzip(std::string_view compressed, size_t max_bytes) {
  // Added to the window size: no zlib header (inflateInit2() in zlib.h).
  constexpr int kGzipOnly = 16;
  constexpr uInt kBlock = uInt{64} << 10;
  z_stream stream = {};
  if (inflateInit2(&stream, kGzipOnly + MAX_WBITS) != Z_OK) throw Error("zlib cannot be used");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  // zlib reads it, and has no const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(std::min<size_t>(compressed.size(), UINT32_MAX));
  std::string text;
  std::vector<char> block(kBlock);
  for (int result = Z_OK; result != Z_STREAM_END;) {
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = kBlock;
    result = inflate(&stream, Z_NO_FLUSH);
    const size_t count = kBlock - stream.avail_out;
    if (text.size() + count > max_bytes) throw Error("there is more than expected in it");
    text.append(block.data(), count);
    if (result != Z_OK && result != Z_STREAM_END) throw Error("it is not gzip's, or is damaged");
  }
  return text;
}

}  // namespace pagesnap
