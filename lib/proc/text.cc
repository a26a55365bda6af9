#include "lib/proc/text.h"

#include <algorithm>

#include "lib/base/text.h"

namespace pagesnap {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr size_t kMaxQuoted = 160;

}  // namespace

std::string_view TakeLine(std::string_view* text) {
  const size_t end = std::min(text->find('\n'), text->size());
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return line;
}

std::string_view TakeWord(std::string_view* line) {
  line->remove_prefix(std::min(line->find_first_not_of(kBlanks), line->size()));
  const size_t end = std::min(line->find_first_of(kBlanks), line->size());
  const std::string_view word = line->substr(0, end);
  line->remove_prefix(end);
  return word;
}

std::string_view Trim(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

std::string Quoted(std::string_view text) {
  return "\"" + PrintableAscii(text.substr(0, kMaxQuoted)) +
         (text.size() > kMaxQuoted ? "...\"" : "\"");
}

}  // namespace pagesnap
