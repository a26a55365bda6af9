// Man pages in the language of man(7), made of texts that the programs have anyway.
#ifndef PACKAGING_MANUAL_H_
#define PACKAGING_MANUAL_H_

#include <string>
#include <string_view>
#include <vector>

namespace pagesnap {

// Returns the man page of capture(1), analyze(1) or pagesnap(5). Throws Error for another name.
std::string ManualPage(const std::string& name);

// A table of the file format as schema/tables.sql describes it.
struct TableText {
  struct Column {
    std::string name;
    std::string description;  // its type, and its comment
  };
  std::string name;
  std::string about;
  std::vector<Column> columns;
};

// Returns the tables of `sql`, a text written as schema/tables.sql is.
std::vector<TableText> ReadTables(std::string_view sql);

// Returns text with all that troff would act on escaped.
std::string EscapedForTroff(std::string_view text);

}  // namespace pagesnap

#endif  // PACKAGING_MANUAL_H_
