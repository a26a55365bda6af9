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

std::string LiteralOf(const Statement& row, int column) {
  if (row.IsNull(column)) return "NULL";
  if (row.IsNumber(column)) return std::string(row.Text(column));
  std::string quoted = "'";
  for (char c : row.Text(column)) {
    if (c == '\'') quoted += c;
    quoted += c;
  }
  return quoted + "'";
}

// Returns how many characters have to come, go or change to make one word of the other.
size_t EditDistance(std::string_view one, std::string_view other) {
  std::vector<size_t> row(other.size() + 1);  // of the first i characters of `one`
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= one.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j < row.size(); ++j) {
      const size_t changed = diagonal + (one[i - 1] == other[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

// Returns the column that may have been meant by a word: one that begins with it, or else one that
// is written much like it; "" for none.
std::string Suggestion(const std::string& word, const std::vector<std::string>& columns) {
  for (const std::string& column : columns) {
    if (column.starts_with(word + "_")) return column;
  }
  std::string nearest;
  size_t least = std::max<size_t>(2, word.size() / 4) + 1;
  for (const std::string& column : columns) {
    const size_t distance = EditDistance(word, column);
    if (distance < least) nearest = column;
    least = std::min(least, distance);
  }
  return nearest;
}

// Returns what SQLite says of an expression in the words of somebody who does not know that it
// stands in parentheses there.
std::string Explain(std::string why, const std::vector<std::string>& columns) {
  constexpr std::string_view kLabel = "--fail-if: ";
  if (why.starts_with(kLabel)) why.erase(0, kLabel.size());
  constexpr std::string_view kNoColumn = "no such column: ";
  if (why.starts_with(kNoColumn)) {
    const std::string word = why.substr(kNoColumn.size());
    const std::string meant = Suggestion(word, columns);
    return fmt::format("there is no column {}{}", word,
                       meant.empty() ? "" : ", perhaps " + meant + " is meant");
  }
  if (why == "near \")\": syntax error") return "something is missing at its end or before a ')'";
  return why;
}

}  // namespace

FailCondition::FailCondition(const std::string& text, const std::string& report,
                             Statement& figures) {
  const std::vector<std::string> columns = figures.ColumnNames();
  auto fail = [&](const std::string& why) {
    throw UsageError(
        fmt::format("--fail-if '{}': {}; it is an SQL expression over the columns that "
                    "'analyze {} --help' lists",
                    text, why, report));
  };
  std::vector<std::string> words;
  if (std::string why = Scanner(text).Check(&words); !why.empty()) fail(why);
  if (!figures.Step()) throw Error("there are no figures for --fail-if");
  std::string row;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string value = LiteralOf(figures, static_cast<int>(i));
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
    if (statement.Step() && statement.Int(1) == 0) holds_ = statement.Real(0) != 0;
  } catch (const Error& error) {
    fail(Explain(error.what(), columns));
  }
}

}  // namespace pagesnap
