#include "lib/base/bytes.h"

#include <fmt/format.h>

#include "lib/base/error.h"

namespace pagesnap {

void AppendVarint(std::string* out, uint64_t value) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

void AppendU64(std::string* out, uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) out->push_back(static_cast<char>(value >> shift));
}

uint8_t ByteReader::ReadU8() { return ReadBytes(1)[0]; }

uint64_t ByteReader::ReadU64() {
  ByteSpan bytes = ReadBytes(8);
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

uint64_t ByteReader::ReadVarint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    uint8_t byte = ReadU8();
    if (shift == 63 && byte > 1) break;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  Fail("a number is longer than 64 bits");
}

ByteSpan ByteReader::ReadBytes(uint64_t size) {
  if (size > bytes_.size()) Fail("it ends too early");
  ByteSpan head = bytes_.first(size);
  bytes_ = bytes_.subspan(size);
  return head;
}

void ByteReader::ExpectEnd() const {
  if (!bytes_.empty()) Fail("there are bytes after its end");
}

void ByteReader::Fail(const char* reason) const {
  throw Error(fmt::format("the {} blob is damaged: {}", what_, reason));
}

}  // namespace pagesnap
