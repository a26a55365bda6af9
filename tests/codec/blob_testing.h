// What the tests of all blobs share.
#ifndef TESTS_CODEC_BLOB_TESTING_H_
#define TESTS_CODEC_BLOB_TESTING_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

namespace pagesnap {

// Returns the bytes of hexadecimal text; blanks and '|' are there for people.
inline std::string FromHex(std::string_view text) {
  std::string digits;
  for (char c : text) {
    if (c != ' ' && c != '|') digits += c;
  }
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

inline std::string ToHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (uint8_t byte : AsBytes(bytes)) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

// Decodes every beginning of `blob`, every blob that differs from it in one byte (in one bit, where
// decoding is slow), and `blob` with a byte behind it. `decode` takes a ByteSpan. A beginning and
// the longer blob must be an Error; the others may decode.
// Copies of the exact size let AddressSanitizer see reads past the end.
template <typename Decode>
void ExpectDamageIsSurvived(std::string_view blob, Decode decode, bool every_value = true) {
  for (size_t size = 0; size < blob.size(); ++size) {
    const std::vector<uint8_t> head(blob.begin(), blob.begin() + size);
    EXPECT_THROW(decode(ByteSpan(head)), Error) << size << " of " << blob.size() << " bytes";
  }
  for (size_t i = 0; i < blob.size(); ++i) {
    for (int flip = 1; flip < 256; flip = every_value ? flip + 1 : flip * 2) {
      std::vector<uint8_t> damaged(blob.begin(), blob.end());
      damaged[i] ^= static_cast<uint8_t>(flip);
      try {
        decode(ByteSpan(damaged));
      } catch (const Error& error) {
        EXPECT_NE(std::string_view(error.what()), "");
      }
    }
  }
  std::vector<uint8_t> longer(blob.begin(), blob.end());
  longer.push_back(0);
  EXPECT_THROW(decode(ByteSpan(longer)), Error);
}

}  // namespace pagesnap

#endif  // TESTS_CODEC_BLOB_TESTING_H_
