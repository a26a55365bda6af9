// Pieces of the kernel's text files: lines, words and quoting. For the parsers of this folder.
#ifndef LIB_PROC_TEXT_H_
#define LIB_PROC_TEXT_H_

#include <string>
#include <string_view>

namespace pagesnap {

// Takes the next line off the front of `text` and returns it without its newline. The last line
// may lack one. Returns an empty line once `text` is empty.
std::string_view TakeLine(std::string_view* text);

// Takes the next word off the front of `line`, with the blanks (spaces and tabs) before it, and
// returns it; empty when there is none.
std::string_view TakeWord(std::string_view* line);

// Returns `text` without the blanks at both ends.
std::string_view Trim(std::string_view text);

// Returns `text` in double quotes for a message: its first 160 bytes, what is not printable ASCII
// as \xNN, so that a hostile file cannot drive the user's terminal.
std::string Quoted(std::string_view text);

}  // namespace pagesnap

#endif  // LIB_PROC_TEXT_H_
