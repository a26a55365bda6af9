// What the two programs print: nothing is lost without an error, and no text of others acts on the
// terminal.
#ifndef LIB_BASE_PRINT_H_
#define LIB_BASE_PRINT_H_

#include <cstdio>
#include <string>
#include <string_view>

#include "lib/base/text.h"

namespace pagesnap {

// Returns the codeset that LC_ALL, LC_CTYPE or LANG name, such as "UTF-8"; "" for an unknown
// locale. The program itself stays in the C locale.
std::string LocaleCodeset();

// Returns the medium of messages and tables that go to descriptor `fd`: kAsciiScreen for a terminal
// that does not know UTF-8, otherwise kScreen.
Medium ScreenOf(int fd);

// Writes the bytes to `out`, which is borrowed. Throws Error when it takes less than all of them.
// They may still be in its buffer afterwards: FlushOutput() ends the output.
void WriteOutput(FILE* out, std::string_view bytes);

// Writes what is in the buffer of `out`. Throws Error when that fails, or an earlier write did.
void FlushOutput(FILE* out);

// Prints a sentence to `out` (standard error as a rule) as one line, whatever is in the names,
// reasons and SQL that it quotes: callers format them as they are, and all of it is made safe here.
// Where a text was made safe before, this changes nothing (AppendText()). A message that cannot be
// written is lost: there is no place to say so.
void PrintMessage(FILE* out, std::string_view sentence);

}  // namespace pagesnap

#endif  // LIB_BASE_PRINT_H_
