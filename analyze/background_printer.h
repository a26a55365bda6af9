// Printing on a thread of its own.
#ifndef ANALYZE_BACKGROUND_PRINTER_H_
#define ANALYZE_BACKGROUND_PRINTER_H_

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
  // Calls visit(std::span<const Value>) for each row, in order.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (size_t i = 0; i < row_count_; ++i) {
      visit(std::span(values_).subspan(i * column_count_, column_count_));
    }
  }
  // Forgets the rows and keeps the memory.
  void Clear();

 private:
  size_t row_count_ = 0;
  size_t column_count_ = 0;
  std::vector<Value> values_;  // their texts are in texts_
  std::string texts_;          // never grows while values_ points into it
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
  [[nodiscard]] std::vector<std::string> LeftOut() const override;

 private:
  void Print(const RowBatch& batch);
  void Drain();

  std::unique_ptr<Printer> printer_;
  RowBatch batch_;  // being filled
  Handover<RowBatch> handover_;
};

}  // namespace pagesnap

#endif  // ANALYZE_BACKGROUND_PRINTER_H_
