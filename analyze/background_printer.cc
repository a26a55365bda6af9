#include "analyze/background_printer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pagesnap {
namespace {

// A batch stays in a core's cache between the thread that fills it and the one that prints it.
constexpr size_t kBytesPerBatch = size_t{256} << 10;

// The most that a value takes without its text.
constexpr size_t kMaxFixedBytes = sizeof(ValueType) + sizeof(int64_t) + sizeof(uint32_t);

template <typename T>
char* Put(char* next, const T& value) {
  std::memcpy(next, &value, sizeof value);
  return next + sizeof value;
}

template <typename T>
const char* Get(const char* next, T* value) {
  std::memcpy(value, next, sizeof *value);
  return next + sizeof *value;
}

char* PutValue(char* next, const Value& value) {
  next = Put(next, value.type);
  if (value.type == ValueType::kNull) return next;
  if (value.type == ValueType::kInteger) return Put(next, value.integer);
  if (value.type == ValueType::kReal) next = Put(next, value.real);
  next = Put(next, static_cast<uint32_t>(value.text.size()));  // SQLite has none above 2 GiB
  return std::copy(value.text.begin(), value.text.end(), next);
}

const char* GetValue(const char* next, Value* value) {
  *value = {};
  next = Get(next, &value->type);
  if (value->type == ValueType::kNull) return next;
  if (value->type == ValueType::kInteger) return Get(next, &value->integer);
  if (value->type == ValueType::kReal) next = Get(next, &value->real);
  uint32_t size;
  next = Get(next, &size);
  value->text = {next, size};
  return next + size;
}

}  // namespace

bool RowBatch::Add(std::span<const Value> row) {
  size_t most = sizeof(uint32_t) + row.size() * kMaxFixedBytes;
  for (const Value& value : row) most += value.text.size();
  if (most > bytes_.size() - used_) {
    if (used_ > 0) return false;
    bytes_.resize(std::max(most, kBytesPerBatch));
  }
  char* next = Put(&bytes_[used_], static_cast<uint32_t>(row.size()));
  for (const Value& value : row) next = PutValue(next, value);
  used_ = static_cast<size_t>(next - bytes_.data());
  return true;
}

const char* RowBatch::Read(const char* next, std::vector<Value>* row) {
  uint32_t count;
  next = Get(next, &count);
  row->resize(count);
  for (Value& value : *row) next = GetValue(next, &value);
  return next;
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

LeftOutColumns BackgroundPrinter::LeftOut() const { return printer_->LeftOut(); }

}  // namespace pagesnap
