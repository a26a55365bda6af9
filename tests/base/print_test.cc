// Output that is complete or an error, and messages that stay one line.
#include "lib/base/print.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

struct CloseFile {
  void operator()(FILE* file) const { fclose(file); }
};
using File = std::unique_ptr<FILE, CloseFile>;

// What PrintMessage() writes into a file.
std::string Printed(std::string_view sentence) {
  const File file(tmpfile());
  PrintMessage(file.get(), sentence);
  std::string text(static_cast<size_t>(ftell(file.get())), '\0');
  rewind(file.get());
  EXPECT_EQ(fread(text.data(), 1, text.size(), file.get()), text.size());
  return text;
}

TEST(PrintMessageTest, IsOneLineWhateverItQuotes) {
  EXPECT_EQ(Printed("a b"), "a b\n");
  EXPECT_EQ(Printed("a\nb\r\033]0;title\a\u202e\xff"),
            "a\\x0ab\\x0d\\x1b]0;title\\x07\\xe2\\x80\\xae\\xff\n");
  // What was made safe before stays as it is.
  EXPECT_EQ(Printed(Printable("a\\b\n")), "a\\b\\x0a\n");
}

TEST(WriteOutputTest, AFullDeviceIsAnError) {
  const File full(fopen("/dev/full", "w"));
  ASSERT_NE(full, nullptr);
  EXPECT_THROW(WriteOutput(full.get(), std::string(1 << 20, 'x')), Error);
  EXPECT_THROW(FlushOutput(full.get()), Error);
}

TEST(WriteOutputTest, WhatStaysInTheBufferIsAnErrorOfTheFlush) {
  const File full(fopen("/dev/full", "w"));
  ASSERT_NE(full, nullptr);
  WriteOutput(full.get(), "x");
  try {
    FlushOutput(full.get());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "standard output cannot be written: No space left on device");
  }
}

TEST(WriteOutputTest, AnEarlierFailureIsNotForgotten) {
  const File full(fopen("/dev/full", "w"));
  ASSERT_NE(full, nullptr);
  setvbuf(full.get(), nullptr, _IONBF, 0);
  EXPECT_EQ(fputs("x", full.get()), EOF);
  EXPECT_THROW(FlushOutput(full.get()), Error);
}

TEST(WriteOutputTest, NothingToWriteIsNoError) {
  const File full(fopen("/dev/full", "w"));
  ASSERT_NE(full, nullptr);
  WriteOutput(full.get(), "");
  FlushOutput(full.get());
}

}  // namespace
}  // namespace pagesnap
