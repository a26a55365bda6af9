// Little-endian integers and varints in byte strings: the alphabet of every blob of the file.
#ifndef LIB_BASE_BYTES_H_
#define LIB_BASE_BYTES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pagesnap {

using ByteSpan = std::span<const uint8_t>;

inline ByteSpan AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Maps signed numbers to unsigned ones so that small magnitudes stay small: 0, -1, 1, -2 become
// 0, 1, 2, 3.
constexpr uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
constexpr int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

// Appends `value` as a varint: seven bits a byte, lowest first, the high bit set on all bytes but
// the last (LEB128). One to ten bytes.
void AppendVarint(std::string* out, uint64_t value);

// Appends `value` as eight bytes, lowest first.
void AppendU64(std::string* out, uint64_t value);

// Reads a blob from front to back. Every read is checked: past the end, or a varint over 64 bits,
// throws Error that names `what`. Borrows the bytes, which must outlive it.
class ByteReader {
 public:
  // `what` names the blob in messages, such as "page words"; it must be a string literal.
  ByteReader(ByteSpan bytes, const char* what) : bytes_(bytes), what_(what) {}

  [[nodiscard]] size_t remaining() const { return bytes_.size(); }
  uint8_t ReadU8();
  uint64_t ReadU64();
  uint64_t ReadVarint();
  // Returns the next `size` bytes, still borrowed.
  ByteSpan ReadBytes(uint64_t size);
  // Throws unless everything was read.
  void ExpectEnd() const;
  // Throws Error "the <what> blob is damaged: <reason>".
  [[noreturn]] void Fail(const char* reason) const;

 private:
  ByteSpan bytes_;
  const char* what_;
};

}  // namespace pagesnap

#endif  // LIB_BASE_BYTES_H_
