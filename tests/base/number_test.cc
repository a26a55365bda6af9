#include "lib/base/number.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pagesnap {
namespace {

TEST(NumberTest, AddressRanges) {
  auto range = [](const char* text, int base = 10) -> std::string {
    const std::optional<AddressRange> parsed = ParseAddressRange(text, base);
    if (!parsed) return "none";
    return fmt::format("{:x}-{:x}{}", parsed->first, parsed->last, parsed->is_one ? " one" : "");
  };
  // As in maps, the end is behind the last byte.
  EXPECT_EQ(range("7f1000-7f3000"), "7f1000-7f2fff");
  EXPECT_EQ(range("400000-401000"), "400000-400fff");
  EXPECT_EQ(range("0x400000-0x401000"), "400000-400fff");
  EXPECT_EQ(range("ffffffffff600000-ffffffffff601000"), "ffffffffff600000-ffffffffff600fff");
  EXPECT_EQ(range("0x1000+8K"), "1000-2fff");
  EXPECT_EQ(range("0x1000+0x10"), "1000-100f");
  EXPECT_EQ(range("4096+4096"), "1000-1fff");
  EXPECT_EQ(range("abc000+1M"), "abc000-bbbfff");
  EXPECT_EQ(range("0x1000+2G"), "1000-80000fff");
  EXPECT_EQ(range("0xfffffffffffff000+4K"), "fffffffffffff000-ffffffffffffffff");
  EXPECT_EQ(range("0x7f1234"), "7f1234-7f1234 one");
  EXPECT_EQ(range("7f1234"), "7f1234-7f1234 one");
  EXPECT_EQ(range("4096"), "1000-1000 one");
  EXPECT_EQ(range("4096", 16), "4096-4096 one");
  EXPECT_EQ(range("4096+1K", 16), "4096-4495");
  for (const char* wrong : {"", "-", "+", "x", "zero", "1000-", "-1000", "2000-1000", "1000-1000",
                            "1000+0", "1000+", "+4K", "1000+4Q", "0x1-0x2-0x3", "0x", "1 2",
                            "0xffffffffffffffff+2", "fffffffffffffffff", "1000-zz"}) {
    EXPECT_EQ(range(wrong), "none") << wrong;
  }
}

TEST(NumberTest, ParsesWholeUnsignedNumbersOnly) {
  EXPECT_EQ(ParseUnsigned("0"), 0u);
  EXPECT_EQ(ParseUnsigned("18446744073709551615"), ~uint64_t{0});
  EXPECT_EQ(ParseUnsigned("fF", 16), 255u);
  for (const char* text : {"", " 1", "1 ", "+1", "-1", "1x", "0x1", "ff", "18446744073709551616"}) {
    EXPECT_EQ(ParseUnsigned(text), std::nullopt) << text;
  }
  for (const char* text : {"", "0x1", "g", "fffffffffffffffff"}) {
    EXPECT_EQ(ParseUnsigned(text, 16), std::nullopt) << text;
  }
}

TEST(NumberTest, ParsesAddressesAsUsersWriteThem) {
  EXPECT_EQ(ParseAddress("4096"), 4096u);
  EXPECT_EQ(ParseAddress("0x1000"), 4096u);
  EXPECT_EQ(ParseAddress("0X7fFe00000000"), 0x7ffe00000000u);
  for (const char* text : {"", "0x", "0x-1", "0x 1", "7ffe", "0xg", "0x10000000000000000"}) {
    EXPECT_EQ(ParseAddress(text), std::nullopt) << text;
  }
}

TEST(NumberTest, ParsesSizesWithBinaryUnits) {
  EXPECT_EQ(ParseBytes("0"), 0u);
  EXPECT_EQ(ParseBytes("4096"), 4096u);
  EXPECT_EQ(ParseBytes("3K"), 3072u);
  EXPECT_EQ(ParseBytes("500M"), uint64_t{500} << 20);
  EXPECT_EQ(ParseBytes("2G"), uint64_t{2} << 30);
  EXPECT_EQ(ParseBytes("8388607T"), uint64_t{8388607} << 40);
  for (const char* text : {"", "M", "1.5G", "-1M", "1MB", "1m", "1 M", "8388608T", "1MM"}) {
    EXPECT_EQ(ParseBytes(text), std::nullopt) << text;
  }
}

TEST(NumberTest, HumanBytes) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(640), "640 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1024), "1.0 KiB");
  EXPECT_EQ(HumanBytes(12 * 1024), "12.0 KiB");
  EXPECT_EQ(HumanBytes(uint64_t{3} << 29), "1.5 GiB");
  EXPECT_EQ(HumanBytes(~uint64_t{0}), "16.0 EiB");
}

TEST(NumberTest, HumanDuration) {
  EXPECT_EQ(HumanDuration(850'000), "850 us");
  EXPECT_EQ(HumanDuration(12'300'000), "12.3 ms");
  EXPECT_EQ(HumanDuration(500'000'000), "500.0 ms");
  EXPECT_EQ(HumanDuration(1'250'000'000), "1.25 s");
}

TEST(NumberTest, HumanCount) {
  EXPECT_EQ(HumanCount(0), "0");
  EXPECT_EQ(HumanCount(999), "999");
  EXPECT_EQ(HumanCount(1000), "1,000");
  EXPECT_EQ(HumanCount(1234567), "1,234,567");
  EXPECT_EQ(HumanCount(~uint64_t{0}), "18,446,744,073,709,551,615");
}

TEST(NumberTest, DivideRoundingUpDoesNotOverflow) {
  static_assert(DivideRoundingUp(0, 4) == 0 && DivideRoundingUp(8, 4) == 2);
  EXPECT_EQ(DivideRoundingUp(9, 4), 3u);
  EXPECT_EQ(DivideRoundingUp(~uint64_t{0}, 2), uint64_t{1} << 63);
}

}  // namespace
}  // namespace pagesnap
