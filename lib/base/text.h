// Text that others chose (the kernel, a file, the command line) made safe for where it goes,
// measured, and shortened. Every such text passes through AppendText() or one of its short forms.
#ifndef LIB_BASE_TEXT_H_
#define LIB_BASE_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace pagesnap {

// What a text is written to.
enum class Medium {
  kScreen,       // a table, a message, or CSV on a terminal
  kAsciiScreen,  // the same on a terminal that does not know UTF-8
  kJson,         // the inside of a JSON string
  kExact         // CSV in a file or a pipe
};

// Appends `text` to `line` as `medium` can take it. Unsafe are control characters (C0, DEL, C1),
// bytes that are not UTF-8, and characters that show nothing but change the order or the place of
// others (bidirectional controls, zero-width characters, fillers, line separators).
//   kScreen: unsafe characters as \xNN, byte by byte; kAsciiScreen: all but ASCII. A backslash
//   stays
//     as it is, so text that was made safe before does not change again.
//   kJson: '"' and '\\' escaped, unsafe characters as \uXXXX (two of them above U+FFFF, RFC 8259
//     section 7); for each byte that is not UTF-8, which JSON cannot express, U+FFFD and the byte
//     in two hex digits, and for U+FFFD itself two of them: different texts stay different.
//   kExact: all bytes as they are.
void AppendText(std::string_view text, Medium medium, std::string* line);

// Returns the text that the characters of such a JSON string stand for: bytes for U+FFFD with two
// hex digits, and U+FFFD for two of them. All else stays as it is.
std::string FromJsonText(std::string_view text);

// Returns valid UTF-8 or, for each byte that is not, a character above U+10FFFF, which no text has:
// equal for equal texts only. For functions that take all such bytes for U+FFFD.
std::string WithDistinctBytes(std::string_view text);

// Returns the text for Medium::kScreen.
std::string Printable(std::string_view text);

// Returns the text for Medium::kAsciiScreen.
std::string PrintableAscii(std::string_view text);

// Returns the text for Medium::kScreen, with its ends of line kept: for several lines of our own
// with words of others in them.
std::string PrintableLines(std::string_view text);

// Returns whether all of it is printable ASCII: safe as it is, and as wide as it is long.
bool IsPlain(std::string_view text);

// Returns whether a comma, a '"' or an end of line is in it, which CSV quotes.
bool NeedsQuotesInCsv(std::string_view text);

// Returns how many columns of a terminal printable text takes.
size_t DisplayWidth(std::string_view text);

// Returns printable text in at most `width` columns: where it is longer, "..." (one character if
// `utf8`) stands for what is left out of the middle. Of a path more of the end is kept.
std::string Shortened(const std::string& text, size_t width, bool utf8);

}  // namespace pagesnap

#endif  // LIB_BASE_TEXT_H_
