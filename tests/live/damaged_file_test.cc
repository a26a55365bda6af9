// Files that are no snapshots, or were. A damaged file is an answer, never a crash.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class LiveDamagedFileTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) {
    const std::string path = directory_.File(name);
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  // A sound one, of this process.
  std::string CaptureSelf() {
    std::string file = directory_.File("sound.pagesnap");
    EXPECT_THAT(RunCapture({"-p", std::to_string(getpid()), "-q", "-o", file}).exit_code,
                AnyOf(0, 3));
    return file;
  }

  static void ExpectRefused(const std::string& file, const std::string& reason) {
    for (const char* report : {"info", "processes", "maps", "check"}) {
      SCOPED_TRACE(report);
      const CommandResult result = RunAnalyze({report, file});
      EXPECT_EQ(result.exit_code, 1) << result.out;
      EXPECT_EQ(result.out, "");
      EXPECT_THAT(result.err, HasSubstr(file));
      EXPECT_THAT(result.err, HasSubstr(reason));
    }
  }

  TemporaryDirectory directory_;
};

TEST_F(LiveDamagedFileTest, WhatIsNoSnapshotIsRefused) {
  ExpectRefused(directory_.File("missing"), "No such file");
  ExpectRefused(Write("empty", ""), "");
  ExpectRefused(Write("text", "What is a page, that it should be shared?\n"), "not");
  ExpectRefused(directory_.path(), "");
}

TEST_F(LiveDamagedFileTest, OtherDatabasesAreRefused) {
  const std::string file = directory_.File("other.sqlite");
  if (RunCommand({"sqlite3", file, "CREATE TABLE process (pid); INSERT INTO process VALUES (1)"})
          .exit_code != 0) {
    GTEST_SKIP() << "sqlite3 is not installed";
  }
  ExpectRefused(file, "not");
}

TEST_F(LiveDamagedFileTest, NewerVersionsAreRefusedByName) {
  const std::string file = CaptureSelf();
  if (RunCommand({"sqlite3", file, "PRAGMA user_version = 4711"}).exit_code != 0) {
    GTEST_SKIP() << "sqlite3 is not installed";
  }
  ExpectRefused(file, "4711");
}

TEST_F(LiveDamagedFileTest, HalfAFileIsDamage) {
  std::string content = ReadFile(CaptureSelf());
  content.resize(content.size() / 2);
  const std::string file = Write("half.pagesnap", content);
  ExpectRefused(file, "cut off");
}

TEST_F(LiveDamagedFileTest, AFlippedByteInABlobIsFound) {
  const std::string sound = CaptureSelf();
  std::string content = ReadFile(sound);
  for (const char* query :
       {"SELECT hex(substr(words, 1, 60)) AS h FROM page_content ORDER BY length(words) DESC",
        "SELECT hex(substr(facts, 1, 60)) AS h FROM frame_content ORDER BY length(facts) DESC",
        "SELECT hex(substr(figures, 1, 60)) AS h FROM kernel_accounting"}) {
    SCOPED_TRACE(query);
    const std::string hex = AnalyzeRows({"sql", sound, query}).at(0).at("h");
    std::string blob;
    for (size_t i = 0; i < hex.size(); i += 2) {
      blob += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    const size_t position = content.find(blob);
    ASSERT_NE(position, std::string::npos);
    std::string damaged = content;
    damaged[position + blob.size() / 2] ^= 0x10;
    const CommandResult result = RunAnalyze({"check", Write("flipped.pagesnap", damaged)});
    EXPECT_EQ(result.exit_code, 1) << result.out;
    EXPECT_THAT(result.out, HasSubstr("damaged")) << result.err;
  }
}

// Wherever the byte is: an answer or an error, and a sentence with the error.
TEST_F(LiveDamagedFileTest, NoFlippedByteCrashesAReport) {
  const std::string content = ReadFile(CaptureSelf());
  const size_t step = content.size() / 40 + 1;
  for (size_t position = 100; position < content.size(); position += step) {
    std::string damaged = content;
    damaged[position] ^= 0x5a;
    const std::string file = Write("flipped.pagesnap", damaged);
    for (const char* report : {"info", "processes", "maps", "check"}) {
      const CommandResult result = RunAnalyze({report, file});
      EXPECT_THAT(result.exit_code, AnyOf(0, 1, 3))
          << report << ", byte " << position << ": " << result.err;
      if (result.exit_code == 1 && result.out.empty()) {
        EXPECT_THAT(result.err, HasSubstr(file)) << report << ", byte " << position;
      }
    }
  }
}

}  // namespace
}  // namespace pagesnap
