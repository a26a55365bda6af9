#include "lib/codec/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "lib/base/error.h"

namespace pagesnap {

std::string Gunzip(std::string_view compressed, size_t max_bytes) {
  constexpr int kGzipOnly =
      16;  // added to the window size: no zlib header (inflateInit2 in zlib.h)
  constexpr size_t kBlock = size_t{64} << 10;
  z_stream stream = {};
  if (inflateInit2(&stream, kGzipOnly + MAX_WBITS) != Z_OK) throw Error("zlib cannot be used");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  // zlib reads it, and has no const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(std::min<size_t>(compressed.size(), UINT32_MAX));
  std::string text;
  for (int result = Z_OK; result != Z_STREAM_END;) {
    if (text.size() >= max_bytes) throw Error("there is more than expected in it");
    const size_t done = text.size();
    text.resize(std::min(done + kBlock, max_bytes));
    stream.next_out = reinterpret_cast<Bytef*>(text.data() + done);
    stream.avail_out = static_cast<uInt>(text.size() - done);
    result = inflate(&stream, Z_NO_FLUSH);
    text.resize(text.size() - stream.avail_out);
    if (result != Z_OK && result != Z_STREAM_END) throw Error("it is not gzip's, or is damaged");
  }
  return text;
}

}  // namespace pagesnap
