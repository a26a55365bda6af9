#include "lib/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>

namespace pagesnap {
namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};

// Format characters and fillers without a shape of their own (Unicode: general category Cf, Zl and
// Zp, and Default_Ignorable_Code_Point except variation selectors).
constexpr Range kInvisible[] = {
    {0xad, 0xad},     {0x34f, 0x34f},   {0x61c, 0x61c},   {0x115f, 0x1160},   {0x17b4, 0x17b5},
    {0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},   {0x3164, 0x3164},
    {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};
// Combining marks, which take no column.
constexpr Range kCombining[] = {{0x300, 0x36f},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
                                {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
// What terminals draw in two columns (Unicode, East_Asian_Width W and F), in large strokes.
constexpr Range kWide[] = {{0x1100, 0x115f},   {0x2e80, 0xa4cf},   {0xac00, 0xd7a3},
                           {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
                           {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
                           {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

template <size_t kSize>
bool IsIn(const Range (&ranges)[kSize], uint32_t code) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](Range range) { return range.first <= code && code <= range.last; });
}

struct Character {
  size_t size = 0;  // bytes; 0: no UTF-8
  uint32_t code = 0;
};

// Decodes the character at the front of a text that is not empty (RFC 3629, section 4).
Character Front(std::string_view text) {
  auto byte = [&](size_t i) -> uint32_t { return static_cast<unsigned char>(text[i]); };
  const uint32_t first = byte(0);
  if (first < 0x80) return {1, first};
  const size_t size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (size == 0 || text.size() < size) return {};
  uint32_t code = first & (0x7f >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  return overlong || surrogate || code > 0x10ffff ? Character{} : Character{size, code};
}

// C0, DEL and C1 are commands to a terminal.
bool IsHarmless(Character character) {
  return character.size > 0 && character.code >= 0x20 &&
         (character.code < 0x7f || character.code >= 0xa0) && !IsIn(kInvisible, character.code);
}

size_t WidthOf(uint32_t code) {
  if (code < 0x300) return 1;
  return IsIn(kCombining, code) ? 0 : IsIn(kWide, code) ? 2 : 1;
}

void AppendBytes(std::string_view bytes, std::string* line) {
  for (const char c : bytes) *line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
}

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// `bytes` are those of the character.
void AppendInJson(Character character, std::string_view bytes, std::string* line) {
  constexpr uint32_t kFirstOfTwo = 0x10000;  // UTF-16 has two units from here on
  const uint32_t code = character.code;
  if (character.size == 0) {
    *line += fmt::format("{}{:02x}", kReplacement, static_cast<unsigned char>(bytes.front()));
  } else if (bytes == kReplacement) {
    *line += bytes;
    *line += bytes;
  } else if (code == '"' || code == '\\') {
    *line += '\\';
    *line += bytes;
  } else if (IsHarmless(character)) {
    *line += bytes;
  } else if (code < kFirstOfTwo) {
    *line += fmt::format("\\u{:04x}", code);
  } else {
    *line += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + ((code - kFirstOfTwo) >> 10),
                         0xdc00 + (code & 0x3ff));
  }
}

// Returns the byte that two hex digits of the JSON form stand for; nothing for other text. ASCII is
// never written so.
std::optional<char> ByteOfJson(std::string_view digits) {
  uint8_t byte = 0;
  if (digits.size() < 2) return std::nullopt;
  const char* end = digits.data() + 2;
  const auto [rest, error] = std::from_chars(digits.data(), end, byte, 16);
  if (error != std::errc() || rest != end || byte < 0x80) return std::nullopt;
  return static_cast<char>(byte);
}

// Millions of rows are printed, and nearly all of their text is plain: eight characters are looked
// at together.
constexpr uint64_t kEachByte = 0x0101010101010101;

constexpr bool HasBelow(uint64_t word, uint8_t limit) {
  return ((word - kEachByte * limit) & ~word & kEachByte * 0x80) != 0;
}
constexpr bool HasByte(uint64_t word, uint8_t byte) { return HasBelow(word ^ kEachByte * byte, 1); }

// Returns whether one of the bytes is a control character or no ASCII.
constexpr bool HasOther(uint64_t word) {
  return (word & kEachByte * 0x80) != 0 || HasBelow(word, 0x20) || HasByte(word, 0x7f);
}

// Returns whether `test` holds for any eight bytes of the text; a rest is filled up with 'x'.
template <typename Test>
bool AnyWord(std::string_view text, Test test) {
  uint64_t word = 0;
  for (; text.size() >= sizeof word; text.remove_prefix(sizeof word)) {
    std::memcpy(&word, text.data(), sizeof word);
    if (test(word)) return true;
  }
  if (text.empty()) return false;
  word = kEachByte * 'x';
  std::memcpy(&word, text.data(), text.size());
  return test(word);
}

// Returns whether the inside of a JSON string can have the text as it is.
bool IsPlainInJson(std::string_view text) {
  return !AnyWord(text, [](uint64_t word) {
    return HasOther(word) || HasByte(word, '"') || HasByte(word, '\\');
  });
}

}  // namespace

bool IsPlain(std::string_view text) { return !AnyWord(text, HasOther); }

bool NeedsQuotesInCsv(std::string_view text) {
  return AnyWord(text, [](uint64_t word) {
    return HasByte(word, ',') || HasByte(word, '"') || HasByte(word, '\r') || HasByte(word, '\n');
  });
}

void AppendText(std::string_view text, Medium medium, std::string* line) {
  const bool is_json = medium == Medium::kJson;
  if (medium == Medium::kExact || (is_json ? IsPlainInJson(text) : IsPlain(text))) {
    *line += text;
    return;
  }
  while (!text.empty()) {
    const Character character = Front(text);
    const std::string_view bytes = text.substr(0, std::max<size_t>(character.size, 1));
    text.remove_prefix(bytes.size());
    if (is_json) {
      AppendInJson(character, bytes, line);
    } else if (IsHarmless(character) && (bytes.size() == 1 || medium == Medium::kScreen)) {
      *line += bytes;
    } else {
      AppendBytes(bytes, line);
    }
  }
}

std::string FromJsonText(std::string_view text) {
  std::string bytes;
  for (size_t at; (at = text.find(kReplacement)) != std::string_view::npos;) {
    bytes += text.substr(0, at);
    text.remove_prefix(at + kReplacement.size());
    const std::optional<char> byte = ByteOfJson(text);
    if (byte) {
      bytes += *byte;
      text.remove_prefix(2);
    } else {
      bytes += kReplacement;
      if (text.starts_with(kReplacement)) text.remove_prefix(kReplacement.size());
    }
  }
  return bytes += text;
}

std::string WithDistinctBytes(std::string_view text) {
  std::string distinct;
  while (!text.empty()) {
    const Character character = Front(text);
    const std::string_view bytes = text.substr(0, std::max<size_t>(character.size, 1));
    text.remove_prefix(bytes.size());
    if (character.size > 0) {
      distinct += bytes;
      continue;
    }
    // U+110000 and the byte, encoded as one more character would be.
    const auto byte = static_cast<unsigned char>(bytes.front());
    distinct += "\xf4\x90";
    distinct += static_cast<char>(0x80 | byte >> 6);
    distinct += static_cast<char>(0x80 | (byte & 0x3f));
  }
  return distinct;
}

std::string Printable(std::string_view text) {
  std::string printable;
  AppendText(text, Medium::kScreen, &printable);
  return printable;
}

std::string PrintableAscii(std::string_view text) {
  std::string printable;
  AppendText(text, Medium::kAsciiScreen, &printable);
  return printable;
}

std::string PrintableLines(std::string_view text) {
  std::string lines;
  for (size_t end; (end = text.find('\n')) != std::string_view::npos;) {
    AppendText(text.substr(0, end), Medium::kScreen, &lines);
    lines += '\n';
    text.remove_prefix(end + 1);
  }
  AppendText(text, Medium::kScreen, &lines);
  return lines;
}

size_t DisplayWidth(std::string_view text) {
  if (IsPlain(text)) return text.size();
  size_t width = 0;
  while (!text.empty()) {
    const Character character = Front(text);
    width += WidthOf(character.code);
    text.remove_prefix(std::max<size_t>(character.size, 1));
  }
  return width;
}

std::string Shortened(const std::string& text, size_t width, bool utf8) {
  const size_t all = DisplayWidth(text);
  if (all <= width) return text;
  const std::string dots = utf8 ? "\u2026" : std::string(std::min<size_t>(3, width), '.');
  const size_t kept = width - DisplayWidth(dots);
  const size_t head_width = text.starts_with('/') ? kept / 4 : kept - kept / 2;
  const size_t tail_width = kept - head_width;
  size_t head_end = 0;
  size_t at = 0;
  // Up to where the rest fits: there the tail begins.
  for (size_t column = 0; all - column > tail_width;) {
    const Character character = Front(std::string_view(text).substr(at));
    at += std::max<size_t>(character.size, 1);
    column += WidthOf(character.code);
    if (column <= head_width) head_end = at;
  }
  return text.substr(0, head_end) + dots + text.substr(at);
}

}  // namespace pagesnap
