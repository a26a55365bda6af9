#include "analyze/command_line.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "analyze/report.h"
#include "analyze/report_options.h"

namespace pagesnap {
namespace {

bool IsCommand(const std::string& word) {
  constexpr std::array<std::string_view, 5> kCommands = {"list", "show", "run", "sql", "help"};
  return std::ranges::find(kCommands, word) != kCommands.end() || LookUpReport(word) != nullptr;
}

// What is written like a file need not exist: a message about the file says more than one about a
// report of this name.
bool IsFile(const std::string& word) {
  return word == "-" || word.find('/') != std::string::npos ||
         word.find(".pagesnap") != std::string::npos || access(word.c_str(), F_OK) == 0;
}

bool IsOption(const std::string& word) { return word.size() > 1 && word.front() == '-'; }

// Returns the places of what is no option, and no value of an option before it.
std::vector<size_t> Operands(const std::vector<std::string>& arguments) {
  std::vector<size_t> operands;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (!IsOption(word)) {
      operands.push_back(i);
    } else if (word.starts_with("--") && word.find('=') == std::string::npos &&
               TakesValue(std::string_view(word).substr(2))) {
      ++i;
    }
  }
  return operands;
}

}  // namespace

CommandLine FindCommand(std::vector<std::string> arguments) {
  const std::vector<size_t> operands = Operands(arguments);
  if (operands.empty()) return {"", std::move(arguments)};
  size_t at = operands[0];
  if (!IsCommand(arguments[at]) && IsFile(arguments[at])) {
    const auto later = std::ranges::find_if(
        operands, [&](const size_t operand) { return IsCommand(arguments[operand]); });
    if (later == operands.end()) return {"overview", std::move(arguments)};
    at = *later;
  }
  std::string command = arguments[at];
  arguments.erase(arguments.begin() + static_cast<ptrdiff_t>(at));
  return {std::move(command), std::move(arguments)};
}

}  // namespace pagesnap
