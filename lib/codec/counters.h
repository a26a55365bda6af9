// What the kernel has counted <-> the blob of machine_counters. schema/README.md has the byte
// layout.
#ifndef LIB_CODEC_COUNTERS_H_
#define LIB_CODEC_COUNTERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/bytes.h"

namespace pagesnap {

// Most counters there can be. Linux 6.18 with nine sizes of huge pages has about 370.
inline constexpr size_t kMaxCounters = 4096;

struct Counters {
  std::vector<std::string> names;
  std::vector<int64_t> values;  // of names
};

// Returns the blob of `counters`: names and values, or, with a base, how much each value is more
// than there. `base` is null, or has the same names. Throws Error for more than kMaxCounters, and
// for names that are longer than 128 bytes or contain a line feed.
std::string EncodeCounters(const Counters& counters, const Counters* base);

// Returns what EncodeCounters() was given, from its blob and the same base. Throws Error for
// damaged blobs, after reading no more than the largest there can be.
Counters DecodeCounters(ByteSpan blob, const Counters* base);

}  // namespace pagesnap

#endif  // LIB_CODEC_COUNTERS_H_
