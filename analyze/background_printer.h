// Printing on a thread of its own.
#ifndef ANALYZE_BACKGROUND_PRINTER_H_
#define ANALYZE_BACKGROUND_PRINTER_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analyze/printer.h"
#include "lib/base/handover.h"

namespace pagesnap {

// Copies of rows, so that the statement can go on.
class RowBatch {
 public:
  // Copies the row; false when there is no room. An empty batch has room for any row.
  bool Add(std::span<const Value> row);
  // Calls visit(std::span<const Value>) for each row, in order; the texts are in the batch.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    std::vector<Value> row;
    for (const char* next = bytes_.data(); next != bytes_.data() + used_;) {
      next = Read(next, &row);
      visit(std::span<const Value>(row));
    }
  }
  // Forgets the rows and keeps the memory.
  void Clear() { used_ = 0; }

 private:
  static const char* Read(const char* next, std::vector<Value>* row);

  // Of each row the number of values, and of each value its type and what such a one has: a third
  // of what Value takes, all of which is written by one core and read by another.
  std::vector<char> bytes_;
  size_t used_ = 0;
};

// Gives rows to another printer in batches, on a thread that starts when the first batch is full:
// where there are millions of rows, making the text takes as long as finding them. The other
// printer is used by one thread at a time.
class BackgroundPrinter final : public Printer {
 public:
  explicit BackgroundPrinter(std::unique_ptr<Printer> printer);
  // Without Finish(), an exception ends the report: the rows before it are still given on.
  ~BackgroundPrinter() override;

  // Throw what the other printer threw for this row or for one before it.
  void Row(std::span<const Value> row) override;
  void Total(std::vector<std::string> cells) override;
  void Finish() override;
  [[nodiscard]] LeftOutColumns LeftOut() const override;

 private:
  void Print(const RowBatch& batch);
  void Drain();

  std::unique_ptr<Printer> printer_;
  RowBatch batch_;  // being filled
  Handover<RowBatch> handover_;
};

}  // namespace pagesnap

#endif  // ANALYZE_BACKGROUND_PRINTER_H_
