#include "tests/support/faulty_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "tests/support/fake_reader.h"

namespace pagesnap {
namespace {

using ::testing::ElementsAre;

template <typename Call>
int ErrorOf(Call call) {
  try {
    call();
  } catch (const ReadError& error) {
    return error.error_number();
  }
  return 0;
}

std::vector<uint64_t> Read(WordFile& file, uint64_t first, size_t size) {
  std::vector<uint64_t> words(size, 0xdead);
  words.resize(file.Read(first, words));
  return words;
}

class FaultyReaderTest : public ::testing::Test {
 protected:
  FaultyReaderTest() {
    fake_.AddText("proc/7/maps", "abcdefgh");
    fake_.AddText("proc/7/task/9/maps", "abcdefgh");
    fake_.AddLink("proc/7/exe", "/bin/sh");
    fake_.AddWords("proc/7/pagemap", 100, {1, 2, 3, 4, 5});
    fake_.SetBlockBytes(3);
    fake_.SetClock({1, 2});
  }

  FakeReader fake_;
  FaultyReader reader_{fake_};
};

TEST_F(FaultyReaderTest, PassesEverythingThrough) {
  EXPECT_EQ(ReadWholeText(reader_, "proc/7/maps"), "abcdefgh");
  EXPECT_EQ(reader_.ReadLink("proc/7/exe"), "/bin/sh");
  EXPECT_EQ(reader_.List("proc/7").size(), 5u);
  const auto file = reader_.OpenWords("proc/7/pagemap");
  EXPECT_THAT(Read(*file, 100, 2), ElementsAre(1, 2));
  EXPECT_EQ(reader_.Now().boot_ns, 2);
  EXPECT_EQ(reader_.access_count(), 5u);
}

TEST_F(FaultyReaderTest, FailsEveryAccessToAPath) {
  const auto file = reader_.OpenWords("proc/7/pagemap");
  reader_.Fail("proc/*/[mp]a*", EACCES);
  reader_.Fail("proc/7/exe", EPERM);
  reader_.Fail("proc/7", EMFILE);
  EXPECT_EQ(ErrorOf([&] { ReadWholeText(reader_, "proc/7/maps"); }), EACCES);
  EXPECT_EQ(ErrorOf([&] { reader_.OpenWords("proc/7/pagemap"); }), EACCES);
  EXPECT_EQ(ErrorOf([&] { Read(*file, 0, 1); }), EACCES);
  EXPECT_EQ(ErrorOf([&] { reader_.ReadLink("proc/7/exe"); }), EPERM);
  EXPECT_EQ(ErrorOf([&] { reader_.List("proc/7"); }), EMFILE);
  EXPECT_EQ(ReadWholeText(reader_, "proc/7/task/9/maps"), "abcdefgh");  // * stops at a slash
}

TEST_F(FaultyReaderTest, FailsWithinAText) {
  for (const size_t byte_count : {0, 1, 3, 4, 8, 9}) {
    FaultyReader reader(fake_);
    reader.FailText("proc/7/maps", byte_count, ESRCH);
    std::string passed;
    EXPECT_EQ(ErrorOf([&] {
                reader.ReadText("proc/7/maps", [&](std::string_view block) { passed += block; });
              }),
              ESRCH);
    EXPECT_EQ(passed, std::string("abcdefgh").substr(0, byte_count));
    EXPECT_EQ(ReadWholeText(reader, "proc/7/task/9/maps"), "abcdefgh");
  }
}

TEST_F(FaultyReaderTest, FailsReadsThatTouchAWord) {
  reader_.FailWords("proc/7/pagemap", 102, 2, EIO);
  reader_.FailWords("proc/7/pagemap", ~uint64_t{0} - 1, 2, EFAULT);
  const auto file = reader_.OpenWords("proc/7/pagemap");
  EXPECT_THAT(Read(*file, 100, 2), ElementsAre(1, 2));
  EXPECT_EQ(ErrorOf([&] { Read(*file, 100, 3); }), EIO);
  EXPECT_EQ(ErrorOf([&] { Read(*file, 102, 1); }), EIO);
  EXPECT_EQ(ErrorOf([&] { Read(*file, 103, 9); }), EIO);
  EXPECT_EQ(ErrorOf([&] { Read(*file, 90, 100); }), EIO);
  EXPECT_THAT(Read(*file, 104, 1), ElementsAre(5));
  EXPECT_THAT(Read(*file, 102, 0), ElementsAre());
  EXPECT_EQ(ErrorOf([&] { Read(*file, ~uint64_t{0}, 1); }), EFAULT);
}

TEST_F(FaultyReaderTest, ComesShort) {
  reader_.ShortRead("proc/*/pagemap", 102);
  reader_.FailWords("proc/7/pagemap", 102, 1, EIO);
  const auto file = reader_.OpenWords("proc/7/pagemap");
  EXPECT_THAT(Read(*file, 100, 5), ElementsAre(1, 2));  // and does not get to the failing word
  EXPECT_THAT(Read(*file, 102, 5), ElementsAre());
  EXPECT_THAT(Read(*file, 103, 2), ElementsAre());
  EXPECT_THAT(Read(*file, ~uint64_t{0}, 5), ElementsAre());
}

TEST_F(FaultyReaderTest, FailsOneAccessOnly) {
  for (uint64_t n = 1; n <= 6; ++n) {
    FaultyReader reader(fake_);
    reader.FailNth(n, ENOMEM);
    std::vector<int> errors;
    std::unique_ptr<WordFile> file = fake_.OpenWords("proc/7/pagemap");
    errors.push_back(ErrorOf([&] { ReadWholeText(reader, "proc/7/maps"); }));
    errors.push_back(ErrorOf([&] { reader.ReadLink("proc/7/exe"); }));
    errors.push_back(ErrorOf([&] { reader.List("proc/7"); }));
    errors.push_back(ErrorOf([&] { file = reader.OpenWords("proc/7/pagemap"); }));
    const uint64_t reads = n == 4 ? 0 : 1;  // a file that could not be opened is not read
    if (reads > 0) errors.push_back(ErrorOf([&] { Read(*file, 100, 1); }));
    EXPECT_EQ(reader.access_count(), 4 + reads);
    std::vector<int> expected(errors.size(), 0);
    if (n <= expected.size()) expected[n - 1] = ENOMEM;
    EXPECT_EQ(errors, expected);
  }
}

}  // namespace
}  // namespace pagesnap
