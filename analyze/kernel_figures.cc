#include "analyze/kernel_figures.h"

#include <algorithm>
#include <charconv>

namespace pagesnap {
namespace {

constexpr char kMark = '*';

}  // namespace

std::string MarkedFigure(int64_t figure) { return kMark + std::to_string(figure); }

std::optional<int64_t> FigureOfMarked(std::string_view text) {
  if (!text.starts_with(kMark)) return std::nullopt;
  int64_t figure = 0;
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data() + 1, end, figure);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return figure;
}

KernelFigures::KernelFigures(const Report& report, const std::vector<std::string>& columns,
                             std::span<const size_t> shown) {
  for (size_t cell = 0; cell < shown.size(); ++cell) {
    const auto figure =
        std::ranges::find(report.kernel_figures, columns[shown[cell]], &KernelFigure::column);
    if (figure == report.kernel_figures.end()) continue;
    const auto kernel = std::ranges::find(columns, figure->kernel_column);
    if (kernel == columns.end()) continue;
    pairs_.push_back({cell, static_cast<size_t>(kernel - columns.begin())});
  }
}

void KernelFigures::Fill(std::span<const Value> row, std::span<Value> cells) {
  for (Pair& pair : pairs_) {
    const Value& figure = row[pair.kernel_column];
    if (cells[pair.cell].type != ValueType::kNull || figure.type != ValueType::kInteger) continue;
    pair.text = MarkedFigure(figure.integer);
    cells[pair.cell] = {.type = ValueType::kText, .text = pair.text};
    used_ = true;
  }
}

}  // namespace pagesnap
