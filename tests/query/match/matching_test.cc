// How processes and mappings of two snapshots are matched.
#include "lib/query/match/matching.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "tests/query/match/match_testing.h"
#include "tests/support/machine_tree.h"

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

// mremap(): the frames are those of the old place.
std::vector<uint64_t> Frames(uint64_t first_pfn, uint64_t count) {
  return PresentRun(first_pfn, count, PageWord::kMmapExclusive);
}

TestMapping Memory(uint64_t first_page, uint64_t page_count, std::vector<uint64_t> words) {
  TestMapping mapping{first_page, page_count};
  mapping.words = std::move(words);
  return mapping;
}

TEST(MatchMoved, TheFramesProveIt) {
  EXPECT_THAT(Later({Memory(16, 4, Frames(500, 4)), Memory(32, 4, Frames(600, 4))},
                    {Memory(64, 4, Frames(600, 4)), Memory(96, 4, Frames(500, 4))}),
              ElementsAre("moved 16+4>96", "moved 32+4>64"));
}

TEST(MatchMoved, GrownMeanwhile) {
  EXPECT_THAT(Later({Memory(16, 4, Frames(500, 4))}, {Memory(64, 9, Frames(500, 4))}),
              ElementsAre("moved 16+4>64", "appeared 68+5"));
}

TEST(MatchMoved, FromTheMiddleOfAMapping) {
  EXPECT_THAT(Later({Memory(16, 9, Frames(500, 9))},
                    {Memory(16, 3, Frames(500, 3)), Memory(64, 4, Frames(503, 4))}),
              ElementsAre("address 16+3>16", "moved 19+4>64", "vanished 23+2"));
}

TEST(MatchMoved, SwapSlotsProveItToo) {
  EXPECT_THAT(Later({Memory(16, 2, {Swapped(0, 8), Swapped(0, 9)})},
                    {Memory(64, 2, {Swapped(0, 8), Swapped(0, 9)})}),
              ElementsAre("moved 16+2>64"));
}

TEST(MatchMoved, OtherFramesAreOtherMemory) {
  EXPECT_THAT(Later({Memory(16, 4, Frames(500, 4))}, {Memory(64, 4, Frames(700, 4))}),
              ElementsAre("vanished 16+4", "appeared 64+4"));
  // The zero page is everywhere.
  const std::vector<uint64_t> zeros(4, Present(85));
  EXPECT_THAT(Later({Memory(16, 4, zeros)}, {Memory(64, 4, zeros)}),
              ElementsAre("vanished 16+4", "appeared 64+4"));
  EXPECT_THAT(Later({Memory(16, 1, {Present(85)})}, {Memory(64, 1, {Present(85)})}),
              ElementsAre("vanished 16+1", "appeared 64+1"));
}

TEST(MatchMoved, FilesByOffset) {
  EXPECT_THAT(Later({{16, 8, "/data", "rw-s", 100, 9}}, {{64, 8, "/data", "rw-s", 104, 9}}),
              ElementsAre("vanished 16+4", "moved 20+4>64", "appeared 68+4"));
  EXPECT_THAT(Later({{16, 8, "/data", "rw-s", 100, 9}}, {{64, 8, "/data", "rw-s", 100, 10}}),
              ElementsAre("vanished 16+8", "appeared 64+8"));
}

TEST(MatchMoved, WithoutFramesByASizeThatIsUnique) {
  auto ranges = [](const std::vector<TestMapping>& before, const std::vector<TestMapping>& after) {
    MatchedFile file({.processes = {{.mappings = before}}, .pfn_visible = false},
                     {.processes = {{.mappings = after}}, .pfn_visible = false});
    return file.Ranges(MatchMode::kSame);
  };
  EXPECT_THAT(ranges({{16, 4}, {32, 5}}, {{64, 5}}), ElementsAre("vanished 16+4", "size 32+5>64"));
  EXPECT_THAT(ranges({{16, 5}, {32, 5}}, {{64, 5}}),
              ElementsAre("vanished 16+5", "vanished 32+5", "appeared 64+5"));
}

TEST(MatchMoved, ALibraryThatWasLoadedAnew) {
  EXPECT_THAT(
      Later({{16, 4, "/lib/plugin.so", "r-xp", 1, 7}, {20, 2, "/lib/plugin.so", "rw-p", 5, 7}},
            {{64, 6, "/lib/plugin.so", "r-xp", 1, 8}, {70, 2, "/lib/plugin.so", "rw-p", 7, 8}}),
      ElementsAre("replaced 16+4>64", "replaced 20+2>70", "appeared 68+2"));
  // Data files of one name, such as logs, have nothing in common.
  EXPECT_THAT(Later({{16, 4, "/log", "r--s", 0, 7}}, {{64, 4, "/log", "r--s", 0, 8}}),
              ElementsAre("vanished 16+4", "appeared 64+4"));
}

TEST(MatchModes, AutoIsSameWhenAProcessIs) {
  MatchedFile same({{{.pid = 100}, {.pid = 101}}}, {{{.pid = 101}, {.pid = 102}}});
  EXPECT_EQ(same.Match(MatchMode::kAuto).mode, MatchMode::kSame);
  EXPECT_THAT(same.Processes(MatchMode::kAuto),
              ElementsAre("100>0 gone", "101>101 pid", "0>102 new"));
  MatchedFile reused({{{.pid = 100}}}, {{{.pid = 100, .start_time_ticks = 6000}}});
  EXPECT_EQ(reused.Match(MatchMode::kAuto).mode, MatchMode::kRerun);
  EXPECT_THAT(reused.Processes(MatchMode::kSame), ElementsAre("100>0 gone", "0>100 new"));
  MatchedFile unknown_boot({{{.pid = 100}}, ""}, {{{.pid = 100}}, ""});
  EXPECT_EQ(unknown_boot.Match(MatchMode::kAuto).mode, MatchMode::kSame) << "one capture wrote it";
  EXPECT_THAT(unknown_boot.Rows("SELECT same_boot(1, 2)"), ElementsAre("1"));
  MatchedFile other_boot({{{.pid = 100}}}, {{{.pid = 100}}, "another"});
  EXPECT_THAT(other_boot.Rows("SELECT same_boot(1, 2)"), ElementsAre("0"));
  EXPECT_EQ(other_boot.Match(MatchMode::kAuto).mode, MatchMode::kRerun);
  EXPECT_THAT(other_boot.Processes(MatchMode::kSame), ElementsAre("100>0 gone", "0>100 new"));
}

TEST(MatchModes, PagesOfDifferentSizesCannotBeCompared) {
  MatchedFile file({{{.pid = 100}}}, {{{.pid = 100}}, "boot", 16384});
  EXPECT_THAT(ErrorOf([&] { file.Match(MatchMode::kAuto); }),
              HasSubstr("snapshots 1 and 2 cannot be compared: their pages are of 4096 and 16384"));
}

// The tables say what MatchSnapshots() says.
TEST(MatchTables, Rows) {
  MatchedFile file({{{.pid = 100, .mappings = {{16, 4}, {32, 2}}}, {.pid = 101}}},
                   {{{.pid = 100, .mappings = {{16, 6}}}, {.pid = 102}}});
  EXPECT_THAT(file.Rows("SELECT before_process_id, after_process_id, how, mode "
                        "FROM process_match(1, 2)"),
              ElementsAre("1|3|pid|same", "2|NULL|gone|same", "NULL|4|new|same"));
  EXPECT_THAT(file.Rows("SELECT before_process_id, before_mapping_id, before_page, "
                        "after_process_id, after_mapping_id, after_page, page_count, how, mode "
                        "FROM mapping_match(1, 2, 'same')"),
              ElementsAre("1|1|16|3|3|16|4|address|same", "1|NULL|NULL|3|3|20|2|appeared|same",
                          "1|2|32|3|NULL|NULL|2|vanished|same"));
  EXPECT_THAT(file.Rows("SELECT page_count, how, mode FROM mapping_match(1, 2, 'rerun') "
                        "WHERE after_mapping_id = 3"),
              ElementsAre("4|position|rerun", "2|appeared|rerun"));
  EXPECT_THAT(file.Rows("SELECT how FROM change_usage(1, 2)"),
              ElementsAre("address", "appeared", "vanished"));
}

// What corresponds to what does not depend on which snapshot comes first.
std::vector<std::string> Pairs(const SnapshotMatch& match, bool reverse) {
  std::vector<std::string> pairs;
  for (const MatchedRange& range : match.ranges) {
    const auto before = std::pair(range.before_mapping_id, range.before_page);
    const auto after = std::pair(range.after_mapping_id, range.after_page);
    const auto& [first, second] = reverse ? std::pair(after, before) : std::pair(before, after);
    pairs.push_back(fmt::format("{}:{} {}:{} {}", first.first, first.second, second.first,
                                second.second, range.page_count));
  }
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

TEST(MatchProperty, Symmetry) {
  // Grown, split, moved, replaced, gone and new mappings.
  const std::vector<TestMapping> before = {Memory(16, 4, Frames(500, 4)),
                                           {32, 8},
                                           Memory(64, 4, Frames(600, 4)),
                                           {80, 4, "/lib/x.so", "r-xp", 1, 7},
                                           {96, 2, "/gone", "r--p", 0, 9}};
  const std::vector<TestMapping> after = {Memory(16, 6, Frames(500, 6)),
                                          {32, 3},
                                          {35, 5, "", "r--p"},
                                          Memory(128, 4, Frames(600, 4)),
                                          {160, 5, "/lib/x.so", "r-xp", 1, 8},
                                          {192, 2, "/new", "r--p", 0, 10}};
  MatchedFile file({{{.mappings = before}}}, {{{.mappings = after}}});
  for (MatchMode mode : {MatchMode::kSame, MatchMode::kRerun}) {
    const SnapshotMatch there = MatchSnapshots(file.reader(), 1, 2, mode);
    const SnapshotMatch back = MatchSnapshots(file.reader(), 2, 1, mode);
    EXPECT_EQ(Pairs(there, false), Pairs(back, true)) << MatchModeName(mode);
  }
}

// Whatever two snapshots hold, each page is in one range. Random mappings overlap, too.
std::vector<TestMapping> RandomMappings(std::mt19937_64& random) {
  auto below = [&](uint64_t end) { return random() % end; };
  static const char* const kPaths[] = {
      "", "", "[heap]", "[stack]", "[anon:x]", "[vdso]", "/lib/a.so.1", "/lib/a.so.2", "/data"};
  static const char* const kPerms[] = {"rw-p", "r-xp", "---p"};
  std::vector<TestMapping> mappings;
  uint64_t page = below(20);
  for (uint64_t i = below(14); i > 0; --i) {
    TestMapping mapping{page, 1 + below(12), kPaths[below(std::size(kPaths))],
                        kPerms[below(std::size(kPerms))], below(6)};
    if (mapping.path.starts_with('/')) mapping.inode = 1 + below(3);
    if (below(2) == 0) mapping.words = Frames(500 + below(40), mapping.page_count);
    mappings.push_back(mapping);
    page += below(4) == 0 ? below(mapping.page_count) : mapping.page_count + below(4);
  }
  return mappings;
}

TEST(MatchProperty, EachPageIsInOneRange) {
  for (uint64_t seed = 0; seed < 80; ++seed) {
    std::mt19937_64 random(seed);
    auto snapshot = [&] {
      TestSnapshot one;
      for (uint64_t i = random() % 4; i > 0; --i) {
        one.processes.push_back({.pid = static_cast<int64_t>(100 + random() % 3),
                                 .mappings = RandomMappings(random),
                                 .ppid = static_cast<int64_t>(99 + random() % 4)});
      }
      one.pfn_visible = random() % 4 != 0;
      return one;
    };
    MatchedFile file(snapshot(), snapshot());
    for (MatchMode mode : {MatchMode::kSame, MatchMode::kRerun}) {
      ASSERT_EQ(BrokenPromise(file.reader(), 1, 2, file.Match(mode)), "")
          << "seed " << seed << " " << MatchModeName(mode);
      const SnapshotMatch self = MatchSnapshots(file.reader(), 1, 1, mode);
      ASSERT_EQ(BrokenPromise(file.reader(), 1, 1, self), "") << "seed " << seed;
    }
  }
}

// Quadratic work would take minutes. Each kind of mapping has its own way through the steps.
TEST(MatchProperty, ManyMappings) {
  constexpr uint64_t kMappings = 100'000;
  std::vector<TestMapping> before;
  std::vector<TestMapping> after;
  for (uint64_t i = 0; i < kMappings; ++i) {
    const uint64_t kind = i % 5;
    TestMapping mapping{i * 10, 1 + i % 7};
    if (kind == 1) mapping.perms = "---p";
    if (kind == 2) mapping.path = "[anon:pool]";
    if (kind >= 3) {
      mapping.path = kind == 3 ? "/data" : "/lib/x.so." + std::to_string(i);
      mapping.inode = kind == 3 ? 5 : 10 + i;
      mapping.file_page = i % 1000;
      mapping.perms = "r-xp";
    }
    before.push_back(mapping);
    mapping.first_page += kind == 0 ? 0 : kMappings * 10;
    if (kind == 4) mapping.path = "/lib/x.so." + std::to_string(i + 1);
    after.push_back(mapping);
  }
  std::stable_sort(after.begin(), after.end(), [](const TestMapping& a, const TestMapping& b) {
    return a.first_page < b.first_page;
  });
  MatchedFile file({{{.mappings = before}}}, {{{.mappings = after}}});
  for (MatchMode mode : {MatchMode::kSame, MatchMode::kRerun}) {
    const auto start = std::chrono::steady_clock::now();
    const SnapshotMatch match = file.Match(mode);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    EXPECT_LT(seconds.count(), 30) << MatchModeName(mode);
    EXPECT_GE(match.ranges.size(), kMappings);
    EXPECT_LT(match.ranges.size(), 3 * kMappings);
  }
}

}  // namespace
}  // namespace pagesnap
