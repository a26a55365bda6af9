// CSV (RFC 4180) with a header line, NULL as an empty field.
#include "analyze/output_buffer.h"
#include "analyze/printer.h"
#include "lib/base/text.h"

namespace pagesnap {
namespace {

// Texts are exact in a file or a pipe; on a terminal they are what it can show. With the guard,
// texts and column names (no numbers) that begin with = + - @, TAB or CR have a ' in front, because
// a spreadsheet takes them for formulas (OWASP, "CSV Injection").
class CsvPrinter final : public Printer {
 public:
  CsvPrinter(const std::vector<Column>& columns, const PrintStyle& style, FILE* out)
      : medium_(style.terminal.is_terminal() ? style.terminal.medium() : Medium::kExact),
        guard_(style.csv_guard),
        out_(out) {
    for (const Column& column : columns) AddText(column.name);
    EndLine();
  }

  void Row(std::span<const Value> row) override {
    for (const Value& value : row) {
      if (value.type == ValueType::kInteger) {
        out_.AddNumber(value.integer);
        out_.text() += ',';
      } else if (value.type == ValueType::kText) {
        AddText(value.text);
      } else {
        AddField(value.text);
      }
    }
    EndLine();
  }

  void Finish() override { out_.Flush(); }

 private:
  void AddText(std::string_view text) {
    constexpr std::string_view kFormulaStarts = "=+-@\t\r";
    if (guard_ && !text.empty() && kFormulaStarts.find(text[0]) != std::string_view::npos) {
      AddSafe("'" + std::string(text));
    } else {
      AddSafe(text);
    }
  }

  void AddSafe(std::string_view text) {
    if (medium_ == Medium::kExact || IsPlain(text)) return AddField(text);
    safe_.clear();
    AppendText(text, medium_, &safe_);
    AddField(safe_);
  }

  void AddField(std::string_view text) {
    std::string& line = out_.text();
    if (NeedsQuotesInCsv(text)) {
      line += '"';
      for (const char c : text) line += c == '"' ? "\"\"" : std::string_view(&c, 1);
      line += '"';
    } else {
      line += text;
    }
    line += ',';
  }

  // RFC 4180: lines end with CR LF.
  void EndLine() {
    out_.text().pop_back();
    out_.text() += "\r\n";
    out_.FlushIfLarge();
  }

  Medium medium_;
  bool guard_;
  std::string safe_;  // a text that had to be changed
  OutputBuffer out_;
};

}  // namespace

OutputFormat CsvFormat() {
  return {.name = "csv",
          .about = "RFC 4180 with a header line; unknown is an empty field",
          .make_printer = MakePrinter<CsvPrinter>,
          .has_guard = true};
}

}  // namespace pagesnap
