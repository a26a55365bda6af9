#include "analyze/fail_condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "analyze/guard_text.h"
#include "analyze/partial_figures.h"
#include "analyze/words.h"
#include "lib/base/error.h"
#include "lib/base/similar.h"

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

constexpr std::string_view kKernelPrefix = "kernel_";

bool Contains(const std::vector<std::string>& words, const std::string& word) {
  return std::ranges::find(words, word) != words.end();
}

// Returns the lower-case words of SQL.
std::vector<std::string> WordsOf(std::string_view sql) {
  std::vector<std::string> words;
  WhyNoExpression(sql, &words);
  return words;
}

// Returns SQLite's message about the expression for a user who does not know that it was put in
// parentheses.
std::string Explain(std::string why, const std::vector<std::string>& columns) {
  constexpr std::string_view kLabel = "--fail-if: ";
  if (why.starts_with(kLabel)) why.erase(0, kLabel.size());
  constexpr std::string_view kNoColumn = "no such column: ";
  if (why.starts_with(kNoColumn)) {
    const std::string word = why.substr(kNoColumn.size());
    return fmt::format("there is no column '{}'{}", word, DidYouMean(word, columns));
  }
  if (why == "near \")\": syntax error") return "something is missing at its end or before a ')'";
  return why;
}

}  // namespace

FailCondition::FailCondition(const std::string& text, const Report& report,
                             std::vector<std::string> columns)
    : text_(text),
      report_(report),
      columns_(std::move(columns)),
      apart_(std::make_unique<Database>(Database::OpenMemory("--fail-if"))) {
  if (std::string why = WhyNoExpression(text, &words_); !why.empty()) Fail(why);
  const std::vector<std::string> own_words = words_;
  std::vector<std::string> seen;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (i >= ShownCount(report, columns_) && !columns_[i].starts_with(kKernelPrefix)) continue;
    seen_.push_back(i);
    seen.push_back(columns_[i]);
  }
  const std::string sql = GuardSql(text, seen);
  words_ = WordsOf(sql);
  for (const std::string& word : words_) {
    if (!word.starts_with(kKernelPrefix) || Contains(own_words, word)) continue;
    stand_ins_[word] = word.substr(kKernelPrefix.size());
  }
  std::string row;
  for (size_t i = 0; i < seen.size(); ++i) {
    row += fmt::format("{}?{} AS \"{}\"", i == 0 ? "" : ", ", i + 1, seen[i]);
  }
  try {
    statement_ = std::make_unique<Statement>(
        *apart_,
        fmt::format("SELECT ({0}\n) IS TRUE, ({0}\n) IS NULL FROM (SELECT {1})", sql, row));
  } catch (const Error& error) {
    Fail(Explain(error.what(), seen));
  }
}

void FailCondition::Fail(const std::string& why) const {
  throw UsageError(
      fmt::format("--fail-if '{}': {}; it is an SQL expression over the columns that "
                  "'analyze help {}' lists",
                  text_, why, report_.name));
}

void FailCondition::Add(std::span<const Value> row) {
  // What is unknown of the other processes may be more than all that is known.
  const PartialFigures partial(report_, columns_, row);
  statement_->Reset();
  std::set<std::string> unknown_columns;
  for (size_t i = 0; i < seen_.size(); ++i) {
    const int place = static_cast<int>(i) + 1;
    const Value& value = row[seen_[i]];
    if (value.type == ValueType::kNull || !partial.OfHowMany(columns_[seen_[i]]).empty()) {
      unknown_columns.insert(columns_[seen_[i]]);
      statement_->Bind(place, std::nullopt);
    } else {
      statement_->BindValue(place, value);
    }
  }
  for (const auto& [kernel, column] : stand_ins_) {
    if (unknown_columns.contains(column) && !unknown_columns.contains(kernel)) {
      replaced_.insert(column);
    }
  }
  bool holds = false;
  bool unknown = true;
  try {
    if (statement_->Step()) {
      holds = statement_->Int(0) != 0;
      unknown = statement_->Int(1) != 0;
    }
  } catch (const Error& error) {
    Fail(error.what());
  }
  ++row_count_;
  held_count_ += holds ? 1 : 0;
  unknown_count_ += unknown ? 1 : 0;
  if (holds && held_count_ == 1) held_figures_ = FiguresOf(row);
  if ((unknown && unknown_count_ == 1) || row_count_ == 1) other_figures_ = FiguresOf(row);
}

std::string FailCondition::FiguresOf(std::span<const Value> row) const {
  const PartialFigures partial(report_, columns_, row);
  std::string figures;
  for (const size_t i : seen_) {
    const std::string& column = columns_[i];
    const bool is_named = Contains(words_, column);
    // It says which row this is.
    const bool is_label = column == "pid" || column == "name";
    // The kernel's figure was not asked for: it is worth a word where there is one.
    const bool is_missing = stand_ins_.contains(column) && row[i].type == ValueType::kNull;
    if ((!is_named && !is_label) || is_missing) continue;
    const std::string of = partial.OfHowMany(column);
    if (!figures.empty()) figures += ", ";
    if (row[i].type == ValueType::kNull) {
      figures += fmt::format("{} is unknown", column);
    } else {
      const std::string value = row[i].type == ValueType::kInteger ? std::to_string(row[i].integer)
                                                                   : std::string(row[i].text);
      figures += fmt::format("{} is {}{}", column, value, of.empty() ? "" : " in " + of);
    }
  }
  return figures;
}

std::optional<bool> FailCondition::holds() const {
  if (held_count_ > 0) return true;
  if (unknown_count_ > 0) return std::nullopt;
  return false;
}

std::string FailCondition::figures() const {
  const bool holds = held_count_ > 0;
  const uint64_t count = holds ? held_count_ : unknown_count_;
  std::string figures = holds ? held_figures_ : other_figures_;
  if (count > 1) figures += fmt::format("; and {} more row{}", count - 1, count == 2 ? "" : "s");
  return figures;
}

}  // namespace pagesnap
