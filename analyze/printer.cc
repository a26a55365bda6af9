#include "analyze/printer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "analyze/picture.h"
#include "analyze/table.h"

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

class CsvPrinter final : public Printer {
 public:
  CsvPrinter(const std::vector<std::string>& columns, FILE* out)
      : column_count_(static_cast<int>(columns.size())), out_(out) {
    std::string line;
    for (const std::string& column : columns) line += Field(column) + ",";
    PrintLine(line);
  }

  void Row(const Statement& statement) override {
    std::string line;
    for (int i = 0; i < column_count_; ++i) line += Field(statement.Text(i)) + ",";
    PrintLine(line);
  }

  void Finish() override {}

 private:
  static std::string Field(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
    std::string quoted = "\"";
    for (char c : text) {
      if (c == '"') quoted += '"';
      quoted += c;
    }
    return quoted + '"';
  }

  // RFC 4180: lines end with CR LF.
  void PrintLine(std::string line) {
    line.pop_back();
    fmt::print(out_, "{}\r\n", line);
  }

  int column_count_;
  FILE* out_;
};

class JsonPrinter final : public Printer {
 public:
  JsonPrinter(std::vector<std::string> columns, FILE* out)
      : columns_(std::move(columns)), out_(out) {}

  void Row(const Statement& statement) override {
    nlohmann::ordered_json object = nlohmann::ordered_json::object();
    for (int i = 0; i < static_cast<int>(columns_.size()); ++i) {
      nlohmann::ordered_json& value = object[columns_[i]];
      if (statement.IsInteger(i)) {
        value = statement.Int(i);
      } else if (statement.IsNumber(i)) {
        value = statement.Real(i);
      } else if (!statement.IsNull(i)) {
        value = std::string(statement.Text(i));
      }
    }
    fmt::print(out_, "{}{}", first_ ? "[\n" : ",\n",
               WithoutControls(object.dump(-1, ' ', /*ensure_ascii=*/false,
                                           nlohmann::json::error_handler_t::replace)));
    first_ = false;
  }

  void Finish() override { fmt::print(out_, "{}", first_ ? "[]\n" : "\n]\n"); }

 private:
  std::vector<std::string> columns_;
  FILE* out_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<Printer> MakePrinter(Format format, std::vector<std::string> columns,
                                     const TableStyle& style, FILE* out) {
  switch (format) {
    case Format::kCsv:
      return std::make_unique<CsvPrinter>(columns, out);
    case Format::kJson:
      return std::make_unique<JsonPrinter>(std::move(columns), out);
    default:
      if (!style.picture_label.empty()) {
        return std::make_unique<PicturePrinter>(columns, style, out);
      }
      return std::make_unique<TablePrinter>(std::move(columns), style, out);
  }
}

}  // namespace pagesnap
