#include "capture/complete.h"

#include "capture/select.h"
#include "lib/base/completion.h"

namespace pagesnap {
namespace {

// Returns the processes, by pid or by name. Those that end meanwhile are left out.
Completion ProcessWords(ProcReader& reader, bool by_name) {
  Completion completion;
  for (const int32_t pid : ListPids(reader)) {
    try {
      const std::string name = ReadStat(reader, pid).name;
      const std::string number = std::to_string(pid);
      completion.words.push_back(by_name ? Completion::Word{name, "pid " + number}
                                         : Completion::Word{number, name});
    } catch (const Error&) {
      continue;
    }
  }
  return completion;
}

Completion ValueWords(const OptionHelp& option, ProcReader& reader) {
  if (option.name == "pid" || option.name == "tree") return ProcessWords(reader, false);
  if (option.name == "name") return ProcessWords(reader, true);
  if (option.value == "FILE") return {.words = {}, .files = "file"};
  if (option.value == "DIR") return {.words = {}, .files = "directory"};
  return ChoiceWords(option);
}

}  // namespace

std::string CompleteCapture(const std::vector<OptionHelp>& options,
                            const std::vector<std::string>& words, ProcReader& reader) {
  const CursorPlace place = FindCursor(options, words);
  return CompletionText(
      place.value_of != nullptr ? ValueWords(*place.value_of, reader) : OptionWords(options),
      place);
}

}  // namespace pagesnap
