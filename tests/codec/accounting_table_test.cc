#include "lib/codec/accounting_table.h"

#include <gtest/gtest.h>

#include <string>

#include "lib/base/error.h"
#include "tests/codec/blob_testing.h"

namespace pagesnap {
namespace {

// The worked example of schema/README.md: Rss 12 and 8, Swap nothing and 0.
constexpr char kExample[] = "0e | 02 | 02 | 03 527373 0d 09 | 04 53776170 00 01";

AccountingTableBuilder ExampleBuilder() {
  AccountingTableBuilder builder;
  builder.BeginRow();
  builder.Set("Rss", 12);
  builder.BeginRow();
  builder.Set("Rss", 8);
  builder.Set("Swap", 0);
  return builder;
}

TEST(AccountingTableTest, EncodesTheExample) {
  EXPECT_EQ(ToHex(ExampleBuilder().Encode()), ToHex(FromHex(kExample)));
  EXPECT_EQ(ExampleBuilder().row_count(), 2u);
}

TEST(AccountingTableTest, DecodesTheExample) {
  const AccountingTable table(AsBytes(FromHex(kExample)), 2);
  EXPECT_EQ(table.row_count(), 2u);
  EXPECT_EQ(table.names(), (std::vector<std::string>{"Rss", "Swap"}));
  EXPECT_EQ(table.Column("Swap"), 1u);
  EXPECT_EQ(table.Column("Pss"), std::nullopt);
  EXPECT_EQ(table.Value(0, 0), 12u);
  EXPECT_EQ(table.Value(0, 1), 8u);
  EXPECT_EQ(table.Value(1, 0), std::nullopt);
  EXPECT_EQ(table.Value(1, 1), 0u);
  EXPECT_THROW((void)table.Value(2, 0), std::out_of_range);
  EXPECT_THROW((void)table.Value(0, 2), std::out_of_range);
}

// The figures of a process with `rows` mappings; some of them are its own.
AccountingTableBuilder Figures(uint64_t rows, uint64_t own) {
  AccountingTableBuilder builder;
  for (uint64_t row = 0; row < rows; ++row) {
    builder.BeginRow();
    for (const char* name : {"Size", "Rss", "Pss", "Shared_Clean", "Private_Dirty"}) {
      builder.Set(name, row * 7919 % 5003 + static_cast<uint64_t>(name[0]));
    }
    builder.Set("Swap", row % 50 == 7 ? own : 0);
  }
  return builder;
}

TEST(AccountingTableTest, ARelativeTakesLittle) {
  const AccountingTableBuilder base = Figures(120, 3);
  const AccountingTableBuilder child = Figures(121, 5000);
  const std::string base_blob = base.Encode();
  const std::string blob = EncodeAccountingAfter(base.Unpacked(), child.Unpacked());
  EXPECT_LT(blob.size(), base_blob.size() / 5);
  const AccountingTable base_table(AsBytes(base_blob), 120);
  const AccountingTable table(AsBytes(blob), 121, &base_table);
  const std::string alone_blob = child.Encode();
  const AccountingTable alone(AsBytes(alone_blob), 121);
  ASSERT_EQ(table.names(), alone.names());
  for (size_t row = 0; row < 121; ++row) {
    for (size_t column = 0; column < alone.names().size(); ++column) {
      ASSERT_EQ(table.Value(column, row), alone.Value(column, row)) << row << " " << column;
    }
  }
}

TEST(AccountingTableTest, ARelativeNeedsItsBase) {
  const std::string base_blob = Figures(120, 3).Encode();
  const std::string blob =
      EncodeAccountingAfter(Figures(120, 3).Unpacked(), Figures(121, 5).Unpacked());
  const AccountingTable base(AsBytes(base_blob), 120);
  const AccountingTable other(AsBytes(FromHex(kExample)), 2);
  EXPECT_THROW(AccountingTable(AsBytes(blob), 121), Error);
  EXPECT_THROW(AccountingTable(AsBytes(blob), 121, &other), Error);
  EXPECT_THROW(AccountingTable(AsBytes(base_blob), 120, &base), Error);
}

TEST(AccountingTableTest, RepeatsRows) {
  AccountingTableBuilder repeated;
  AccountingTableBuilder set;
  EXPECT_THROW(repeated.RepeatRow(1), Error);
  std::vector<uint64_t> seeds;
  for (uint64_t row = 0; row < 600; ++row) {
    const size_t back = row < 2 || row % 7 == 0 ? 0 : row / 20 % 2 + 1;
    seeds.push_back(back == 0 ? row : seeds[row - back]);
    const uint64_t seed = seeds[row];
    // A name that comes late, one that is gone meanwhile, and one that is always there.
    auto fill = [&](AccountingTableBuilder* builder) {
      builder->BeginRow();
      if (seed >= 300) builder->Set("Late", seed);
      if (seed % 3 != 0) builder->Set("Here", seed << 40);
      builder->Set("Rss", seed);
    };
    fill(&set);
    back == 0 ? fill(&repeated) : repeated.RepeatRow(back);
  }
  EXPECT_EQ(ToHex(repeated.Encode()), ToHex(set.Encode()));
  EXPECT_THROW(repeated.RepeatRow(3), Error);
}

TEST(AccountingTableTest, RoundTripsManyRowsInAnyOrder) {
  AccountingTableBuilder builder;
  auto figure = [](uint64_t row, uint64_t column) { return (row * 7 + column) << (row % 58); };
  auto has_figure = [](uint64_t row, uint64_t column) { return (row + column) % 3 != 0; };
  constexpr uint64_t kRows = 2000;
  constexpr uint64_t kColumns = 24;
  for (uint64_t row = 0; row < kRows; ++row) {
    builder.BeginRow();
    for (uint64_t i = 0; i < kColumns; ++i) {
      const uint64_t column = row % 2 == 0 ? i : kColumns - 1 - i;
      if (has_figure(row, column))
        builder.Set("name" + std::to_string(column), figure(row, column));
    }
  }
  const std::string blob = builder.Encode();
  const AccountingTable table(AsBytes(blob), kRows);
  ASSERT_EQ(table.names().size(), kColumns);
  for (uint64_t column = 0; column < kColumns; ++column) {
    const std::optional<size_t> index = table.Column("name" + std::to_string(column));
    ASSERT_TRUE(index.has_value());
    for (uint64_t row = 0; row < kRows; ++row) {
      const std::optional<uint64_t> value = table.Value(*index, row);
      ASSERT_EQ(value.has_value(), has_figure(row, column)) << row << " " << column;
      if (!value) continue;
      ASSERT_EQ(*value, figure(row, column)) << row << " " << column;
    }
  }
  EXPECT_THROW(AccountingTable(AsBytes(blob), kRows - 1), Error);
  EXPECT_THROW(AccountingTable(AsBytes(blob), kRows + 1), Error);
}

// Such a table is compressed piece by piece.
TEST(AccountingTableTest, RoundTripsATableOfMegabytes) {
  AccountingTableBuilder builder;
  constexpr uint64_t kRows = 300'000;
  for (uint64_t row = 0; row < kRows; ++row) {
    builder.BeginRow();
    builder.Set("Size", row % 1000);
    if (row < kRows / 2) builder.Set("Rss", row % 3);
    if (row >= kRows / 2) builder.Set("Pss", row * row);
  }
  const std::string blob = builder.Encode();
  EXPECT_LT(blob.size(), size_t{2} << 20);
  const AccountingTable table(AsBytes(blob), kRows);
  for (uint64_t row = 0; row < kRows; row += 7) {
    ASSERT_EQ(table.Value(0, row), row % 1000);
    ASSERT_EQ(table.Value(1, row), row < kRows / 2 ? std::optional(row % 3) : std::nullopt);
    ASSERT_EQ(table.Value(2, row), row < kRows / 2 ? std::nullopt : std::optional(row * row));
  }
}

TEST(AccountingTableTest, KeepsTheLargestFigure) {
  AccountingTableBuilder builder;
  builder.BeginRow();
  builder.Set("Rss", ~uint64_t{0} - 1);
  EXPECT_EQ(AccountingTable(AsBytes(builder.Encode()), 1).Value(0, 0), ~uint64_t{0} - 1);
}

TEST(AccountingTableTest, EmptyTables) {
  EXPECT_EQ(ToHex(AccountingTableBuilder().Encode()), "0100");
  EXPECT_EQ(AccountingTable(AsBytes(FromHex("0100")), 0).names().size(), 0u);
  AccountingTableBuilder rows_only;
  rows_only.BeginRow();
  EXPECT_EQ(AccountingTable(AsBytes(rows_only.Encode()), 1).row_count(), 1u);
}

TEST(AccountingTableTest, BuilderRefusesMisuse) {
  AccountingTableBuilder builder;
  EXPECT_THROW(builder.Set("Rss", 1), Error);
  builder.BeginRow();
  builder.Set("Rss", 1);
  EXPECT_THROW(builder.Set("Rss", 2), Error);
  EXPECT_THROW(builder.Set("", 1), Error);
  EXPECT_THROW(builder.Set(std::string(65, 'a'), 1), Error);
  EXPECT_NO_THROW(builder.Set(std::string(64, 'a'), 1));
  EXPECT_THROW(builder.Set("Pss", ~uint64_t{0}), Error);
  for (size_t i = 2; i < kMaxAccountingColumns; ++i) builder.Set(std::to_string(i), i);
  EXPECT_THROW(builder.Set("Pss", 1), Error);
  EXPECT_EQ(AccountingTable(AsBytes(builder.Encode()), 1).names().size(), kMaxAccountingColumns);
}

TEST(AccountingTableTest, DecoderRefusesWhatIsNoTable) {
  const uint64_t huge = ~uint64_t{0};
  for (const char* blob : {
           "",
           "00 00",                                // no column count
           "05 02 01 03 527373",                   // a column without figures
           "06 02 01 03 527373 8d",                // a figure that goes on
           "03 02 01 00 01",                       // a name of no bytes
           "0b 02 02 01 61 01 01 61 01 00 00 00",  // two columns of one name, and a rest
           "02 02 81 02",                          // 257 columns
           "ffffffffffffffffff01 00",              // larger than memory
           "8080808001 00",                        // larger than one row can be
       }) {
    EXPECT_THROW(AccountingTable(AsBytes(FromHex(blob)), 1), Error) << blob;
    EXPECT_THROW(AccountingTable(AsBytes(FromHex(blob)), huge), Error) << blob;
  }
  // 256 columns of so many rows would overflow a product.
  EXPECT_THROW(AccountingTable(AsBytes(FromHex(kExample)), huge), Error);
  EXPECT_THROW(AccountingTable(AsBytes(FromHex(kExample)), huge / 2 + 1), Error);
  EXPECT_THROW(AccountingTable(AsBytes(FromHex(kExample)), 3), Error);
}

TEST(AccountingTableTest, DecoderRefusesTooManyColumns) {
  auto decode = [](size_t column_count) {
    std::string raw;
    AppendVarint(&raw, column_count);
    for (size_t i = 0; i < column_count; ++i) {
      raw += FromHex("02");
      raw += static_cast<char>(i % 256);
      raw += static_cast<char>(i / 256);
    }
    std::string blob;
    AppendVarint(&blob, raw.size());
    blob += '\2';
    blob += raw;
    return AccountingTable(AsBytes(blob), 0).names().size();
  };
  EXPECT_EQ(decode(kMaxAccountingColumns), kMaxAccountingColumns);
  EXPECT_THROW(decode(kMaxAccountingColumns + 1), Error);
}

TEST(AccountingTableTest, SurvivesDamage) {
  ExpectDamageIsSurvived(FromHex(kExample), [](ByteSpan blob) { AccountingTable(blob, 2); });
  AccountingTableBuilder builder;
  for (int row = 0; row < 40; ++row) {
    builder.BeginRow();
    builder.Set("Rss", 4);
    builder.Set("Pss", row);
  }
  const std::string blob = builder.Encode();
  ASSERT_EQ(blob[1], 3) << "the plane is to be compressed here";
  ExpectDamageIsSurvived(blob, [](ByteSpan damaged) { AccountingTable(damaged, 40); });
}

}  // namespace
}  // namespace pagesnap
