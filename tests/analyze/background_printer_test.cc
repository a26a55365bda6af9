// Rows that another thread prints: all of them, in order, and no longer than nothing is wrong.
#include "analyze/background_printer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

// Keeps what it gets; throws at the row whose number is `fails_at`.
class FakePrinter final : public Printer {
 public:
  FakePrinter(std::vector<std::string>* lines, int64_t fails_at)
      : lines_(lines), fails_at_(fails_at) {}
  void Row(std::span<const Value> row) override {
    if (row[0].integer == fails_at_) throw Error("this row cannot be printed");
    lines_->push_back(fmt::format("{} {}", row[0].integer, row[1].text));
  }
  void Total(std::vector<std::string> cells) override { lines_->push_back(cells[0]); }
  void Finish() override { lines_->emplace_back("finished"); }

 private:
  std::vector<std::string>* lines_;
  int64_t fails_at_;
};

class BackgroundPrinterTest : public testing::Test {
 protected:
  // Its text is gone when this returns.
  static void PrintRow(Printer* printer, int64_t number, const std::string& text) {
    const std::vector<Value> row = {{.type = ValueType::kInteger, .integer = number, .text = {}},
                                    {.type = ValueType::kText, .text = text}};
    printer->Row(row);
  }
  static void PrintRows(Printer* printer, int64_t count) {
    for (int64_t i = 0; i < count; ++i) PrintRow(printer, i, fmt::format("row {}", i));
  }
  std::unique_ptr<BackgroundPrinter> Make(int64_t fails_at = -1) {
    return std::make_unique<BackgroundPrinter>(std::make_unique<FakePrinter>(&lines_, fails_at));
  }
  void ExpectRows(size_t count) const {
    ASSERT_GE(lines_.size(), count);
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(lines_[i], fmt::format("{0} row {0}", i));
  }
  std::vector<std::string> lines_;
};

TEST(RowBatchTest, KeepsValuesOfAllTypes) {
  const std::vector<std::vector<Value>> rows = {
      {{},
       {.type = ValueType::kInteger, .integer = INT64_MIN, .text = {}},
       {.type = ValueType::kReal, .real = -0.5, .text = "-0.5"},
       {.type = ValueType::kText, .text = {}}},
      {{.type = ValueType::kText, .text = "text"}, {}}};
  RowBatch batch;
  for (int time = 0; time < 2; ++time) {
    batch.Clear();
    for (const auto& row : rows) ASSERT_TRUE(batch.Add(row));
    size_t next = 0;
    batch.ForEach([&](std::span<const Value> row) {
      const auto& wanted = rows.at(next++);
      ASSERT_EQ(row.size(), wanted.size());
      for (size_t i = 0; i < row.size(); ++i) {
        EXPECT_EQ(row[i].type, wanted[i].type);
        EXPECT_EQ(row[i].integer, wanted[i].integer);
        EXPECT_EQ(row[i].real, wanted[i].real);
        EXPECT_EQ(row[i].text, wanted[i].text);
      }
    });
    EXPECT_EQ(next, rows.size());
  }
}

TEST_F(BackgroundPrinterTest, FewRows) {
  auto printer = Make();
  PrintRows(printer.get(), 3);
  printer->Total({"total"});
  printer->Finish();
  EXPECT_THAT(lines_, testing::ElementsAre("0 row 0", "1 row 1", "2 row 2", "total", "finished"));
}

TEST_F(BackgroundPrinterTest, ManyRowsComeInOrder) {
  auto printer = Make();
  PrintRows(printer.get(), 50'000);
  printer->Total({"total"});
  printer->Finish();
  EXPECT_EQ(lines_.size(), 50'002);
  ExpectRows(50'000);
  EXPECT_EQ(lines_[50'000], "total");
}

// Longer than a batch, and between short ones.
TEST_F(BackgroundPrinterTest, TextsOfAnyLength) {
  auto printer = Make();
  for (int64_t i = 0; i < 40; ++i) PrintRow(printer.get(), i, std::string(i * 20'000, 'x'));
  printer->Finish();
  ASSERT_EQ(lines_.size(), 41);
  for (int64_t i = 0; i < 40; ++i) {
    EXPECT_EQ(lines_[i], fmt::format("{} {}", i, std::string(i * 20'000, 'x')));
  }
}

TEST_F(BackgroundPrinterTest, RowsBeforeAnExceptionArePrinted) {
  PrintRows(Make().get(), 5'000);  // its destructor ends it
  EXPECT_EQ(lines_.size(), 5'000);
  ExpectRows(5'000);
}

// Whether a row fails at once or when millions are behind it, and with a thread or without.
TEST_F(BackgroundPrinterTest, WhatCannotBePrintedEndsIt) {
  for (const int64_t fails_at : {0, 10, 3'000, 49'999}) {
    lines_.clear();
    auto printer = Make(fails_at);
    EXPECT_THROW(
        {
          PrintRows(printer.get(), 50'000);
          printer->Finish();
        },
        Error);
    printer.reset();
    EXPECT_EQ(lines_.size(), fails_at);
  }
}

}  // namespace
}  // namespace pagesnap
