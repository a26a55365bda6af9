// What gzip(1) compressed, as /proc/config.gz.
#ifndef LIB_CODEC_GZIP_H_
#define LIB_CODEC_GZIP_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace pagesnap {

// Returns the contents of one gzip member (RFC 1952). Throws Error when `compressed` is none, is
// cut off or damaged, or has more than `max_bytes`.
std::string Gunzip(std::string_view compressed, size_t max_bytes);

}  // namespace pagesnap

#endif  // LIB_CODEC_GZIP_H_
