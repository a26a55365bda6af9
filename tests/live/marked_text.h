// Text that acts on a terminal, and what must not be left of it in an output.
#ifndef TESTS_LIVE_MARKED_TEXT_H_
#define TESTS_LIVE_MARKED_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/run_command.h"

namespace pagesnap {

// A title and a colour for the terminal, a C1 command as UTF-8 and as a byte, characters that
// change the order of others or show nothing, a line of its own, and a byte that is no UTF-8. No
// slash and no NUL: a file can have it as its name, and a command line as an argument.
extern const std::string kMark;

// Returns what is unsafe in an output, "" for nothing: a control character other than the ends of
// our own lines, a piece of kMark as it was, or a line that begins where kMark has an end of line.
// `ascii`: so is every byte above 0x7e.
std::string Unsafe(std::string_view output, bool ascii = false);

// Runs a program, with its outputs to pipes and to terminals that know UTF-8 or do not, and expects
// nothing unsafe in any of them; the one to a pipe may be exact CSV. Returns the result on pipes.
CommandResult ExpectSafe(const std::string& program, const std::vector<std::string>& arguments,
                         bool is_csv = false);

// Returns the options with a value that the text of --help names: "--jobs".
std::vector<std::string> OptionsWithValue(const std::string& help);

}  // namespace pagesnap

#endif  // TESTS_LIVE_MARKED_TEXT_H_
