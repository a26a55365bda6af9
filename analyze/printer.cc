#include "analyze/printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace pagesnap {
namespace {

constexpr size_t kRowsForWidths = 1000;

// Returns how many columns of a terminal UTF-8 text takes, one for each code point.
size_t DisplayWidth(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

// Returns how many bytes the character at the front of `text` has, or 0 when it is a control
// character (C0, DEL, or C1, which terminals obey as well) or no UTF-8 (RFC 3629, section 4).
size_t PrintableSize(std::string_view text) {
  auto byte = [&](size_t i) -> unsigned { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const size_t size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (size == 0 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  const bool refused = (first == 0xc2 && second < 0xa0) ||  // C1
                       (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90) ||
                       (first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90);
  return refused ? 0 : size;
}

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

class TablePrinter final : public Printer {
 public:
  TablePrinter(std::vector<std::string> columns, FILE* out)
      : columns_(std::move(columns)), out_(out), widths_(columns_.size()) {
    for (size_t i = 0; i < columns_.size(); ++i) widths_[i] = DisplayWidth(columns_[i]);
    is_number_.assign(columns_.size(), true);
  }

  void Row(const Statement& statement) override {
    std::vector<std::string> cells;
    for (int i = 0; i < static_cast<int>(columns_.size()); ++i) {
      bool is_null = statement.IsNull(i);
      if (!is_null && !statement.IsNumber(i)) is_number_[i] = false;
      cells.push_back(is_null ? "-" : Printable(statement.Text(i)));
      if (!started_) widths_[i] = std::max(widths_[i], DisplayWidth(cells.back()));
    }
    if (started_) return PrintLine(cells);
    rows_.push_back(std::move(cells));
    if (rows_.size() == kRowsForWidths) Start();
  }

  void Total(std::vector<std::string> cells) override {
    if (!started_) {
      for (size_t i = 0; i < cells.size(); ++i) {
        widths_[i] = std::max(widths_[i], DisplayWidth(cells[i]));
      }
    }
    total_ = std::move(cells);
  }

  void Finish() override {
    if (!started_) Start();
    if (!total_.empty()) PrintLine(total_);
  }

 private:
  void Start() {
    started_ = true;
    PrintLine(columns_);
    for (const auto& row : rows_) PrintLine(row);
    rows_.clear();
  }

  void PrintLine(const std::vector<std::string>& cells) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) line += "  ";
      size_t width = DisplayWidth(cells[i]);
      std::string padding(widths_[i] > width ? widths_[i] - width : 0, ' ');
      if (is_number_[i]) {
        line += padding + cells[i];
      } else {
        line += cells[i] + padding;
      }
    }
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print(out_, "{}\n", line);
  }

  std::vector<std::string> columns_;
  FILE* out_;
  std::vector<size_t> widths_;
  std::vector<bool> is_number_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::string> total_;
  bool started_ = false;
};

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

std::string Printable(std::string_view text) {
  std::string printable;
  while (!text.empty()) {
    size_t size = PrintableSize(text);
    if (size > 0) {
      printable += text.substr(0, size);
    } else {
      size = 1;
      printable += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    }
    text.remove_prefix(size);
  }
  return printable;
}

std::unique_ptr<Printer> MakePrinter(Format format, std::vector<std::string> columns, FILE* out) {
  switch (format) {
    case Format::kCsv:
      return std::make_unique<CsvPrinter>(columns, out);
    case Format::kJson:
      return std::make_unique<JsonPrinter>(std::move(columns), out);
    default:
      return std::make_unique<TablePrinter>(std::move(columns), out);
  }
}

}  // namespace pagesnap
