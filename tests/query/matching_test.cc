// How processes and mappings of two snapshots are matched.
#include "lib/query/matching.h"

#include <gmock/gmock.h>

#include <random>

#include "tests/query/match_testing.h"
#include "tests/query/random_snapshot.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// One process, the same one later.
std::vector<std::string> Later(std::vector<TestMapping> before, std::vector<TestMapping> after) {
  MatchedFile file({{{.mappings = std::move(before)}}}, {{{.mappings = std::move(after)}}});
  EXPECT_EQ(BrokenPromise(file.reader(), 1, 2, file.Match(MatchMode::kSame)), "");
  return file.Ranges(MatchMode::kSame);
}

TEST(MatchByAddress, TheSameMappings) {
  const TestMapping heap{16, 4, "[heap]"};
  const TestMapping file{32, 8, "/lib/libc.so", "r-xp", 2, 7};
  EXPECT_THAT(Later({heap, file}, {heap, file}), ElementsAre("address 16+4>16", "address 32+8>32"));
}

TEST(MatchByAddress, ASplitMappingIsSeveralRanges) {
  const TestMapping whole{16, 10};
  const TestMapping first{16, 3};
  const TestMapping middle{19, 2, "", "r--p"};
  const TestMapping last{21, 5};
  EXPECT_THAT(Later({whole}, {first, middle, last}),
              ElementsAre("address 16+3>16", "address 19+2>19", "address 21+5>21"));
  EXPECT_THAT(Later({first, middle, last}, {whole}),
              ElementsAre("address 16+3>16", "address 19+2>19", "address 21+5>21"));
}

TEST(MatchByAddress, GrownAndShrunk) {
  EXPECT_THAT(Later({{16, 4}}, {{12, 10}}),
              ElementsAre("appeared 12+4", "address 16+4>16", "appeared 20+2"));
  EXPECT_THAT(Later({{12, 10}}, {{16, 4}}),
              ElementsAre("vanished 12+4", "address 16+4>16", "vanished 20+2"));
}

TEST(MatchByAddress, AHoleInTheMiddle) {
  const TestMapping file{16, 10, "/data", "rw-s", 100, 9};
  EXPECT_THAT(Later({file}, {{16, 4, "/data", "rw-s", 100, 9}, {22, 4, "/data", "rw-s", 106, 9}}),
              ElementsAre("address 16+4>16", "vanished 20+2", "address 22+4>22"));
}

// What lies at the place of something else now has nothing to do with it.
TEST(MatchByAddress, AnotherFileAtTheSameAddress) {
  EXPECT_THAT(Later({{16, 4, "/a", "r--p", 0, 7}}, {{16, 4, "/b", "r--p", 0, 8}}),
              ElementsAre("vanished 16+4", "appeared 16+4"));
  EXPECT_THAT(Later({{16, 4, "/a", "r--p", 0, 7}}, {{16, 4}}),
              ElementsAre("vanished 16+4", "appeared 16+4"));
}

// A file that was deleted or renamed meanwhile is the same one.
TEST(MatchByAddress, ARemovedFileIsTheSame) {
  EXPECT_THAT(Later({{16, 4, "/a", "r--p", 0, 7}}, {{16, 4, "/a (deleted)", "r--p", 0, 7}}),
              ElementsAre("address 16+4>16"));
}

TEST(MatchByAddress, MemoryThatGotAName) {
  EXPECT_THAT(Later({{16, 4}}, {{16, 4, "[anon:arena]"}}), ElementsAre("address 16+4>16"));
}

// Only a file that somebody made has such; every page is in one range all the same.
TEST(MatchByAddress, OverlappingMappings) {
  const std::vector<TestMapping> overlapping = {{16, 10}, {18, 2}, {20, 10}, {20, 3}};
  EXPECT_THAT(Later(overlapping, {{16, 10}}),
              ElementsAre("address 16+10>16", "vanished 18+2", "vanished 20+10", "vanished 20+3"));
  EXPECT_THAT(Later({{16, 10}}, overlapping),
              ElementsAre("address 16+10>16", "appeared 18+2", "appeared 20+10", "appeared 20+3"));
}

TEST(MatchModes, AutoIsSameWhenAProcessIs) {
  MatchedFile same({{{.pid = 100}, {.pid = 101}}}, {{{.pid = 101}, {.pid = 102}}});
  EXPECT_EQ(same.Match(MatchMode::kAuto).mode, MatchMode::kSame);
  EXPECT_THAT(same.Processes(MatchMode::kAuto),
              ElementsAre("100>0 gone", "101>101 pid", "0>102 new"));
  MatchedFile reused({{{.pid = 100}}}, {{{.pid = 100, .start_time_ticks = 6000}}});
  EXPECT_EQ(reused.Match(MatchMode::kAuto).mode, MatchMode::kRerun);
  EXPECT_THAT(reused.Processes(MatchMode::kSame), ElementsAre("100>0 gone", "0>100 new"));
  MatchedFile other_boot({{{.pid = 100}}}, {{{.pid = 100}}, "another"});
  EXPECT_EQ(other_boot.Match(MatchMode::kAuto).mode, MatchMode::kRerun);
  EXPECT_THAT(other_boot.Processes(MatchMode::kSame), ElementsAre("100>0 gone", "0>100 new"));
}

TEST(MatchModes, PagesOfDifferentSizesCannotBeCompared) {
  MatchedFile file({{{.pid = 100}}}, {{{.pid = 100}}, "boot", 16384});
  EXPECT_THAT(ErrorOf([&] { file.Match(MatchMode::kAuto); }),
              HasSubstr("snapshots 1 and 2 cannot be compared: their pages are of 4096 and 16384"));
}

}  // namespace
}  // namespace pagesnap
