// Bits of known likelihood <-> bytes: an adaptive binary range coder. schema/README.md, "Likely
// bits", has the same in words.
#ifndef LIB_CODEC_BIT_CODER_H_
#define LIB_CODEC_BIT_CODER_H_

#include <cstdint>
#include <string>

#include "lib/base/bytes.h"

namespace pagesnap {

// How likely the next bit of one sort is, learned from those before. Encoder and decoder have the
// same for the same bits.
class BitModel {
 public:
  // Returns how many of 32,768 bits are 0: 1 to 32,767.
  [[nodiscard]] uint32_t zeros() const { return zeros_; }
  // Learns a bit: from the first ones much, from later ones less.
  void Learn(bool bit) {
    const int shift = kShift[seen_];
    seen_ += seen_ + 1u < sizeof kShift;
    zeros_ = static_cast<uint16_t>(bit ? zeros_ - (zeros_ >> shift)
                                       : zeros_ + ((32768 - zeros_) >> shift));
  }

 private:
  static constexpr uint8_t kShift[] = {1, 1, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4,
                                       4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5};
  uint16_t zeros_ = 16384;
  uint8_t seen_ = 0;  // bits, up to the last of kShift
};

// What both sides know of the range: its size never is below 2^24 between two bits.
inline constexpr uint32_t kMinRange = uint32_t{1} << 24;

class BitEncoder {
 public:
  // `out` is borrowed; bytes are appended.
  explicit BitEncoder(std::string* out) : out_(*out), start_(out->size()) {}

  void Encode(bool bit, BitModel* model) {
    const uint32_t bound = (range_ >> 15) * model->zeros();
    if (bit) {
      low_ += bound;
      range_ -= bound;
    } else {
      range_ = bound;
    }
    model->Learn(bit);
    while (range_ < kMinRange) {
      AppendByte();
      range_ <<= 8;
    }
  }
  // To be called once, behind the last bit.
  void Finish() {
    low_ += kMinRange - 1;  // the byte that is appended leads into the range, zeros behind it
    AppendByte();
  }

 private:
  void AppendByte() {
    // The sum may be a digit longer than its place.
    if (low_ >> 32 != 0) {
      for (size_t i = out_.size(); i-- > start_ && ++out_[i] == 0;) {
      }
    }
    out_.push_back(static_cast<char>(low_ >> 24));
    low_ = low_ << 8 & 0xffffffff;
  }

  std::string& out_;
  size_t start_;
  uint64_t low_ = 0;
  uint32_t range_ = ~uint32_t{0};
};

class BitDecoder {
 public:
  // Reads all that is left in `reader`, which is borrowed.
  explicit BitDecoder(ByteReader* reader)
      : reader_(*reader), bytes_(reader->ReadBytes(reader->remaining())) {
    for (int i = 0; i < 4; ++i) code_ = code_ << 8 | NextByte();
  }

  // Throws Error where the encoder's bytes ended before this bit.
  bool Decode(BitModel* model) {
    const uint32_t bound = (range_ >> 15) * model->zeros();
    const bool bit = code_ >= bound;
    if (bit) {
      code_ -= bound;
      range_ -= bound;
    } else {
      range_ = bound;
    }
    model->Learn(bit);
    while (range_ < kMinRange) {
      code_ = code_ << 8 | NextByte();
      range_ <<= 8;
    }
    return bit;
  }
  // Throws Error unless the last bit was the encoder's last one, too.
  void ExpectEnd() const {
    if (next_ != bytes_.size() + kZerosBehind) reader_.Fail("it has bytes behind its last bit");
  }

 private:
  // Zeros that the decoder needs behind the bytes: it is four bytes ahead, and the encoder appends
  // one at its end.
  static constexpr size_t kZerosBehind = 3;

  uint32_t NextByte() {
    const size_t at = next_++;
    if (at < bytes_.size()) return bytes_[at];
    if (at >= bytes_.size() + kZerosBehind) reader_.Fail("it ends early");
    return 0;
  }

  const ByteReader& reader_;
  ByteSpan bytes_;
  size_t next_ = 0;
  uint32_t code_ = 0;
  uint32_t range_ = ~uint32_t{0};
};

}  // namespace pagesnap

#endif  // LIB_CODEC_BIT_CODER_H_
