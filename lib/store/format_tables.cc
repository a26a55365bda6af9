#include "lib/store/format_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace pagesnap {
namespace {

std::string Normalised(std::string_view sql) {
  std::string text;
  for (size_t i = 0; i < sql.size(); ++i) {
    if (sql.substr(i, 2) == "--") i = sql.find('\n', i);
    if (i >= sql.size()) break;
    if (sql[i] != ' ' && sql[i] != '\n') {
      text += sql[i];
    } else if (!text.empty() && text.back() != ' ') {
      text += ' ';
    }
  }
  return text;
}

std::string Joined(std::string_view table, std::string_view normalised_sql) {
  return fmt::format("{}: {}", table, normalised_sql);
}

// Takes the text up to `end` off its front, and `end` with it; all of it if that does not occur.
std::string_view Take(std::string_view* text, char end) {
  const size_t size = std::min(text->find(end), text->size());
  const std::string_view taken = text->substr(0, size);
  text->remove_prefix(std::min(size + 1, text->size()));
  return taken;
}

// What one statement of tables.sql makes: CREATE TABLE NAME (..., or
// CREATE INDEX NAME ON TABLE (...
struct Definition {
  std::string_view sql;
  std::string kind;
  std::string_view name;
  std::string_view table;
  std::string_view body;  // behind the first parenthesis
};

// Calls back for each definition.
template <typename Callback>
void ForEachDefinition(const Callback& callback) {
  static const std::string kSql = Normalised(TablesSql());
  std::string_view rest = kSql;
  while (!rest.empty()) {
    Definition definition;
    definition.sql = Take(&rest, ';');
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    std::string_view words = definition.sql;
    Take(&words, ' ');
    definition.kind = Take(&words, ' ');
    for (char& c : definition.kind) c = static_cast<char>(std::tolower(c));
    definition.name = Take(&words, ' ');
    definition.table = definition.name;
    if (definition.kind == "index") {
      Take(&words, ' ');
      definition.table = Take(&words, ' ');
    }
    Take(&words, '(');
    definition.body = words;
    callback(definition);
  }
}

// Returns the columns of a table. A name is in small letters, a constraint of the table in
// capitals.
std::vector<FormatColumn> ColumnsOf(std::string_view body) {
  std::vector<FormatColumn> columns;
  int depth = 0;
  bool at_start = true;
  for (size_t i = 0; i < body.size() && depth >= 0; ++i) {
    const char c = body[i];
    if (at_start && c != ' ') {
      at_start = false;
      std::string_view words = body.substr(i);
      const std::string_view name = Take(&words, ' ');
      if (std::islower(c) != 0) {
        const size_t type_size = words.find_first_of(" ,)");
        columns.push_back({std::string(name), std::string(words.substr(0, type_size))});
      }
    }
    depth += (c == '(') - (c == ')');
    if (depth == 0 && c == ',') at_start = true;
  }
  return columns;
}

}  // namespace

const std::map<std::string, std::vector<FormatColumn>>& FormatTables() {
  static const std::map<std::string, std::vector<FormatColumn>> kTables = [] {
    std::map<std::string, std::vector<FormatColumn>> tables;
    ForEachDefinition([&](const Definition& definition) {
      if (definition.kind == "table")
        tables[std::string(definition.name)] = ColumnsOf(definition.body);
    });
    return tables;
  }();
  return kTables;
}

const std::map<std::string, std::string>& FormatObjects() {
  static const std::map<std::string, std::string> kObjects = [] {
    std::map<std::string, std::string> objects;
    ForEachDefinition([&](const Definition& definition) {
      objects[fmt::format("{} {}", definition.kind, definition.name)] =
          Joined(definition.table, definition.sql);
    });
    return objects;
  }();
  return kObjects;
}

std::string SchemaObject(std::string_view table, std::string_view sql) {
  return Joined(table, Normalised(sql));
}

}  // namespace pagesnap
