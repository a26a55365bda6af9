// Markdown: a table as GitHub and GitLab show it, NULL as an empty cell.
#include <algorithm>
#include <cctype>
#include <string>

#include "analyze/output_buffer.h"
#include "analyze/printer.h"
#include "lib/base/text.h"

namespace pagesnap {
namespace {

// Appends a text of others in backquotes, unless it has letters, digits and a few signs only:
// Markdown would take the rest for markup, a link or somebody's name. A backquote in it makes the
// fence longer (GitHub Flavored Markdown 6.3), and a '|' would end the cell (4.10).
void AppendCell(std::string_view text, std::string* line) {
  std::string safe;
  bool is_plain = true;
  size_t ticks = 0;
  size_t longest = 0;
  const std::string printable = Printable(text);
  for (const char c : printable) {
    const bool is_sign = c == ' ' || c == '.' || c == ',' || c == ':' || c == '/' || c == '-';
    is_plain &= isalnum(static_cast<unsigned char>(c)) != 0 || is_sign;
    ticks = c == '`' ? ticks + 1 : 0;
    longest = std::max(longest, ticks);
    if (c == '|') safe += '\\';
    safe += c;
  }
  if (is_plain) {
    *line += safe;
    return;
  }
  const std::string fence(longest + 1, '`');
  const char* const blank = longest > 0 ? " " : "";
  *line += fence + blank + safe + blank + fence;
}

class MarkdownPrinter final : public Printer {
 public:
  MarkdownPrinter(const std::vector<Column>& columns, const PrintStyle&, FILE* out) : out_(out) {
    std::string& text = out_.text();
    std::string rule = "|";
    text += '|';
    for (const Column& column : columns) {
      const bool is_number = column.type == ValueType::kInteger || column.type == ValueType::kReal;
      text += ' ';
      AppendCell(column.name, &text);
      text += " |";
      rule += is_number ? " ---: |" : " --- |";
    }
    text += '\n' + rule + '\n';
  }

  void Row(std::span<const Value> row) override {
    std::string& text = out_.text();
    text += '|';
    for (const Value& value : row) {
      text += ' ';
      if (value.type == ValueType::kInteger) {
        out_.AddNumber(value.integer);
      } else if (value.type != ValueType::kNull) {
        AppendCell(value.text, &text);
      }
      text += " |";
    }
    text += '\n';
    out_.FlushIfLarge();
  }

  void Total(std::vector<std::string> cells) override {
    std::string& text = out_.text();
    text += '|';
    for (const std::string& cell : cells) {
      text += cell.empty() || cell == "-" ? " |" : " **" + cell + "** |";
    }
    text += '\n';
  }

  void Finish() override { out_.Flush(); }

 private:
  OutputBuffer out_;
};

}  // namespace

OutputFormat MarkdownFormat() {
  return {.name = "markdown",
          .about = "a table for GitHub or GitLab; unknown is empty",
          .make_printer = MakePrinter<MarkdownPrinter>,
          .has_totals = true};
}

}  // namespace pagesnap
