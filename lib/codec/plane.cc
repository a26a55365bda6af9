#include "lib/codec/plane.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

enum Method : uint8_t { kAllZero = 0, kAllEqual = 1, kStored = 2, kZstd = 3, kZstdAfter = 4 };

// Planes of page words, at most 4096 bytes, are many, and their encoding is to keep up with the
// kernel. The high bytes of random frames have few values, in which short matches turn up by
// chance; they cost time and gain nothing over the entropy coder. And clearing the usual hash table
// of 32 KiB takes as long as compressing such a plane.
constexpr size_t kSmallPlane = 4096;
constexpr int kSmallPlaneLevel = 1;
constexpr int kSmallPlaneMinMatch = 7;
constexpr int kSmallPlaneHashLog = 10;
constexpr int kLargePlaneLevel = 3;
constexpr int kChosenByLevel = 0;

// No zstd frame that holds anything useful is shorter than this with the two bytes around it.
constexpr size_t kSmallestZstd = 16;

constexpr size_t kSmallestSample = 64;
constexpr size_t kLargestSample = 512;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// Making a context costs more than compressing a plane, so each thread keeps one.
ZSTD_CCtx* CompressionContext(size_t plane_size) {
  thread_local std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  if (context == nullptr) throw Error("out of memory for zstd; close other programs and try again");
  // A frame that was too large for its room is left unfinished.
  ZSTD_CCtx_reset(context.get(), ZSTD_reset_session_only);
  const bool small = plane_size <= kSmallPlane;
  auto set = [&](ZSTD_cParameter parameter, int value) {
    ZSTD_CCtx_setParameter(context.get(), parameter, value);
  };
  set(ZSTD_c_compressionLevel, small ? kSmallPlaneLevel : kLargePlaneLevel);
  set(ZSTD_c_minMatch, small ? kSmallPlaneMinMatch : kChosenByLevel);
  set(ZSTD_c_hashLog, small ? kSmallPlaneHashLog : kChosenByLevel);
  return context.get();
}

ZSTD_DCtx* DecompressionContext() {
  thread_local std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  if (context == nullptr) throw Error("out of memory for zstd; close other programs and try again");
  return context.get();
}

size_t VarintSize(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// Appends the plane as zstd and returns true if that is smaller than storing it.
bool AppendIfZstdIsSmaller(std::string* out, ByteSpan bytes) {
  const size_t start = out->size();
  const size_t length_at = start + 1;
  // The frame goes where it belongs if its length takes two bytes, as nearly all do.
  const size_t frame_at = length_at + 2;
  out->resize(start + 1 + bytes.size());
  const size_t capacity = out->size() - frame_at;
  size_t size = ZSTD_compress2(CompressionContext(bytes.size()), out->data() + frame_at, capacity,
                               bytes.data(), bytes.size());
  // The commonest error is that the frame is too large for what storing would take.
  if (ZSTD_isError(size) || VarintSize(size) + size >= bytes.size()) {
    out->resize(start);
    return false;
  }
  std::string length;
  AppendVarint(&length, size);
  out->resize(frame_at + size);
  (*out)[start] = static_cast<char>(kZstd);
  out->replace(length_at, 2, length);
  return true;
}

// `before` is what the frame refers to beside itself.
void ReadZstd(ByteReader* reader, ByteSpan before, std::span<uint8_t> out) {
  ByteSpan frame = reader->ReadBytes(reader->ReadVarint());
  // zstd would also take frames of its formats before 1.0, whose decoders are hardly tested, and
  // several frames in a row.
  static constexpr uint8_t kMagic[] = {0x28, 0xb5, 0x2f, 0xfd};
  if (frame.size() < sizeof kMagic || !std::equal(kMagic, std::end(kMagic), frame.begin()) ||
      ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size()) {
    reader->Fail("a plane is no zstd frame");
  }
  ZSTD_DCtx* const context = DecompressionContext();
  // Holds for one frame.
  if (ZSTD_isError(ZSTD_DCtx_refPrefix(context, before.data(), before.size()))) {
    reader->Fail("zstd cannot decompress a plane");
  }
  size_t size = ZSTD_decompressDCtx(context, out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(size)) reader->Fail("zstd cannot decompress a plane");
  if (size != out.size()) reader->Fail("a plane is too short");
}

}  // namespace

int PlanesNeeded(uint64_t values_or) { return (std::bit_width(values_or) + 7) / 8; }

bool LooksRandom(ByteSpan bytes) {
  if (bytes.size() < kSmallestSample) return false;
  const size_t sampled = std::min(bytes.size(), kLargestSample);
  const size_t step = bytes.size() / sampled;
  bool seen[256] = {};
  for (size_t i = 0; i < sampled; ++i) seen[bytes[i * step]] = true;
  const auto distinct = static_cast<double>(std::count(seen, std::end(seen), true));
  // Of 256 values, this many turn up in so many random bytes, 221 +- 6 in 512. With 7.5 bits of
  // entropy, where compression begins to gain a little, it is less than 0.92 of that.
  const double expected = 256 * (1 - std::exp(-static_cast<double>(sampled) / 256));
  return distinct >= 0.92 * expected;
}

void AppendPlane(std::string* out, ByteSpan bytes) {
  // Each byte equals the next: all are equal.
  if (bytes.empty() || std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0) {
    const uint8_t value = bytes.empty() ? 0 : bytes[0];
    out->push_back(static_cast<char>(value == 0 ? kAllZero : kAllEqual));
    if (value != 0) out->push_back(static_cast<char>(value));
    return;
  }
  if (bytes.size() > kSmallestZstd && !LooksRandom(bytes) && AppendIfZstdIsSmaller(out, bytes)) {
    return;
  }
  out->push_back(static_cast<char>(kStored));
  out->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void AppendLargePlane(std::string* out, std::span<const ByteSpan> pieces) {
  size_t total = 0;
  for (ByteSpan piece : pieces) total += piece.size();
  ZSTD_CCtx* const context = CompressionContext(total);
  ZSTD_CCtx_setPledgedSrcSize(context, total);
  std::string frame;
  auto feed = [&](ByteSpan piece, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    size_t left = 1;
    while (in.pos < in.size || (directive == ZSTD_e_end && left != 0)) {
      const size_t start = frame.size();
      frame.resize(start + ZSTD_CStreamOutSize());
      ZSTD_outBuffer room{frame.data() + start, frame.size() - start, 0};
      left = ZSTD_compressStream2(context, &room, &in, directive);
      frame.resize(start + room.pos);
      if (ZSTD_isError(left)) {
        throw Error(fmt::format("zstd cannot compress: {}", ZSTD_getErrorName(left)));
      }
    }
  };
  for (ByteSpan piece : pieces) feed(piece, ZSTD_e_continue);
  feed({}, ZSTD_e_end);
  out->push_back(static_cast<char>(kZstd));
  AppendVarint(out, frame.size());
  *out += frame;
}

void ReadPlane(ByteReader* reader, std::span<uint8_t> out) {
  switch (reader->ReadU8()) {
    case kAllZero:
      std::ranges::fill(out, 0);
      return;
    case kAllEqual:
      std::ranges::fill(out, reader->ReadU8());
      return;
    case kStored:
      std::ranges::copy(reader->ReadBytes(out.size()), out.begin());
      return;
    case kZstd:
      ReadZstd(reader, {}, out);
      return;
    default:
      reader->Fail("a plane has an unknown coding");
  }
}

void AppendPlaneAfter(std::string* out, ByteSpan before, ByteSpan bytes) {
  // What differs is a byte here and there: short matches are what this is about.
  ZSTD_CCtx* const context = CompressionContext(kSmallPlane + 1);
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  size_t size = ZSTD_CCtx_refPrefix(context, before.data(), before.size());
  if (!ZSTD_isError(size)) {
    size = ZSTD_compress2(context, frame.data(), frame.size(), bytes.data(), bytes.size());
  }
  if (ZSTD_isError(size)) {
    throw Error(fmt::format("zstd cannot compress: {}", ZSTD_getErrorName(size)));
  }
  out->push_back(static_cast<char>(kZstdAfter));
  AppendVarint(out, size);
  out->append(frame, 0, size);
}

void ReadPlaneAfter(ByteReader* reader, ByteSpan before, std::span<uint8_t> out) {
  if (reader->ReadU8() != kZstdAfter) reader->Fail("a plane has an unknown coding");
  ReadZstd(reader, before, out);
}

void AppendNumbers(std::string* out, std::span<const uint32_t> numbers) {
  uint64_t all = 0;
  for (uint32_t number : numbers) all |= number;
  const int planes = PlanesNeeded(all);
  out->push_back(static_cast<char>(planes));
  std::vector<uint8_t> bytes(numbers.size());
  for (int plane = 0; plane < planes; ++plane) {
    std::ranges::transform(numbers, bytes.begin(), [plane](uint32_t number) {
      return static_cast<uint8_t>(number >> 8 * plane);
    });
    AppendPlane(out, bytes);
  }
}

std::vector<uint32_t> ReadNumbers(ByteReader* reader, size_t count) {
  const int planes = reader->ReadU8();
  if (planes > 3) reader->Fail("its numbers have too many planes");
  std::vector<uint32_t> numbers(count);
  std::vector<uint8_t> bytes(planes == 0 ? 0 : count);
  for (int plane = 0; plane < planes; ++plane) {
    ReadPlane(reader, bytes);
    for (size_t i = 0; i < count; ++i) {
      numbers[i] |= uint32_t{bytes[i]} << 8 * plane;
    }
  }
  return numbers;
}

}  // namespace pagesnap
