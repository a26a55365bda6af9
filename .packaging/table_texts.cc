#include <sstream>

#include ".packaging/manual.h"

namespace pagesnap {
namespace {

constexpr char kCreate[] = "CREATE TABLE ";
constexpr size_t kCreateSize = sizeof(kCreate) - 1;

std::string Trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" ,");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" ,") - first + 1);
}

void AppendSentence(const std::string& comment, std::string* text) {
  if (comment.empty()) return;
  if (!text->empty()) *text += " ";
  *text += comment;
}

// Adds a line of a table: "name TYPE,  -- comment", or more of the comment above.
void AddLine(const std::string& line, TableText* table) {
  const size_t dashes = line.find("--");
  const std::string definition = Trimmed(line.substr(0, dashes));
  const std::string comment = dashes == std::string::npos ? "" : Trimmed(line.substr(dashes + 2));
  if (definition.starts_with("PRIMARY KEY")) {
    AppendSentence("Its key is " + definition.substr(sizeof("PRIMARY KEY")) + ".", &table->about);
  } else if (!definition.empty()) {
    const size_t blank = definition.find(' ');
    TableText::Column column = {definition.substr(0, blank), Trimmed(definition.substr(blank))};
    if (!comment.empty()) column.description += ": " + comment;
    table->columns.push_back(column);
  } else if (!table->columns.empty()) {
    AppendSentence(comment, &table->columns.back().description);
  }
}

}  // namespace

std::vector<TableText> ReadTables(std::string_view sql) {
  std::vector<TableText> tables;
  std::string about;  // the comment above the next table
  bool inside = false;
  std::istringstream lines{std::string(sql)};
  for (std::string line; std::getline(lines, line);) {
    if (inside) {
      inside = !line.starts_with(")");
      if (inside) AddLine(line, &tables.back());
    } else if (line.starts_with(kCreate)) {
      tables.push_back(
          {line.substr(kCreateSize, line.find(' ', kCreateSize) - kCreateSize), about, {}});
      about.clear();
      inside = true;
    } else if (line.starts_with("--")) {
      AppendSentence(Trimmed(line.substr(2)), &about);
    } else {
      about.clear();  // a comment by itself
    }
  }
  return tables;
}

}  // namespace pagesnap
