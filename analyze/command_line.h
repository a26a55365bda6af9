// Which command a command line has: people write options before it, and files before the report.
#ifndef ANALYZE_COMMAND_LINE_H_
#define ANALYZE_COMMAND_LINE_H_

#include <string>
#include <vector>

namespace pagesnap {

struct CommandLine {
  std::string command;  // a report, "sql", "run", ...; "overview" for a file alone; "": none
  std::vector<std::string> arguments;  // all others, in their order
};

// Finds the command among `arguments`: the first that is no option and no value of one. If that is
// a file, it is the first command after it. It need not exist.
CommandLine FindCommand(std::vector<std::string> arguments);

}  // namespace pagesnap

#endif  // ANALYZE_COMMAND_LINE_H_
