// Text that is safe to print, its width, and how it is shortened.
#include "analyze/text.h"

#include <gtest/gtest.h>

namespace pagesnap {
namespace {

TEST(PrintableTest, KeepsText) {
  EXPECT_EQ(Printable("plain, ä, €, 😀"), "plain, ä, €, 😀");
  EXPECT_EQ(Printable(""), "");
  EXPECT_EQ(Printable(std::string_view("a\0b\t", 4)), "a\\x00b\\x09");
}

TEST(PrintableTest, RefusesWhatOnlyLooksLikeUtf8) {
  EXPECT_EQ(Printable("\xc0\x80"), "\\xc0\\x80");                    // overlong
  EXPECT_EQ(Printable("\xe0\x9f\xbf"), "\\xe0\\x9f\\xbf");           // overlong
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(Printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // behind U+10FFFF
  EXPECT_EQ(Printable("\xe2\x82"), "\\xe2\\x82");                    // cut off
  EXPECT_EQ(Printable("\xe2\x82x"), "\\xe2\\x82x");
}

TEST(PrintableTest, RefusesWhatShowsNothingButMovesOthers) {
  EXPECT_EQ(Printable("a\u202eb"), "a\\xe2\\x80\\xaeb");  // right-to-left override
  EXPECT_EQ(Printable("a\u200bb"), "a\\xe2\\x80\\x8bb");  // zero-width space
  EXPECT_EQ(Printable("\ufeff"), "\\xef\\xbb\\xbf");
}

TEST(PrintableTest, AsciiAlone) {
  EXPECT_EQ(PrintableAscii("a\u20acb\033"), "a\\xe2\\x82\\xacb\\x1b");
  EXPECT_EQ(PrintableAscii("plain ~"), "plain ~");
}

TEST(DisplayWidthTest, CountsColumns) {
  EXPECT_EQ(DisplayWidth(""), 0);
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("\u00e4\u20ac\u2588"), 3);
  EXPECT_EQ(DisplayWidth("\u6f22\u5b57\U0001f600"), 6);  // drawn in two columns each
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);                 // a combining accent
}

TEST(ShortenedTest, KeepsBothEnds) {
  EXPECT_EQ(Shortened("abcdefghij", 10, false), "abcdefghij");
  EXPECT_EQ(Shortened("abcdefghij", 9, false), "abc...hij");
  EXPECT_EQ(Shortened("abcdefghij", 9, true), "abcd\u2026ghij");
  EXPECT_EQ(Shortened("abcdefghij", 2, false), "..");
  EXPECT_EQ(Shortened("abcdefghij", 0, false), "");
}

TEST(ShortenedTest, PathsKeepTheirEnd) {
  EXPECT_EQ(Shortened("/usr/lib/x86_64-linux-gnu/libc.so.6", 19, false), "/usr...nu/libc.so.6");
}

TEST(ShortenedTest, CutsNoCharacterInTwo) {
  EXPECT_EQ(Shortened("\u6f22\u5b57\u6f22\u5b57\u6f22", 7, true), "\u6f22\u2026\u6f22");
  for (size_t width = 3; width < 10; ++width) {
    const std::string shortened = Shortened("a\u00e4\u6f22\u5b57b\u00f6c\U0001f600d", width, true);
    EXPECT_LE(DisplayWidth(shortened), width);
    EXPECT_EQ(Printable(shortened), shortened);
  }
}

// Eight characters are looked at together: none is missed, at no place of a text of any length.
TEST(PlainTest, EachByteAtEachPlace) {
  for (size_t size = 1; size <= 17; ++size) {
    for (size_t place = 0; place < size; ++place) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, 'a');
        text[place] = static_cast<char>(byte);
        const bool plain = byte >= 0x20 && byte < 0x7f;
        ASSERT_EQ(IsPlain(text), plain) << byte << " at " << place << " of " << size;
        ASSERT_EQ(IsPlainInJson(text), plain && byte != '"' && byte != '\\') << byte;
        ASSERT_EQ(NeedsQuotesInCsv(text),
                  byte == ',' || byte == '"' || byte == '\r' || byte == '\n')
            << byte;
      }
    }
  }
  EXPECT_TRUE(IsPlain(""));
  EXPECT_TRUE(IsPlainInJson(""));
  EXPECT_FALSE(NeedsQuotesInCsv(""));
}

}  // namespace
}  // namespace pagesnap
