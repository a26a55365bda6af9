// JSON: one array of objects, NULL as null.
#include <nlohmann/json.hpp>

#include "analyze/output_buffer.h"
#include "analyze/printer.h"
#include "lib/base/text.h"

namespace pagesnap {
namespace {

class JsonPrinter final : public Printer {
 public:
  JsonPrinter(const std::vector<Column>& columns, const PrintStyle&, FILE* out) : out_(out) {
    for (const Column& column : columns) {
      std::string key = keys_.empty() ? "{" : ",";
      AddText(column.name, &key);
      keys_.push_back(key + ":");
    }
  }

  void Row(std::span<const Value> row) override {
    std::string& line = out_.text();
    line += first_ ? "[\n" : ",\n";
    first_ = false;
    for (size_t i = 0; i < keys_.size(); ++i) {
      line += keys_[i];
      AddValue(row[i]);
    }
    line += '}';
    out_.FlushIfLarge();
  }

  void Finish() override {
    out_.text() += first_ ? "[]\n" : "\n]\n";
    out_.Flush();
  }

 private:
  void AddValue(const Value& value) {
    switch (value.type) {
      case ValueType::kNull:
        out_.text() += "null";
        return;
      case ValueType::kInteger:
        return out_.AddNumber(value.integer);
      case ValueType::kReal:
        out_.text() += nlohmann::json(value.real).dump();
        return;
      default:
        AddText(value.text, &out_.text());
    }
  }
  static void AddText(std::string_view text, std::string* line) {
    *line += '"';
    AppendText(text, Medium::kJson, line);
    *line += '"';
  }

  std::vector<std::string> keys_;  // of each column, with the punctuation around them
  OutputBuffer out_;
  bool first_ = true;
};

}  // namespace

OutputFormat JsonFormat() {
  return {.name = "json",
          .about = "one array of objects; unknown is null",
          .make_printer = MakePrinter<JsonPrinter>};
}

}  // namespace pagesnap
