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

// A range of addresses, or one address.
struct AddressRange {
  uint64_t first = 0;
  uint64_t last = 0;  // inclusive
  bool is_one = false;
};

// Returns the range that a user writes: A-B as in /proc/PID/maps, where both are hexadecimal and B
// is behind the last byte; A+LENGTH, in bytes or as in ParseBytes; or one address A. A is
// hexadecimal with 0x or a letter, and of digits only it is decimal unless `digits_base` is 16.
// Nothing for other texts, and for no byte at all.
std::optional<AddressRange> ParseAddressRange(std::string_view text, int digits_base = 10);

// Returns the bytes of a size as a user writes it: a whole number, with K, M, G or T for binary
// units ("500M", "2G"). Nothing for other texts, or when it is above 2^63 - 1.
std::optional<uint64_t> ParseBytes(std::string_view text);

// Returns the nanoseconds of a duration as a user writes it: a number with or without decimals, in
// seconds or with ms, s, m, h or d ("500ms", "1.5", "5m"). Nothing for other texts, or when it is
// above 2^63 - 1.
std::optional<int64_t> ParseDuration(std::string_view text);

// Returns a size for people: "0 B", "640 B", "12.0 KiB", "1.5 GiB"; binary units, one decimal.
std::string HumanBytes(uint64_t bytes);

// Returns KiB in at most five characters, and a sign: "820K", "2.38M", "96.6M", "1.25G".
std::string HumanKib(int64_t kib);

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
