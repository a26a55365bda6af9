// schema/README.md says of each virtual table what the table says of itself: its columns, and which
// of them may be NULL.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "lib/query/register.h"
#include "tests/query/random_snapshot.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

// What the document says of a table.
struct Documented {
  std::map<std::string, bool> may_be_null;  // by column
  std::vector<std::string> open;            // what "NAME_..." leaves out begins with one of these
};

std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells;
  for (size_t at = 1; at < line.size();) {
    const size_t end = line.find('|', at);
    std::string cell = line.substr(at, end - at);
    cell.erase(0, cell.find_first_not_of(' '));
    cell.erase(cell.find_last_not_of(' ') + 1);
    cells.push_back(cell);
    at = end == std::string::npos ? line.size() : end + 1;
  }
  return cells;
}

void AddRow(const std::vector<std::string>& cells, Documented* table) {
  const bool may_be_null = cells.size() > 2 && !cells[2].empty();
  const std::regex word("([a-z_]*)([.]{3})?");
  for (std::sregex_iterator at(cells[0].begin(), cells[0].end(), word), end; at != end; ++at) {
    if (at->str().empty()) continue;
    if ((*at)[2].matched) {
      table->open.push_back((*at)[1]);
    } else {
      table->may_be_null[at->str()] = may_be_null;
    }
  }
}

// Returns the tables whose heading is a name in backquotes.
std::map<std::string, Documented> ReadDocument() {
  std::ifstream file(PAGESNAP_SCHEMA_README);
  EXPECT_TRUE(file.is_open());
  std::map<std::string, Documented> tables;
  std::string line;
  Documented* table = nullptr;
  const std::regex heading("^[|] `([a-z_]+)(\\([^)]*\\))?`:.*");
  while (std::getline(file, line)) {
    std::smatch match;
    if (std::regex_match(line, match, heading)) {
      table = &tables[match[1]];
    } else if (!line.starts_with("|")) {
      table = nullptr;
    } else if (table != nullptr && !line.starts_with("|--")) {
      AddRow(Cells(line), table);
    }
  }
  return tables;
}

void Compare(const VirtualTable& table, Documented documented) {
  for (const TableColumn& column : table.columns) {
    if (column.type == kIntegerArgument || column.type == kTextArgument) continue;
    const auto found = documented.may_be_null.find(column.name);
    if (found != documented.may_be_null.end()) {
      EXPECT_EQ(found->second, !column.null_when.empty()) << table.name << '.' << column.name;
      documented.may_be_null.erase(found);
    } else {
      EXPECT_TRUE(std::ranges::any_of(
          documented.open,
          [&](const std::string& begin) { return column.name.starts_with(begin); }))
          << table.name << '.' << column.name << " is not documented";
    }
  }
  for (const auto& [name, may_be_null] : documented.may_be_null) {
    ADD_FAILURE() << table.name << " has no column " << name;
  }
}

TEST(DescriptionTest, IsThatOfTheDocument) {
  const TestFolder folder;
  WriteRandomSnapshots(folder.File("a"), 1);
  Session session(folder.File("a"));
  const std::map<std::string, Documented> documented = ReadDocument();
  size_t count = 0;
  AnalysisCache cache(session.reader());
  AddAllTables(
      [&](const VirtualTable& table) {
        ++count;
        const auto found = documented.find(table.name);
        if (found == documented.end()) {
          ADD_FAILURE() << table.name << " is not documented";
        } else {
          Compare(table, found->second);
        }
      },
      cache);
  EXPECT_GT(count, 20);
}

}  // namespace
}  // namespace pagesnap
