// What can be typed at the cursor, for the shells: 'PROGRAM --complete WORD...' prints it, where
// the last WORD is the one at the cursor, possibly empty.
#ifndef LIB_BASE_COMPLETION_H_
#define LIB_BASE_COMPLETION_H_

#include <string>
#include <vector>

#include "lib/base/option_help.h"

namespace pagesnap {

struct Completion {
  struct Word {
    std::string text;
    std::string description = {};  // one line
  };
  std::vector<Word> words;
  // Which files are possible, too: "snapshot", "file" or "directory"; "": none.
  std::string files = {};
};

// Where the last word of a command line stands.
struct CursorPlace {
  const OptionHelp* value_of = nullptr;    // it is the value of this option; nullptr: of none
  std::string prefix;                      // of "--sort=rs" what the value follows: "--sort="
  bool is_option = false;                  // it begins with a dash
  std::vector<std::string> operands = {};  // the words before it that belong to no option
};

// Returns the place; `options` are borrowed. Words "=" are ignored: bash splits "--sort=rs" there.
CursorPlace FindCursor(const std::vector<OptionHelp>& options,
                       const std::vector<std::string>& words);

// Returns the options as words.
Completion OptionWords(const std::vector<OptionHelp>& options);

// Returns the words of a value that is one of several ("path|cgroup", or "all"); none for a
// placeholder ("N", "integer").
Completion ChoiceWords(const OptionHelp& option);

// Returns a line "WORD<TAB>DESCRIPTION" for each word, after the prefix of the place, and for files
// "<TAB>KIND". A word with characters that a shell could act on is left out: the names of processes
// are what somebody chose.
std::string CompletionText(const Completion& completion, const CursorPlace& place);

}  // namespace pagesnap

#endif  // LIB_BASE_COMPLETION_H_
