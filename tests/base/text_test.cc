// Text that is safe to print, its width, and how it is shortened.
#include "lib/base/text.h"

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

// Fillers that look like blanks, tags, and the like.
TEST(PrintableTest, RefusesWhatIsNotSeen) {
  for (const char* text : {"\u00ad", "\u034f", "\u061c", "\u115f", "\u180e", "\u2028", "\u2066",
                           "\u3164", "\uffa0", "\U000e0041"}) {
    EXPECT_EQ(Printable(text).find_first_not_of("\\x0123456789abcdef"), std::string::npos) << text;
  }
}

TEST(PrintableTest, IsNotChangedByASecondTime) {
  const std::string once = Printable("a\033\u202e\xff\\x1b\n");
  EXPECT_EQ(once, "a\\x1b\\xe2\\x80\\xae\\xff\\x1b\\x0a");
  EXPECT_EQ(Printable(once), once);
}

TEST(PrintableTest, LinesOfOurOwnKeepTheirEnds) {
  EXPECT_EQ(PrintableLines("a\nb\033\n\nc"), "a\nb\\x1b\n\nc");
  EXPECT_EQ(PrintableLines("\n"), "\n");
}

std::string In(Medium medium, std::string_view text) {
  std::string line = "> ";
  AppendText(text, medium, &line);
  return line;
}

TEST(AppendTextTest, JsonHasEscapesOfItsOwn) {
  EXPECT_EQ(In(Medium::kJson, "plain \u00e4\U0001f600"), "> plain \u00e4\U0001f600");
  EXPECT_EQ(In(Medium::kJson, "\"\\/"), "> \\\"\\\\/");
  EXPECT_EQ(In(Medium::kJson, "\n\033\x7f\u0080"), "> \\u000a\\u001b\\u007f\\u0080");
  EXPECT_EQ(In(Medium::kJson, "\u202e\u200b"), "> \\u202e\\u200b");
  EXPECT_EQ(In(Medium::kJson, "\U000e0041"), "> \\udb40\\udc41");
  EXPECT_EQ(In(Medium::kJson, "a\xff\xc2"), "> a\ufffdff\ufffdc2");
  // No two texts are the same in JSON.
  EXPECT_EQ(In(Medium::kJson, "a\ufffd"), "> a\ufffd\ufffd");
  EXPECT_NE(In(Medium::kJson, "a\xff"), In(Medium::kJson, "a\xfe"));
  EXPECT_NE(In(Medium::kJson, "a\xff"), In(Medium::kJson, "a\ufffdff"));
}

TEST(FromJsonTextTest, GivesTheBytesBack) {
  for (const std::string text :
       {"plain", "a\xff\xc2", "\ufffd", "\ufffd\ufffd", "\xff\ufffd", "\ufffdff", "\xe4xy"}) {
    EXPECT_EQ("> " + text, FromJsonText(In(Medium::kJson, text)));
  }
  // What no report writes.
  for (const std::string text : {"\ufffd", "\ufffd4", "\ufffd41", "\ufffdfx", "\ufffd-1"}) {
    EXPECT_EQ(FromJsonText(text), text);
  }
}

TEST(WithDistinctBytesTest, DifferentTextsStayDifferent) {
  EXPECT_EQ(WithDistinctBytes("a\u00e4\ufffd"), "a\u00e4\ufffd");
  EXPECT_EQ(WithDistinctBytes("a\xff\x80"), "a\xf4\x90\x83\xbf\xf4\x90\x82\x80");
  EXPECT_NE(WithDistinctBytes("\xf4\x90\x83\xbf"), WithDistinctBytes("\xff"));
}

TEST(AppendTextTest, ExactIsExact) {
  EXPECT_EQ(In(Medium::kExact, "\033\xff\u202e\n"), "> \033\xff\u202e\n");
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
        std::string in_json;
        AppendText(text, Medium::kJson, &in_json);
        ASSERT_EQ(in_json == text, plain && byte != '"' && byte != '\\') << byte;
        ASSERT_EQ(NeedsQuotesInCsv(text),
                  byte == ',' || byte == '"' || byte == '\r' || byte == '\n')
            << byte;
      }
    }
  }
  EXPECT_TRUE(IsPlain(""));
  EXPECT_FALSE(NeedsQuotesInCsv(""));
}

}  // namespace
}  // namespace pagesnap
