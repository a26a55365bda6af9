// A plane: a byte string whose length both sides know, in the cheapest of four codings. The blobs
// of this folder are made of planes; nothing outside it uses them. schema/README.md has the layout.
#ifndef LIB_CODEC_PLANE_H_
#define LIB_CODEC_PLANE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/base/bytes.h"

namespace pagesnap {

// Returns how many planes of bytes hold `values_or`, the OR of all the values: 0 to 8.
int PlanesNeeded(uint64_t values_or);

// Says, from a sample of at most 512 bytes, whether compressing `bytes` would be a waste of time.
// Never says so of fewer than 64 bytes.
bool LooksRandom(ByteSpan bytes);

// Appends `bytes` as a plane. Throws Error when memory for the compressor runs out. Thread-safe.
void AppendPlane(std::string* out, ByteSpan bytes);

// Appends the bytes of all `pieces`, one behind the other, as one plane of zstd, without ever
// having them in one place. For large planes: nothing cheaper is tried. Otherwise as above.
void AppendLargePlane(std::string* out, std::span<const ByteSpan> pieces);

// Fills `out` from the next plane of `reader`. Throws Error unless the plane has exactly
// out.size() bytes. Allocates nothing that depends on the blob. Thread-safe.
void ReadPlane(ByteReader* reader, std::span<uint8_t> out);

// Appends `bytes` as a plane of zstd that takes what is in `before`, too, from there. It can be
// read with the same `before` alone. Both are at most 2 MiB. Throws as AppendPlane(). Thread-safe.
void AppendPlaneAfter(std::string* out, ByteSpan before, ByteSpan bytes);

// Reads what AppendPlaneAfter() wrote, as ReadPlane() does.
void ReadPlaneAfter(ByteReader* reader, ByteSpan before, std::span<uint8_t> out);

// Appends numbers below 2^24 as planes of their bytes, lowest first, behind the number of planes.
void AppendNumbers(std::string* out, std::span<const uint32_t> numbers);

// Returns the next `count` numbers. Throws Error for longer ones. `count` is checked by the caller.
std::vector<uint32_t> ReadNumbers(ByteReader* reader, size_t count);

}  // namespace pagesnap

#endif  // LIB_CODEC_PLANE_H_
