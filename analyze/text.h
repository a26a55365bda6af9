// Text from files made safe to print, measured, and shortened.
#ifndef ANALYZE_TEXT_H_
#define ANALYZE_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace pagesnap {

// Returns the text with what a terminal may obey as \xNN, byte by byte: control characters, bytes
// that are no UTF-8, and characters that show nothing but change the order or the place of others
// (bidirectional controls, zero-width ones, line separators).
std::string Printable(std::string_view text);

// The same for a terminal that does not know UTF-8: all but ASCII is escaped.
std::string PrintableAscii(std::string_view text);

// Returns whether all of it is printable ASCII: safe as it is, and as wide as it is long.
bool IsPlain(std::string_view text);

// The same, without '"' and '\\': a string of JSON as it is.
bool IsPlainInJson(std::string_view text);

// Returns whether a comma, a '"' or an end of line is in it, which CSV quotes.
bool NeedsQuotesInCsv(std::string_view text);

// Returns how many columns of a terminal printable text takes.
size_t DisplayWidth(std::string_view text);

// Returns printable text in at most `width` columns: where it is longer, "..." (one character if
// `utf8`) stands for what is left out of the middle. Of a path more of the end is kept.
std::string Shortened(const std::string& text, size_t width, bool utf8);

}  // namespace pagesnap

#endif  // ANALYZE_TEXT_H_
