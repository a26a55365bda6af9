#include "lib/base/number.h"

#include <fmt/format.h>

#include <charconv>

namespace pagesnap {

std::optional<uint64_t> ParseUnsigned(std::string_view text, int base) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<uint64_t> ParseAddress(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) return ParseUnsigned(text.substr(2), 16);
  return ParseUnsigned(text, 10);
}

std::optional<uint64_t> ParseBytes(std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  const size_t unit = text.empty() ? kUnits.npos : kUnits.find(text.back());
  const uint64_t shift = unit == kUnits.npos ? 0 : 10 * (unit + 1);
  if (shift > 0) text.remove_suffix(1);
  const std::optional<uint64_t> count = ParseUnsigned(text);
  if (!count || *count > static_cast<uint64_t>(INT64_MAX) >> shift) return std::nullopt;
  return *count << shift;
}

std::string HumanBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string HumanDuration(uint64_t nanoseconds) {
  double value = static_cast<double>(nanoseconds);
  if (value < 1e6) return fmt::format("{:.0f} us", value / 1e3);
  if (value < 1e9) return fmt::format("{:.1f} ms", value / 1e6);
  return fmt::format("{:.2f} s", value / 1e9);
}

std::string HumanCount(uint64_t count) {
  std::string digits = std::to_string(count);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::optional<int64_t> IntegerOf(double number) {
  // 2^63 is a double, the largest int64_t is not. NaN compares false.
  constexpr double kEnd = 9223372036854775808.0;
  if (!(number >= -kEnd && number < kEnd)) return std::nullopt;
  return static_cast<int64_t>(number);
}

}  // namespace pagesnap
