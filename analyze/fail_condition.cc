#include "analyze/fail_condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

bool IsWordCharacter(char c) { return isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Goes over an expression token by token, as far as needed to know that it is one and no more.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // Returns what stands in the way, or "" for an expression. Sets `words` to its words.
  std::string Check(std::vector<std::string>* words) {
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (IsWordCharacter(c)) {
        words->push_back(TakeWord());
        if (std::string why = CheckWord(words->back()); !why.empty()) return why;
        continue;
      }
      if (c == '\'') {
        if (!SkipText()) return "a quote is not closed";
        continue;
      }
      // SQLite takes "x" for a text when there is no column x.
      if (c == '"' || c == '`' || c == '[') return "columns are named without quotes";
      if (c == '?' || c == ':' || c == '@' || c == '$') return "parameters have no place in it";
      if (c == ';') return "it is more than one expression";
      if (text_.substr(at_).starts_with("--") || text_.substr(at_).starts_with("/*")) {
        return "comments have no place in it";
      }
      if (c == '(') ++depth;
      if (c == ')' && --depth < 0) return "a parenthesis is closed that was not opened";
      ++at_;
    }
    return depth == 0 ? "" : "a parenthesis is not closed";
  }

 private:
  std::string TakeWord() {
    std::string word;
    while (at_ < text_.size() && IsWordCharacter(text_[at_])) {
      word += static_cast<char>(tolower(static_cast<unsigned char>(text_[at_++])));
    }
    return word;
  }
  static std::string CheckWord(const std::string& word) {
    const bool query = word == "select" || word == "values" || word == "with";
    return query ? "a query has no place in it" : "";
  }
  bool SkipText() {
    const size_t end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos) return false;
    // A doubled quote begins another text at once, which comes to the same.
    at_ = end + 1;
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::string Value(const Statement& row, int column) {
  if (row.IsNull(column)) return "NULL";
  if (row.IsNumber(column)) return std::string(row.Text(column));
  std::string quoted = "'";
  for (char c : row.Text(column)) {
    if (c == '\'') quoted += c;
    quoted += c;
  }
  return quoted + "'";
}

}  // namespace

FailCondition::FailCondition(const std::string& text, Statement& figures) {
  const std::vector<std::string> columns = figures.ColumnNames();
  auto fail = [&](const std::string& why) {
    throw UsageError(fmt::format("--fail-if '{}': {}; it is an SQL expression over {}", text, why,
                                 fmt::join(columns, ", ")));
  };
  std::vector<std::string> words;
  if (std::string why = Scanner(text).Check(&words); !why.empty()) fail(why);
  if (!figures.Step()) throw Error("there are no figures for --fail-if");
  std::string row;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string value = Value(figures, static_cast<int>(i));
    row += fmt::format("{}{} AS \"{}\"", i == 0 ? "" : ", ", value, columns[i]);
    if (std::find(words.begin(), words.end(), columns[i]) == words.end()) continue;
    if (!figures_.empty()) figures_ += ", ";
    figures_ += fmt::format("{} is {}", columns[i], value == "NULL" ? "unknown" : value);
  }
  figures.Reset();
  const Database apart = Database::OpenMemory("--fail-if");
  try {
    Statement statement(
        apart, fmt::format("SELECT ({0}\n) IS TRUE, ({0}\n) IS NULL FROM (SELECT {1})", text, row));
    if (statement.Step() && statement.Int(1) == 0) holds_ = statement.Int(0) != 0;
  } catch (const Error& error) {
    std::string why = error.what();
    constexpr std::string_view kLabel = "--fail-if: ";
    if (why.starts_with(kLabel)) why.erase(0, kLabel.size());
    fail(why);
  }
}

}  // namespace pagesnap
