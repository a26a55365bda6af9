// Numbers as text: strict parsing of what the kernel or a user wrote, and sizes for people.
#ifndef LIB_BASE_NUMBER_H_
#define LIB_BASE_NUMBER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pagesnap {

// Returns the number that `text` is, whole, in `base` (10 or 16, without a prefix), or nothing:
// no blanks, no sign, no rest, no overflow.
std::optional<uint64_t> ParseUnsigned(std::string_view text, int base = 10);

// Returns the number of an address or count as a user writes it: decimal, or hexadecimal with 0x.
std::optional<uint64_t> ParseAddress(std::string_view text);

// Returns the bytes of a size as a user writes it: a whole number, with K, M, G or T for binary
// units ("500M", "2G"). Nothing for other texts, or when it is above 2^63 - 1.
std::optional<uint64_t> ParseBytes(std::string_view text);

// Returns a size for people: "0 B", "640 B", "12.0 KiB", "1.5 GiB"; binary units, one decimal.
std::string HumanBytes(uint64_t bytes);

// Returns a duration for people: "850 us", "12.3 ms", "1.25 s".
std::string HumanDuration(uint64_t nanoseconds);

// Returns a count with thousands separated: 1234567 is "1,234,567".
std::string HumanCount(uint64_t count);

// Returns the number without its fraction, or nothing when no int64_t is like it: a conversion
// would be undefined behaviour.
std::optional<int64_t> IntegerOf(double number);

constexpr uint64_t DivideRoundingUp(uint64_t value, uint64_t divisor) {
  return value / divisor + (value % divisor != 0);
}

}  // namespace pagesnap

#endif  // LIB_BASE_NUMBER_H_
