#include "analyze/printer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "analyze/output_buffer.h"
#include "analyze/picture.h"
#include "analyze/table.h"
#include "lib/base/text.h"

namespace pagesnap {
namespace {

void AddNumber(int64_t number, std::string* line) {
  const fmt::format_int digits(number);
  line->append(digits.data(), digits.size());
}

class CsvPrinter final : public Printer {
 public:
  CsvPrinter(const std::vector<std::string>& columns, const TableStyle& style, FILE* out)
      : medium_(style.terminal.is_terminal() ? style.terminal.medium() : Medium::kExact),
        guard_(style.csv_guard),
        out_(out) {
    for (const std::string& column : columns) AddText(column);
    EndLine();
  }

  void Row(std::span<const Value> row) override {
    for (const Value& value : row) {
      if (value.type == ValueType::kInteger) {
        AddNumber(value.integer, &out_.text());
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

class JsonPrinter final : public Printer {
 public:
  JsonPrinter(const std::vector<std::string>& columns, FILE* out) : out_(out) {
    for (const std::string& column : columns) {
      std::string key = keys_.empty() ? "{" : ",";
      AddText(column, &key);
      keys_.push_back(key + ":");
    }
  }

  void Row(std::span<const Value> row) override {
    std::string& line = out_.text();
    line += first_ ? "[\n" : ",\n";
    first_ = false;
    for (size_t i = 0; i < keys_.size(); ++i) {
      line += keys_[i];
      AddValue(row[i], &line);
    }
    line += '}';
    out_.FlushIfLarge();
  }

  void Finish() override {
    out_.text() += first_ ? "[]\n" : "\n]\n";
    out_.Flush();
  }

 private:
  static void AddValue(const Value& value, std::string* line) {
    switch (value.type) {
      case ValueType::kNull:
        *line += "null";
        return;
      case ValueType::kInteger:
        return AddNumber(value.integer, line);
      case ValueType::kReal:
        *line += nlohmann::json(value.real).dump();
        return;
      default:
        AddText(value.text, line);
    }
  }
  static void AddText(std::string_view text, std::string* line) {
    *line += '"';
    AppendText(text, Medium::kJson, line);
    *line += '"';
  }

  std::vector<std::string> keys_;  // of each column, with what is before and behind
  OutputBuffer out_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<Printer> MakePrinter(Format format, const std::vector<std::string>& columns,
                                     const TableStyle& style, FILE* out) {
  switch (format) {
    case Format::kCsv:
      return std::make_unique<CsvPrinter>(columns, style, out);
    case Format::kJson:
      return std::make_unique<JsonPrinter>(columns, out);
    default:
      if (!style.picture_label.empty()) {
        return std::make_unique<PicturePrinter>(columns, style, out);
      }
      return std::make_unique<TablePrinter>(columns, style, out);
  }
}

}  // namespace pagesnap
