#include "lib/codec/frame_tree.h"

#include <array>
#include <bit>
#include <vector>

#include "lib/codec/bit_coder.h"
#include "lib/codec/frame_columns.h"

namespace pagesnap {
namespace {

// With more kinds, how likely each is does not depend on the kind before it: there would be more
// to learn than there are frames.
constexpr size_t kMaxKindsInContext = 256;

// A block of the chunk: all its frames, or a half of another block. The model of each sort of bit.
class TreeModels {
 public:
  explicit TreeModels(size_t kind_count)
      : kind_bits_(std::bit_width(kind_count - 1)),
        has_context_(kind_count <= kMaxKindsInContext),
        kinds_((has_context_ ? kind_count : 1) << kind_bits_) {}

  // Whether a block is in two halves.
  BitModel* Split(int level) { return &split_[level]; }
  // Whether it is not of the kind of the block before it.
  BitModel* Other(int level) { return &other_[level]; }
  // The next bit of its kind, where `bits` are a 1 and those before it.
  BitModel* Kind(uint32_t before, uint32_t bits) {
    return &kinds_[(has_context_ ? size_t{before} << kind_bits_ : 0) + bits];
  }
  [[nodiscard]] int kind_bits() const { return kind_bits_; }

 private:
  static constexpr int kLevels = std::bit_width(kFramesPerChunk);

  int kind_bits_;
  bool has_context_;
  std::array<BitModel, kLevels> split_;
  std::array<BitModel, kLevels> other_;
  std::vector<BitModel> kinds_;
};

class TreeEncoder {
 public:
  TreeEncoder(std::string* out, std::span<const FrameSpan> spans, size_t kind_count)
      : spans_(spans), models_(kind_count), bits_(out) {}

  void Encode() {
    EncodeBlock(0, kFramesPerChunk, 0);
    bits_.Finish();
  }

 private:
  void EncodeBlock(uint32_t first, uint32_t size, int level) {
    const uint32_t end = first + size;
    while (next_ < spans_.size() && spans_[next_].last < first) ++next_;
    const bool is_empty = next_ == spans_.size() || spans_[next_].first >= end;
    const bool is_split = !is_empty && next_ + 1 < spans_.size() && spans_[next_ + 1].first < end;
    if (size > 1) bits_.Encode(is_split, models_.Split(level));
    if (is_split) {
      EncodeBlock(first, size / 2, level + 1);
      EncodeBlock(first + size / 2, size / 2, level + 1);
    } else {
      EncodeKind(is_empty ? before_ : spans_[next_].kind, level);
    }
  }

  void EncodeKind(uint32_t kind, int level) {
    bits_.Encode(kind != before_, models_.Other(level));
    if (kind == before_) return;
    uint32_t bits = 1;
    for (int i = models_.kind_bits() - 1; i >= 0; --i) {
      const bool bit = (kind >> i & 1) != 0;
      bits_.Encode(bit, models_.Kind(before_, bits));
      bits = bits << 1 | (bit ? 1 : 0);
    }
    before_ = kind;
  }

  std::span<const FrameSpan> spans_;
  size_t next_ = 0;  // span
  uint32_t before_ = 0;
  TreeModels models_;
  BitEncoder bits_;
};

class TreeDecoder {
 public:
  TreeDecoder(ByteReader* reader, size_t kind_count,
              const std::function<void(uint32_t kind, uint32_t frame_count)>& take)
      : reader_(*reader),
        kind_count_(kind_count),
        take_(take),
        models_(kind_count),
        bits_(reader) {}

  void Decode() {
    DecodeBlock(kFramesPerChunk, 0);
    bits_.ExpectEnd();
  }

 private:
  void DecodeBlock(uint32_t size, int level) {
    if (size > 1 && bits_.Decode(models_.Split(level))) {
      DecodeBlock(size / 2, level + 1);
      DecodeBlock(size / 2, level + 1);
    } else {
      if (bits_.Decode(models_.Other(level))) DecodeKind();
      take_(before_, size);
    }
  }

  void DecodeKind() {
    uint32_t bits = 1;
    for (int i = 0; i < models_.kind_bits(); ++i) {
      bits = bits << 1 | (bits_.Decode(models_.Kind(before_, bits)) ? 1 : 0);
    }
    before_ = bits - (uint32_t{1} << models_.kind_bits());
    if (before_ >= kind_count_) reader_.Fail("a frame has facts that are not there");
  }

  const ByteReader& reader_;
  size_t kind_count_;
  const std::function<void(uint32_t, uint32_t)>& take_;
  uint32_t before_ = 0;
  TreeModels models_;
  BitDecoder bits_;
};

}  // namespace

void AppendFrameTree(std::string* out, std::span<const FrameSpan> spans, size_t kind_count) {
  if (kind_count > 1) TreeEncoder(out, spans, kind_count).Encode();
}

void ReadFrameTree(ByteReader* reader, size_t kind_count,
                   const std::function<void(uint32_t kind, uint32_t frame_count)>& take) {
  if (kind_count == 0) reader->Fail("a frame has facts that are not there");
  if (kind_count == 1) {
    take(0, kFramesPerChunk);
    reader->ExpectEnd();
  } else {
    TreeDecoder(reader, kind_count, take).Decode();
  }
}

}  // namespace pagesnap
