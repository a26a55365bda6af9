#include "lib/base/number.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

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

namespace {

// Of A-B both are hexadecimal, with 0x or without.
std::optional<uint64_t> ParseHexadecimal(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  return ParseUnsigned(text, 16);
}

}  // namespace

std::optional<AddressRange> ParseAddressRange(std::string_view text, int digits_base) {
  if (const size_t dash = text.find('-'); dash != text.npos) {
    const std::optional<uint64_t> first = ParseHexadecimal(text.substr(0, dash));
    const std::optional<uint64_t> end = ParseHexadecimal(text.substr(dash + 1));
    if (!first || !end || *end <= *first) return std::nullopt;
    return AddressRange{*first, *end - 1};
  }
  const size_t plus = std::min(text.find('+'), text.size());
  const std::string_view start = text.substr(0, plus);
  const bool is_decimal = digits_base == 10 && start.find_first_not_of("0123456789") == start.npos;
  const std::optional<uint64_t> first = is_decimal ? ParseUnsigned(start) : ParseHexadecimal(start);
  if (!first) return std::nullopt;
  if (plus == text.size()) return AddressRange{*first, *first, true};
  const std::string_view size = text.substr(plus + 1);
  const std::optional<uint64_t> length =
      size.starts_with("0x") ? ParseHexadecimal(size) : ParseBytes(size);
  if (!length || *length == 0 || *length - 1 > UINT64_MAX - *first) return std::nullopt;
  return AddressRange{*first, *first + *length - 1};
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

std::optional<int64_t> ParseDuration(std::string_view text) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {
      {"", 1e9}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}};
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (parsed.ec != std::errc() || text.starts_with('-')) return std::nullopt;
  const std::string_view rest(parsed.ptr, static_cast<size_t>(end - parsed.ptr));
  for (const auto& [unit, nanoseconds] : kUnits) {
    if (rest == unit) return IntegerOf(std::round(number * nanoseconds));
  }
  return std::nullopt;
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

std::string HumanKib(int64_t kib) {
  static constexpr const char* kUnits[] = {"K", "M", "G", "T", "P", "E"};
  if (kib == 0) return "0";
  double value = std::fabs(static_cast<double>(kib));
  size_t unit = 0;
  // From here on four digits would stand before the point.
  constexpr double kFourDigits = 999.5;
  while (value >= kFourDigits && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  const int decimals = unit == 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{}{:.{}f}{}", kib < 0 ? "-" : "", value, decimals, kUnits[unit]);
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
