#include "analyze/fail_condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "analyze/words.h"
#include "lib/base/error.h"

namespace pagesnap {
namespace {

// Returns why `text` is not one expression, as far as SQLite would not say it, or "". Adds its
// words in lower case to `words`.
std::string WhyNoExpression(std::string_view text, std::vector<std::string>* words) {
  int depth = 0;
  while (!text.empty()) {
    const std::string_view token = TakeSqlToken(&text);
    const char c = token[0];
    if (isalnum(static_cast<unsigned char>(c)) || c == '_') {
      std::string& word = words->emplace_back(token);
      for (char& letter : word) letter = static_cast<char>(tolower(letter));
      if (word == "select" || word == "values" || word == "with")
        return "a query has no place in it";
    }
    if (c == '\'' && (token.size() < 2 || token.back() != c)) return "a quote is not closed";
    // SQLite takes "x" for a text when there is no column x.
    if (c == '"' || c == '`' || c == '[') return "columns are named without quotes";
    if (c == '?' || c == ':' || c == '@' || c == '$') return "parameters have no place in it";
    if (c == ';') return "it is more than one expression";
    if (IsSqlComment(token)) return "comments have no place in it";
    if (c == '(') ++depth;
    if (c == ')' && --depth < 0) return "a parenthesis is closed that was not opened";
  }
  return depth == 0 ? "" : "a parenthesis is not closed";
}

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

// Returns SQLite's message about the expression for a user who does not know that it was put in
// parentheses.
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
  if (std::string why = WhyNoExpression(text, &words); !why.empty()) fail(why);
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
