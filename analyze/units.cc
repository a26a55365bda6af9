#include "analyze/units.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "analyze/kernel_figures.h"
#include "lib/base/error.h"

namespace pagesnap {
namespace {

constexpr std::string_view kKib = "kib";
constexpr int64_t kBytesPerKib = 1024;

// Turns KiB into bytes for another printer.
class BytesPrinter final : public Printer {
 public:
  BytesPrinter(std::unique_ptr<Printer> printer, std::vector<bool> is_kib)
      : printer_(std::move(printer)), is_kib_(std::move(is_kib)) {}

  void Row(std::span<const Value> row) override {
    row_.assign(row.begin(), row.end());
    for (size_t i = 0; i < row_.size(); ++i) {
      int64_t* const number = &row_[i].integer;
      if (!is_kib_[i]) continue;
      if (const auto marked = FigureOfMarked(row_[i].text)) {
        marked_[i] = InBytes(std::string(row_[i].text), *marked, /*is_marked=*/true);
        row_[i].text = marked_[i];
      }
      if (row_[i].type != ValueType::kInteger) continue;
      if (__builtin_mul_overflow(*number, kBytesPerKib, number)) *number = row[i].integer;
    }
    printer_->Row(row_);
  }
  void Total(std::vector<std::string> cells) override {
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::optional<int64_t> marked = FigureOfMarked(cells[i]);
      int64_t number = marked.value_or(0);
      const char* const end = cells[i].data() + cells[i].size();
      const bool is_number = marked || std::from_chars(cells[i].data(), end, number).ptr == end;
      if (!is_kib_[i] || !is_number || cells[i].empty()) continue;
      cells[i] = InBytes(std::move(cells[i]), number, marked.has_value());
    }
    printer_->Total(std::move(cells));
  }
  void Finish() override { printer_->Finish(); }
  [[nodiscard]] LeftOutColumns LeftOut() const override { return printer_->LeftOut(); }

 private:
  // Returns the text of so many KiB in bytes; `text` where there is no number for that.
  static std::string InBytes(std::string text, int64_t kib, bool is_marked) {
    int64_t bytes = 0;
    if (__builtin_mul_overflow(kib, kBytesPerKib, &bytes)) return text;
    return is_marked ? MarkedFigure(bytes) : std::to_string(bytes);
  }

  std::unique_ptr<Printer> printer_;
  std::vector<bool> is_kib_;
  std::vector<std::string> marked_ = std::vector<std::string>(is_kib_.size());
  std::vector<Value> row_;
};

}  // namespace

Units ParseUnits(const std::string& name) {
  if (name == "auto") return Units::kAuto;
  if (name == kKib) return Units::kKib;
  if (name == "bytes") return Units::kBytes;
  throw UsageError(fmt::format("--units {}: that is not auto, kib or bytes", name));
}

std::unique_ptr<Printer> MakeUnitsPrinter(Units units, std::vector<Column> columns,
                                          const OutputFormat& format, const PrintStyle& style,
                                          FILE* out) {
  std::vector<bool> is_kib;
  for (Column& column : columns) {
    const bool changes = units == Units::kBytes && column.name.ends_with(kKib);
    is_kib.push_back(changes);
    if (!changes) continue;
    column.name.replace(column.name.size() - kKib.size(), kKib.size(), "bytes");
    column.unit = UnitOf(column.name);
  }
  auto printer = format.make_printer(columns, style, out);
  if (units != Units::kBytes) return printer;
  return std::make_unique<BytesPrinter>(std::move(printer), std::move(is_kib));
}

}  // namespace pagesnap
