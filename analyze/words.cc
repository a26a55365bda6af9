#include "analyze/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "lib/base/error.h"

namespace pagesnap {

std::vector<std::string> SplitList(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    const std::string_view part = text.substr(0, end);
    const size_t begin = std::min(part.find_first_not_of(' '), end);
    parts.emplace_back(part.substr(begin, part.find_last_not_of(' ') + 1 - begin));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::string_view TakeSqlToken(std::string_view* sql) {
  const auto end_after = [&](std::string_view closing, size_t from) {
    const size_t found = sql->find(closing, from);
    return found == std::string_view::npos ? sql->size() : found + closing.size();
  };
  const auto is_word = [](char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  const char c = sql->front();
  size_t end = 1;
  if (IsSqlComment(*sql)) {
    end = c == '-' ? end_after("\n", 2) : end_after("*/", 2);
  } else if (c == '\'' || c == '"' || c == '`' || c == '[') {
    end = end_after(c == '[' ? "]" : sql->substr(0, 1), 1);
  } else if (is_word(c)) {
    while (end < sql->size() && is_word((*sql)[end])) ++end;
  }
  const std::string_view token = sql->substr(0, end);
  sql->remove_prefix(end);
  return token;
}

bool IsSqlComment(std::string_view token) {
  return token.starts_with("--") || token.starts_with("/*");
}

std::string OnlyStatement(std::string_view sql, const std::string& label) {
  std::string only;
  std::string statement;
  bool is_empty = true;
  while (!sql.empty()) {
    const std::string_view token = TakeSqlToken(&sql);
    if (token != ";") statement += token;
    if (token != ";" && !IsSqlComment(token) && !isspace(static_cast<unsigned char>(token[0]))) {
      is_empty = false;
    }
    if ((token != ";" && !sql.empty()) || is_empty) continue;
    if (!only.empty()) {
      throw UsageError(fmt::format("{} has more than one statement; ask one at a time", label));
    }
    only = std::exchange(statement, "");
    is_empty = true;
  }
  return only;
}

}  // namespace pagesnap
