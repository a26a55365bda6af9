#include "analyze/background_printer.h"

#include <algorithm>
#include <utility>

namespace pagesnap {
namespace {

// A batch stays in a core's cache between the one who fills it and the one who prints it.
constexpr size_t kRowsPerBatch = 1024;
constexpr size_t kTextPerBatch = size_t{256} << 10;

}  // namespace

bool RowBatch::Add(std::span<const Value> row) {
  size_t size = 0;
  for (const Value& value : row) size += value.text.size();
  if (row_count_ == 0) {
    column_count_ = row.size();
    values_.reserve(kRowsPerBatch * column_count_);
    texts_.reserve(std::max(size, kTextPerBatch));
  } else if (row_count_ == kRowsPerBatch || size > texts_.capacity() - texts_.size()) {
    return false;
  }
  for (const Value& value : row) {
    Value& copy = values_.emplace_back(value);
    if (value.text.empty()) continue;
    copy.text = {texts_.data() + texts_.size(), value.text.size()};
    texts_ += value.text;
  }
  ++row_count_;
  return true;
}

void RowBatch::Clear() {
  row_count_ = 0;
  values_.clear();
  texts_.clear();
}

BackgroundPrinter::BackgroundPrinter(std::unique_ptr<Printer> printer)
    : printer_(std::move(printer)), handover_([this](const RowBatch& batch) { Print(batch); }) {}

BackgroundPrinter::~BackgroundPrinter() {
  try {
    Drain();
  } catch (...) {  // NOLINT(bugprone-empty-catch): another exception is on its way
  }
}

void BackgroundPrinter::Row(std::span<const Value> row) {
  if (batch_.Add(row)) return;
  handover_.Put(&batch_);
  batch_.Clear();
  batch_.Add(row);
}

void BackgroundPrinter::Print(const RowBatch& batch) {
  batch.ForEach([&](std::span<const Value> row) { printer_->Row(row); });
}

// Prints what was not printed yet.
void BackgroundPrinter::Drain() {
  handover_.Finish();
  const RowBatch rest = std::exchange(batch_, {});
  Print(rest);
}

void BackgroundPrinter::Total(std::vector<std::string> cells) {
  Drain();
  printer_->Total(std::move(cells));
}

void BackgroundPrinter::Finish() {
  Drain();
  printer_->Finish();
}

std::vector<std::string> BackgroundPrinter::LeftOut() const { return printer_->LeftOut(); }

}  // namespace pagesnap
