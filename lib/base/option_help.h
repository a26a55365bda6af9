// The help texts of a program as data, for its man page and for completion in a shell.
#ifndef LIB_BASE_OPTION_HELP_H_
#define LIB_BASE_OPTION_HELP_H_

#include <string>
#include <vector>

namespace pagesnap {

struct OptionHelp {
  char letter = '\0';  // of -p; '\0': none
  std::string name;    // without the dashes
  std::string value;   // what it takes, as --help calls it; "": it is a flag
  std::string description = {};
};

// What --help prints.
struct ProgramHelp {
  std::string usage;  // "Usage: " and what follows, then paragraphs
  std::vector<OptionHelp> options;
  std::string exit_codes;  // "Exit codes: " and what follows
};

}  // namespace pagesnap

#endif  // LIB_BASE_OPTION_HELP_H_
