#include "analyze/background_printer.h"

#include <algorithm>
#include <utility>

namespace pagesnap {
namespace {

// A batch stays in a core's cache between the one who fills it and the one who prints it.
constexpr size_t kRowsPerBatch = 1024;
constexpr size_t kTextPerBatch = size_t{256} << 10;
constexpr size_t kMostBatches = 4;  // that wait

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
    : printer_(std::move(printer)) {}

BackgroundPrinter::~BackgroundPrinter() {
  try {
    Drain();
  } catch (...) {  // NOLINT(bugprone-empty-catch): another exception is on its way
  }
}

void BackgroundPrinter::Row(std::span<const Value> row) {
  if (batch_.Add(row)) return;
  HandOver();
  batch_.Add(row);
}

// Leaves an empty batch to be filled.
void BackgroundPrinter::HandOver() {
  if (!thread_.joinable()) thread_ = std::thread([this] { PrintBatches(); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return error_ != nullptr || full_.size() < kMostBatches; });
  if (error_) std::rethrow_exception(error_);
  full_.push_back(std::move(batch_));
  batch_ = {};
  if (!printed_.empty()) {
    batch_ = std::move(printed_.back());
    printed_.pop_back();
  }
  changed_.notify_all();
}

void BackgroundPrinter::Print(const RowBatch& batch) {
  batch.ForEach([&](std::span<const Value> row) { printer_->Row(row); });
}

void BackgroundPrinter::PrintBatches() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return closed_ || !full_.empty(); });
    if (full_.empty()) return;
    RowBatch batch = std::move(full_.front());
    full_.pop_front();
    lock.unlock();
    std::exception_ptr error;
    try {
      Print(batch);
    } catch (...) {
      error = std::current_exception();
    }
    batch.Clear();
    lock.lock();
    printed_.push_back(std::move(batch));
    error_ = error;
    changed_.notify_all();
    if (error_) return;
  }
}

// Prints what was not printed yet, and ends the thread.
void BackgroundPrinter::Drain() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
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
