#include "analyze/printer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "analyze/output_buffer.h"
#include "analyze/picture.h"
#include "analyze/table.h"
#include "analyze/text.h"

namespace pagesnap {
namespace {

// Escapes the control characters that JSON allows in strings: DEL and C1. They stand nowhere else.
std::string WithoutControls(const std::string& json) {
  std::string safe;
  for (size_t i = 0; i < json.size(); ++i) {
    auto c = static_cast<unsigned char>(json[i]);
    auto next = static_cast<unsigned char>(i + 1 < json.size() ? json[i + 1] : '\0');
    if (c == 0x7f) {
      safe += "\\u007f";
    } else if (c == 0xc2 && next < 0xa0) {
      safe += fmt::format("\\u{:04x}", next);
      ++i;
    } else {
      safe += json[i];
    }
  }
  return safe;
}

void AddNumber(int64_t number, std::string* line) {
  const fmt::format_int digits(number);
  line->append(digits.data(), digits.size());
}

class CsvPrinter final : public Printer {
 public:
  CsvPrinter(const std::vector<std::string>& columns, FILE* out) : out_(out) {
    for (const std::string& column : columns) AddField(column);
    EndLine();
  }

  void Row(std::span<const Value> row) override {
    for (const Value& value : row) {
      if (value.type == ValueType::kInteger) {
        AddNumber(value.integer, &out_.text());
        out_.text() += ',';
      } else {
        AddField(value.text);
      }
    }
    EndLine();
  }

  void Finish() override { out_.Flush(); }

 private:
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
    if (IsPlainInJson(text)) {
      *line += '"';
      *line += text;
      *line += '"';
    } else {
      *line += WithoutControls(nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/false,
                                                         nlohmann::json::error_handler_t::replace));
    }
  }

  std::vector<std::string> keys_;  // of each column, with what is before and behind
  OutputBuffer out_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<Printer> MakePrinter(Format format, std::vector<std::string> columns,
                                     const TableStyle& style, FILE* out) {
  switch (format) {
    case Format::kCsv:
      return std::make_unique<CsvPrinter>(columns, out);
    case Format::kJson:
      return std::make_unique<JsonPrinter>(columns, out);
    default:
      if (!style.picture_label.empty()) {
        return std::make_unique<PicturePrinter>(columns, style, out);
      }
      return std::make_unique<TablePrinter>(std::move(columns), style, out);
  }
}

}  // namespace pagesnap
