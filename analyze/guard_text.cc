#include "analyze/guard_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "analyze/words.h"

namespace pagesnap {
namespace {

bool IsDigit(char c) { return isdigit(static_cast<unsigned char>(c)) != 0; }
bool IsWord(char c) { return isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Returns how many KiB a unit is, or 0.
double KibOf(std::string_view unit) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {
      {"K", 1}, {"M", 1024}, {"G", 1024.0 * 1024}, {"T", 1024.0 * 1024 * 1024}};
  for (const auto& [name, kib] : kUnits) {
    if (unit == name) return kib;
  }
  return 0;
}

// Returns whether an operand begins here, so that a '%' before it is SQL's.
bool IsOperand(std::string_view rest) {
  const size_t at = rest.find_first_not_of(" \t\n");
  if (at == std::string_view::npos) return false;
  const std::string_view text = rest.substr(at);
  for (const std::string_view word : {"and", "or", "is"}) {
    std::string begin(text.substr(0, word.size()));
    for (char& c : begin) c = static_cast<char>(tolower(c));
    if (begin == word && (text.size() == word.size() || !IsWord(text[word.size()]))) return false;
  }
  return IsWord(text[0]) || text[0] == '(' || text[0] == '-';
}

// Takes a number, with its unit, off the text.
std::string TakeNumber(std::string_view* text) {
  size_t end = 0;
  while (end < text->size() && (IsWord((*text)[end]) || (*text)[end] == '.')) ++end;
  const std::string word(text->substr(0, end));
  text->remove_prefix(end);
  char* unit = nullptr;
  const double number = std::strtod(word.c_str(), &unit);
  const double kib = KibOf(unit);
  if (kib > 0) return fmt::format("{:.0f}", std::round(number * kib));
  if (*unit == '\0' && text->starts_with('%') && !IsOperand(text->substr(1))) {
    text->remove_prefix(1);
  }
  return word;
}

std::string ColumnSql(const std::string& word, const std::vector<std::string>& columns) {
  auto has = [&](const std::string& name) {
    return std::find(columns.begin(), columns.end(), name) != columns.end();
  };
  std::string name = word;
  for (char& c : name) c = static_cast<char>(tolower(static_cast<unsigned char>(c)));
  if (has(name)) return word;
  if (has(name + "_kib")) {
    if (!has("kernel_" + name + "_kib")) return name + "_kib";
    return fmt::format("COALESCE({0}_kib, kernel_{0}_kib)", name);
  }
  constexpr std::string_view kGrowth = "_growth";
  if (!name.ends_with(kGrowth)) return word;
  name.resize(name.size() - kGrowth.size());
  if (!has(name + "_kib") || !has("before_" + name + "_kib")) return word;
  const std::string growth = fmt::format("100.0 * {0}_kib / NULLIF(before_{0}_kib, 0)", name);
  if (!has("kernel_" + name + "_kib") || !has("kernel_before_" + name + "_kib")) {
    return "(" + growth + ")";
  }
  return fmt::format("COALESCE({1}, 100.0 * kernel_{0}_kib / NULLIF(kernel_before_{0}_kib, 0))",
                     name, growth);
}

}  // namespace

std::string GuardSql(std::string_view text, const std::vector<std::string>& columns) {
  std::string sql;
  while (!text.empty()) {
    if (IsDigit(text[0])) {
      sql += TakeNumber(&text);
      continue;
    }
    const std::string_view token = TakeSqlToken(&text);
    // A name before '(' is a function.
    const bool is_name = IsWord(token[0]) && !text.starts_with('(');
    sql += is_name ? ColumnSql(std::string(token), columns) : std::string(token);
  }
  return sql;
}

}  // namespace pagesnap
