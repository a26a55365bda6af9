#include "lib/store/read/input_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zstd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "lib/base/error.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Zstd(const std::string& bytes) {
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 1));
  return packed;
}

class InputFilesTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_.File(name), std::ios::binary) << bytes;
    return folder_.File(name);
  }
  TestFolder folder_;
  const std::string sample_ = std::string(PAGESNAP_SAMPLE_DIR) + "/workload.pagesnap";
};

// For the time of a test, standard input is a file.
class InputFrom {
 public:
  explicit InputFrom(const std::string& path) : saved_(dup(STDIN_FILENO)) {
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    dup2(file.get(), STDIN_FILENO);
  }
  ~InputFrom() { dup2(saved_.get(), STDIN_FILENO); }

 private:
  UniqueFd saved_;
};

TEST_F(InputFilesTest, OthersAreOpenedWhereTheyAre) {
  const InputFiles input({sample_, "/nowhere"});
  EXPECT_THAT(input.paths(), ElementsAre(sample_, "/nowhere"));
  EXPECT_THAT(input.labels(), ElementsAre(sample_, "/nowhere"));
  EXPECT_EQ(input.text(), "2 files");
}

TEST_F(InputFilesTest, AnswersAreTheSameForAPackedFile) {
  const std::string packed = Write("w.zst", Zstd(ReadFile(sample_)));
  EXPECT_EQ(RunReport({"maps", packed}).out, RunReport({"maps", sample_}).out);
  EXPECT_THAT(RunReport({"diff", packed, sample_}).out, HasSubstr("the same processes"));
}

TEST_F(InputFilesTest, StandardInput) {
  const std::string expected = RunReport({"maps", sample_}).out;
  {
    const InputFrom input(sample_);
    EXPECT_EQ(RunReport({"maps", "-"}).out, expected);
  }
  const InputFrom input(Write("w.zst", Zstd(ReadFile(sample_))));
  EXPECT_EQ(RunReport({"maps", "-"}).out, expected);
}

TEST_F(InputFilesTest, MessagesNameTheFile) {
  const std::string packed = Zstd(ReadFile(sample_));
  const std::string cut = Write("cut.zst", packed.substr(0, packed.size() / 2));
  EXPECT_EQ(ErrorOf([&] { RunReport({"info", cut}); }), cut + ": it is cut off; copy it again");
  const std::string other = Write("other.zst", Zstd("no snapshot"));
  EXPECT_EQ(ErrorOf([&] {
              RunReport({"info", other});
            }),
            other + " is not a pagesnap file: it is not an SQLite database");
  const InputFrom input(Write("empty", ""));
  EXPECT_THAT(ErrorOf([&] { RunReport({"info", "-"}); }), HasSubstr("standard input is empty"));
}

TEST_F(InputFilesTest, ASmallFileDoesNotFillTheDisk) {
  const std::string bomb = Write("bomb.zst", Zstd(std::string(size_t{100} << 20, '\0')));
  EXPECT_THAT(ErrorOf([&] { const InputFiles input({bomb}); }),
              testing::StartsWith(bomb + ": it has more than 32 times its bytes in it"));
}

TEST_F(InputFilesTest, NothingIsLeftInTmpdir) {
  const std::string folder = folder_.File("tmp");
  std::filesystem::create_directory(folder);
  const std::string packed = Write("w.zst", Zstd(ReadFile(sample_)));
  const char* before = getenv("TMPDIR");
  const std::string saved = before == nullptr ? "/tmp" : before;
  setenv("TMPDIR", folder.c_str(), 1);
  {
    const InputFiles input({packed});
    EXPECT_EQ(ReadFile(input.paths().front()), ReadFile(sample_));
    EXPECT_TRUE(std::filesystem::is_empty(folder));
  }
  setenv("TMPDIR", folder_.File("absent").c_str(), 1);
  EXPECT_THAT(ErrorOf([&] { const InputFiles input({packed}); }),
              HasSubstr("TMPDIR names a folder"));
  setenv("TMPDIR", saved.c_str(), 1);
}

}  // namespace
}  // namespace pagesnap
