#include "lib/base/completion.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "lib/base/text.h"

namespace pagesnap {
namespace {

// The option that a word names, with what follows the name in the same word.
struct NamedOption {
  const OptionHelp* option = nullptr;
  bool has_value = false;  // in the word
};

NamedOption FindOption(const std::vector<OptionHelp>& options, std::string_view word) {
  for (const OptionHelp& option : options) {
    if (word.starts_with("--")) {
      const std::string_view name = word.substr(2, word.find('=') - 2);
      if (name == option.name) return {&option, word.find('=') != std::string_view::npos};
    } else if (word.size() > 1 && word[0] == '-' && word[1] == option.letter) {
      return {&option, word.size() > 2};
    }
  }
  return {};
}

// Returns whether no shell does anything with the word but to pass it on.
bool IsSafeWord(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_.,:+@/%=").find(c) != std::string_view::npos;
  });
}

}  // namespace

CursorPlace FindCursor(const std::vector<OptionHelp>& options,
                       const std::vector<std::string>& words) {
  CursorPlace place;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool is_last = i + 1 == words.size();
    if (word == "=" && !is_last) continue;
    if (place.value_of != nullptr) {
      if (is_last) return place;
      place.value_of = nullptr;
      continue;
    }
    const NamedOption named = FindOption(options, word);
    if (is_last && named.has_value && word.starts_with("--")) {
      place.value_of = named.option;
      place.prefix = word.substr(0, word.find('=') + 1);
    } else if (is_last) {
      place.is_option = word.starts_with("-");
    } else if (named.option != nullptr && !named.option->value.empty() && !named.has_value) {
      place.value_of = named.option;
    } else if (!word.starts_with("-")) {
      place.operands.push_back(word);
    }
  }
  return place;
}

Completion OptionWords(const std::vector<OptionHelp>& options) {
  Completion completion;
  for (const OptionHelp& option : options) {
    if (option.letter != '\0') {
      completion.words.push_back({std::string("-") + option.letter, option.description});
    }
    completion.words.push_back({"--" + option.name, option.description});
  }
  return completion;
}

Completion ChoiceWords(const OptionHelp& option) {
  constexpr std::array<std::string_view, 4> kPlaceholders = {"integer", "text", "address", "range"};
  const bool is_placeholder =
      std::find(kPlaceholders.begin(), kPlaceholders.end(), option.value) != kPlaceholders.end() ||
      std::any_of(option.value.begin(), option.value.end(),
                  [](char c) { return c >= 'A' && c <= 'Z'; });
  Completion completion;
  if (is_placeholder) return completion;
  for (size_t begin = 0; begin < option.value.size();) {
    const size_t end = std::min(option.value.find('|', begin), option.value.size());
    completion.words.push_back({option.value.substr(begin, end - begin)});
    begin = end + 1;
  }
  return completion;
}

std::string CompletionText(const Completion& completion, const CursorPlace& place) {
  std::string text;
  for (const Completion::Word& word : completion.words) {
    if (!IsSafeWord(word.text)) continue;
    std::string description = word.description.substr(0, word.description.find('\n'));
    std::replace(description.begin(), description.end(), '\t', ' ');
    text += place.prefix + word.text + "\t" + Printable(description) + "\n";
  }
  if (!completion.files.empty()) text += "\t" + completion.files + "\n";
  return text;
}

}  // namespace pagesnap
