// Which files are the same, and what that does to mappings.
#include "lib/query/match/file_identity.h"

#include <gmock/gmock.h>

#include "tests/query/match/match_testing.h"

namespace pagesnap {
namespace {

using testing::Contains;
using testing::Each;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;

constexpr auto kProgram = [] { return true; };
constexpr auto kData = [] { return false; };

FileFacts Facts(int64_t size, int64_t mtime_ns, const std::string& build_id = "") {
  return {.size = size, .mtime_ns = mtime_ns, .build_id = build_id, .link_count = 1};
}

FileRecord File(const FileFacts& facts, const std::string& path = "/lib/x.so") {
  return {.device = "8:1", .inode = 7, .path = path, .facts = facts};
}

SameFile InPlace(const FileFacts& a, const FileFacts& b, bool is_program) {
  const SameFile same = CompareInPlace(File(a), File(b), [&] { return is_program; });
  EXPECT_EQ(CompareInPlace(File(b), File(a), [&] { return is_program; }), same);
  return same;
}

SameFile Copies(const FileFacts& a, const FileFacts& b, const std::string& b_path = "/lib/x.so") {
  const SameFile same = CompareCopies(File(a), File(b, b_path));
  EXPECT_EQ(CompareCopies(File(b, b_path), File(a)), same);
  return same;
}

TEST(FileIdentityTest, ABuildIdTellsByItself) {
  for (const bool is_program : {true, false}) {
    EXPECT_EQ(InPlace(Facts(5, 1, "ab"), Facts(5, 2, "ab"), is_program), SameFile::kYes);
    EXPECT_EQ(InPlace(Facts(5, 1, "ab"), Facts(5, 1, "cd"), is_program), SameFile::kNo);
  }
  EXPECT_EQ(Copies(Facts(5, 1, "ab"), Facts(6, 2, "ab"), "/opt/y.so"), SameFile::kYes);
  EXPECT_EQ(Copies(Facts(5, 1, "ab"), Facts(5, 1, "cd")), SameFile::kNo);
}

TEST(FileIdentityTest, InOnePlaceProgramsAreReplacedAndDataIsWritten) {
  EXPECT_EQ(InPlace(Facts(5, 1), Facts(5, 1, "ab"), true), SameFile::kYes);
  for (const FileFacts& other : {Facts(6, 1), Facts(5, 2), Facts(6, 2, "ab")}) {
    EXPECT_EQ(InPlace(Facts(5, 1), other, true), SameFile::kNo);
    EXPECT_EQ(InPlace(Facts(5, 1), other, false), SameFile::kUnknown);
  }
}

TEST(FileIdentityTest, CopiesHaveNameSizeAndTime) {
  EXPECT_EQ(Copies(Facts(5, 1), Facts(5, 1)), SameFile::kYes);
  EXPECT_EQ(Copies(Facts(5, 1), Facts(5, 1), "/image/lib/x.so"), SameFile::kYes);
  EXPECT_EQ(Copies(Facts(5, 1), Facts(5, 1), "/lib/y.so"), SameFile::kUnknown);
  EXPECT_EQ(Copies(Facts(5, 1), Facts(5, 2)), SameFile::kUnknown);
  EXPECT_EQ(Copies(Facts(5, 1), Facts(6, 1)), SameFile::kNo);
}

TEST(FileIdentityTest, WhatIsNotKnownTellsNothing) {
  FileFacts only_size;
  only_size.size = 5;
  for (const FileFacts& unknown : {FileFacts(), only_size}) {
    EXPECT_EQ(InPlace(unknown, Facts(5, 1, "ab"), true), SameFile::kUnknown);
    EXPECT_EQ(Copies(unknown, Facts(5, 1, "ab")), SameFile::kUnknown);
  }
}

TEST(FileIdentityTest, NumbersAreOfFilesNotOfPlaces) {
  FileNumbers numbers;
  const uint32_t first = numbers.Of(File(Facts(5, 1)), kProgram);
  EXPECT_EQ(numbers.Of(File(Facts(5, 1), "/other/name"), kProgram), first);
  EXPECT_EQ(numbers.Of(File({}), kProgram), first);
  EXPECT_NE(numbers.Of(File(Facts(5, 2)), kData), first);  // the first is a program
  FileRecord elsewhere = File(Facts(5, 1));
  elsewhere.device = "8:2";
  EXPECT_NE(numbers.Of(elsewhere, kProgram), first);
  FileRecord data = File(Facts(5, 1));
  data.inode = 9;
  const uint32_t number = numbers.Of(data, kData);
  data.facts.mtime_ns = 2;
  EXPECT_EQ(numbers.Of(data, kData), number);
}

struct Version {
  FileFacts facts;
  uint64_t inode = 7;
  std::string device = "8:1";
  std::string path = "/lib/x.so";
};

// A library with text of five pages.
std::vector<TestMapping> Library(uint64_t start, const Version& version) {
  std::vector<TestMapping> mappings = {{start, 1, version.path, "r--p", 0, version.inode},
                                       {start + 1, 5, version.path, "r-xp", 1, version.inode}};
  for (TestMapping& mapping : mappings) {
    mapping.device = version.device;
    mapping.file = version.facts;
  }
  return mappings;
}

std::vector<std::string> Match(const std::vector<TestMapping>& before,
                               const std::vector<TestMapping>& after, MatchMode mode,
                               const std::string& boot = "boot") {
  MatchedFile file({{{.pid = 100, .mappings = before}}, "boot"},
                   {{{.pid = 100, .mappings = after}}, boot});
  EXPECT_EQ(BrokenPromise(file.reader(), 1, 2, file.Match(mode)), "");
  return file.Ranges(mode);
}

std::vector<std::string> Rerun(const Version& before, const Version& after,
                               const std::string& boot = "boot") {
  return Match(Library(100, before), Library(500, after), MatchMode::kRerun, boot);
}

// ext4 uses the inode of the old one again.
TEST(FileIdentityMatchTest, ARebuiltLibraryIsReplacedWithThePlaceOfTheOldOne) {
  const Version old_build{Facts(5, 1, "ab")};
  for (const FileFacts& facts : {Facts(5, 1, "cd"), Facts(5, 2), Facts(6, 1)}) {
    EXPECT_THAT(Rerun(old_build, {facts}), Each(StartsWith("replaced")));
  }
  EXPECT_THAT(Rerun(old_build, {Facts(5, 2, "ab")}), Each(StartsWith("path")));  // touched
  EXPECT_THAT(Rerun(old_build, {{}}), Each(StartsWith("path")));
}

TEST(FileIdentityMatchTest, ALibraryThatIsWrittenOverWhileItRunsIsReplaced) {
  EXPECT_THAT(Match(Library(100, {Facts(5, 1)}), Library(100, {Facts(5, 2)}), MatchMode::kSame),
              Each(StartsWith("replaced")));
  EXPECT_THAT(Match(Library(100, {Facts(5, 1)}), Library(100, {Facts(5, 1)}), MatchMode::kSame),
              Each(StartsWith("address")));
}

TEST(FileIdentityMatchTest, DataThatIsWrittenStaysTheSame) {
  TestMapping before{10, 4, "/data", "rw-s", 0, 7};
  TestMapping after{10, 6, "/data", "rw-s", 0, 7};
  before.file = Facts(4 << 12, 1);
  after.file = Facts(6 << 12, 2);
  EXPECT_THAT(Match({before}, {after}, MatchMode::kSame),
              testing::ElementsAre("address 10+4>10", "appeared 14+2"));
  EXPECT_THAT(Match({before}, {after}, MatchMode::kRerun),
              testing::ElementsAre("path 10+4>10", "appeared 14+2"));
}

// Another overlay mount, or a copy of the image.
TEST(FileIdentityMatchTest, TheSameImageInAnotherContainerReplacesNothing) {
  const Version before{Facts(5, 1), 7, "0:40"};
  for (const std::string inode_of_copy : {"same", "other"}) {
    const uint64_t inode = inode_of_copy == "same" ? 7 : 70;
    EXPECT_THAT(Rerun(before, {Facts(5, 1), inode, "0:41"}), Each(StartsWith("path")));
    EXPECT_THAT(Rerun(before, {Facts(6, 1), inode, "0:41"}), Each(StartsWith("replaced")));
    EXPECT_THAT(Rerun(before, {{}, inode, "0:41"}), Each(StartsWith("replaced")));
  }
}

TEST(FileIdentityMatchTest, OtherBootsAndHostsCompareContents) {
  const Version before{Facts(5, 1, "ab")};
  EXPECT_THAT(Rerun(before, {Facts(5, 9, "ab"), 70}, "other"), Each(StartsWith("path")));
  EXPECT_THAT(Rerun(before, {Facts(5, 1, "cd")}, "other"), Each(StartsWith("replaced")));
  EXPECT_THAT(Rerun(before, {Facts(6, 1)}, "other"), Each(StartsWith("replaced")));
  EXPECT_THAT(Rerun(before, {Facts(5, 9)}, "other"), Each(StartsWith("path")));  // as its layout
  EXPECT_THAT(Rerun(before, {{}}, "other"), Each(StartsWith("path")));
}

TEST(FileIdentityMatchTest, ABuildThatWasInstalledElsewhereIsTheSame) {
  const Version before{Facts(5, 1, "ab"), 7, "8:1", "/opt/1/libx.so.1.2"};
  EXPECT_THAT(Rerun(before, {Facts(5, 3, "ab"), 8, "8:1", "/opt/2/libx.so.1.2"}),
              Each(StartsWith("path")));
  EXPECT_THAT(Rerun(before, {Facts(5, 3, "cd"), 8, "8:1", "/opt/2/libx.so.1.2"}),
              Each(StartsWith("replaced")));
}

TEST(FileIdentityMatchTest, OfDeletedFilesOnlyTheBuildTells) {
  const std::string deleted = "/lib/x.so (deleted)";
  const Version before{Facts(5, 1, "ab"), 7, "8:1", deleted};
  EXPECT_THAT(Rerun(before, {Facts(5, 2, "cd"), 8, "8:1", deleted}), Each(StartsWith("replaced")));
  EXPECT_THAT(Rerun(before, {Facts(6, 2), 8, "8:1", deleted}), Each(StartsWith("path")));
}

}  // namespace
}  // namespace pagesnap
