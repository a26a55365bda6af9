// How processes and mappings of two runs are matched, when nothing is at its old address.
#include <gmock/gmock.h>

#include "tests/query/match/match_testing.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;

std::vector<std::string> Processes(std::vector<TestProcess> before,
                                   std::vector<TestProcess> after) {
  MatchedFile file({std::move(before)}, {std::move(after), "another boot"});
  EXPECT_EQ(BrokenPromise(file.reader(), 1, 2, file.Match(MatchMode::kRerun)), "");
  return file.Processes(MatchMode::kRerun);
}

TestProcess Process(int64_t pid, std::string cmdline, int64_t ppid = 1) {
  return {.pid = pid, .cmdline = std::move(cmdline), .ppid = ppid};
}

TEST(MatchRerunProcesses, ByArguments) {
  EXPECT_THAT(Processes({Process(100, "server a"), Process(101, "server b")},
                        {Process(200, "server b"), Process(201, "server a")}),
              ElementsAre("100>201 arguments", "101>200 arguments"));
}

TEST(MatchRerunProcesses, EqualOnesInOrder) {
  TestProcess late = Process(200, "server");
  late.start_time_ticks = 7000;
  EXPECT_THAT(Processes({Process(100, "server"), Process(101, "server"), Process(102, "server")},
                        {late, Process(201, "server")}),
              ElementsAre("100>201 arguments", "101>200 arguments", "102>0 gone"));
}

TEST(MatchRerunProcesses, ByArgumentsButForNumbers) {
  EXPECT_THAT(Processes({Process(100, "server --port 80"), Process(101, "server --quiet")},
                        {Process(200, "server --quiet"), Process(201, "server --port 8080")}),
              ElementsAre("100>201 similar", "101>200 arguments"));
}

// A release: another folder, other arguments.
TEST(MatchRerunProcesses, ByProgramAndByName) {
  TestProcess old_release{.pid = 100, .exe = "/opt/app-1.2/bin/app-1.2", .cmdline = "app --old"};
  TestProcess new_release{
      .pid = 200, .exe = "/opt/app-1.3/bin/app-1.3 (deleted)", .cmdline = "app --new --too"};
  TestProcess helper{.pid = 101, .name = "helper", .exe = "/a", .cmdline = "x"};
  TestProcess new_helper{.pid = 201, .name = "helper", .exe = "/b", .cmdline = "y"};
  EXPECT_THAT(Processes({old_release, helper}, {new_helper, new_release}),
              ElementsAre("100>200 program", "101>201 name"));
}

// Children are matched among the children of their parents' counterparts.
TEST(MatchRerunProcesses, ByParents) {
  EXPECT_THAT(Processes({Process(100, "master a"), Process(101, "master b"),
                         Process(110, "worker", 100), Process(111, "worker", 101)},
                        {Process(200, "master b"), Process(201, "master a"),
                         Process(210, "worker", 200), Process(211, "worker", 201)}),
              ElementsAre("100>201 arguments", "101>200 arguments", "110>211 arguments",
                          "111>210 arguments"));
}

TEST(MatchRerunProcesses, ParentsInCircles) {
  EXPECT_THAT(Processes({Process(100, "a", 101), Process(101, "b", 100), Process(102, "c", 102)},
                        {Process(100, "a", 101), Process(101, "b", 100), Process(102, "c", 102)}),
              ElementsAre("100>100 arguments", "101>101 arguments", "102>102 arguments"));
}

TEST(MatchRerunProcesses, TheOnlyOne) {
  TestProcess other{.pid = 200, .name = "other", .exe = "/x", .cmdline = "x"};
  EXPECT_THAT(Processes({Process(100, "server")}, {other}), ElementsAre("100>200 only"));
  EXPECT_THAT(Processes({Process(100, "server"), Process(101, "server")}, {other}),
              ElementsAre("100>0 gone", "101>0 gone", "0>200 new"));
}

std::vector<std::string> Rerun(std::vector<TestMapping> before, std::vector<TestMapping> after,
                               const std::string& boot = "boot") {
  MatchedFile file({{{.pid = 100, .mappings = std::move(before)}}, "boot"},
                   {{{.pid = 200, .mappings = std::move(after)}}, boot});
  EXPECT_EQ(BrokenPromise(file.reader(), 1, 2, file.Match(MatchMode::kRerun)), "");
  return file.Ranges(MatchMode::kRerun);
}

// A program with one library, somewhere.
std::vector<TestMapping> Program(uint64_t start, const std::string& library, uint64_t inode,
                                 uint64_t text_pages) {
  const uint64_t high = start + 1000;
  return {{start, 2, "/usr/bin/server", "r--p", 0, 3},
          {start + 2, 4, "/usr/bin/server", "r-xp", 2, 3},
          {start + 6, 1, "/usr/bin/server", "rw-p", 5, 3},
          {start + 7, 2},  // .bss
          {start + 50, 9, "[heap]"},
          {high, 1, library, "r--p", 0, inode},
          {high + 1, text_pages, library, "r-xp", 1, inode},
          {high + 1 + text_pages, 1, library, "rw-p", 1 + text_pages, inode},
          {high + 2 + text_pages, 3},  // .bss
          {high + 400, 20, "[stack]"},
          {high + 500, 2, "[vdso]", "r-xp"}};
}

TEST(MatchRerunMappings, AddressesAreRandom) {
  EXPECT_THAT(Rerun(Program(1000, "/lib/x.so.1", 7, 5), Program(5000, "/lib/x.so.1", 7, 5)),
              ElementsAre("path 1000+2>5000", "path 1002+4>5002", "path 1006+1>5006",
                          "position 1007+2>5007", "name 1050+9>5050", "path 2000+1>6000",
                          "path 2001+5>6001", "path 2006+1>6006", "position 2007+3>6007",
                          "name 2400+20>6400", "name 2500+2>6500"));
}

TEST(MatchRerunMappings, ALibraryOfAnotherBuild) {
  const auto ranges = Rerun(Program(1000, "/lib/x.so.1", 7, 5), Program(5000, "/lib/x.so.1", 8, 6));
  EXPECT_THAT(ranges, testing::IsSupersetOf({"path 1002+4>5002", "replaced 2000+1>6000",
                                             "replaced 2001+5>6001", "appeared 6006+1",
                                             "replaced 2006+1>6007", "position 2007+3>6008"}));
  // Its version may be in its name.
  EXPECT_THAT(Rerun(Program(1000, "/lib/x.so.1.2", 7, 5), Program(5000, "/lib/x.so.1.3", 8, 5)),
              testing::IsSupersetOf({"replaced 2000+1>6000", "replaced 2001+5>6001",
                                     "replaced 2006+1>6006", "position 2007+3>6007"}));
  // It may have been installed over the one that runs.
  EXPECT_THAT(
      Rerun(Program(1000, "/lib/x.so.1 (deleted)", 7, 5), Program(5000, "/lib/x.so.1", 8, 5)),
      testing::IsSupersetOf({"replaced 2001+5>6001"}));
}

// Inodes of another machine say nothing; the layout does.
TEST(MatchRerunMappings, OnAnotherMachine) {
  EXPECT_THAT(
      Rerun(Program(1000, "/lib/x.so.1", 7, 5), Program(5000, "/lib/x.so.1", 70, 5), "other"),
      testing::IsSupersetOf({"path 2000+1>6000", "path 2001+5>6001"}));
  EXPECT_THAT(
      Rerun(Program(1000, "/lib/x.so.1", 7, 5), Program(5000, "/lib/x.so.1", 70, 6), "other"),
      testing::IsSupersetOf({"replaced 2001+5>6001"}));
}

// Containers of one image at other mount points: what CompareCopies() takes for copies replaces
// nothing, whatever it is.
TEST(MatchRerunMappings, CopiesInAnotherFolder) {
  const FileFacts archive = {.size = 8192, .mtime_ns = 77};
  const FileFacts touched = {.size = 8192, .mtime_ns = 78};
  auto data = [](uint64_t page, const std::string& path, const FileFacts& facts) {
    return TestMapping{page, 4, path, "r--p", 0, page, {}, "0:" + std::to_string(page), facts};
  };
  for (const char* boot : {"boot", "other"}) {
    EXPECT_THAT(Rerun({data(10, "/m1/a/locale-archive", archive)},
                      {data(90, "/m2/b/locale-archive", archive)}, boot),
                ElementsAre("path 10+4>90"));
    EXPECT_THAT(Rerun({data(10, "/m1/a", archive)}, {data(90, "/m2/b", archive)}, boot),
                ElementsAre("vanished 10+4", "appeared 90+4"));
    EXPECT_THAT(Rerun({data(10, "/m1/a", archive)}, {data(90, "/m2/a", touched)}, boot),
                ElementsAre("vanished 10+4", "appeared 90+4"));
    EXPECT_THAT(Rerun({data(10, "/m1/a", {})}, {data(90, "/m2/a", {})}, boot),
                ElementsAre("vanished 10+4", "appeared 90+4"));
    // One path goes first.
    EXPECT_THAT(Rerun({data(10, "/m1/a", archive)},
                      {data(80, "/m2/a", archive), data(90, "/m1/a", archive)}, boot),
                ElementsAre("path 10+4>90", "appeared 80+4"));
  }
}

// memfd, SYSV and /dev/zero are created anew by each run.
TEST(MatchRerunMappings, FilesWithoutAName) {
  EXPECT_THAT(Rerun({{10, 4, "/memfd:ring (deleted)", "rw-s", 0, 7}},
                    {{90, 4, "/memfd:ring (deleted)", "rw-s", 0, 8}}),
              ElementsAre("path 10+4>90"));
}

TEST(MatchRerunMappings, AFileThatIsMappedDifferently) {
  EXPECT_THAT(Rerun({{10, 9, "/data", "r--s", 0, 7}}, {{90, 3, "/data", "r--s", 0, 7},
                                                       {93, 2, "/data", "rw-s", 3, 7},
                                                       {95, 5, "/data", "r--s", 5, 7}}),
              ElementsAre("path 10+3>90", "path 13+2>93", "path 15+4>95", "appeared 99+1"));
}

TEST(MatchRerunMappings, AFileThatIsMappedOften) {
  EXPECT_THAT(Rerun({{10, 4, "/data", "r--s", 0, 7}, {20, 8, "/data", "r--s", 0, 7}},
                    {{80, 8, "/data", "r--s", 0, 7},
                     {90, 4, "/data", "r--s", 0, 7},
                     {100, 4, "/data", "r--s", 0, 7}}),
              ElementsAre("path 10+4>90", "path 20+8>80", "appeared 100+4"));
}

// What a stack has in common with another is at its upper end; a heap's is at the lower one.
TEST(MatchRerunMappings, StackAndHeap) {
  EXPECT_THAT(
      Rerun({{10, 4, "[heap]"}, {50, 8, "[stack]"}}, {{110, 6, "[heap]"}, {150, 9, "[stack]"}}),
      ElementsAre("name 10+4>110", "name 50+8>151", "appeared 114+2", "appeared 150+1"));
}

TEST(MatchRerunMappings, StacksOfThreads) {
  EXPECT_THAT(
      Rerun({{10, 1, "", "---p"}, {11, 8}, {30, 8}}, {{110, 8}, {120, 1, "", "---p"}, {121, 8}}),
      ElementsAre("position 10+1>120", "position 11+8>121", "position 30+8>110"));
}

TEST(MatchRerunMappings, AnonymousMemoryBySizeThenTheLargestWithTheLargest) {
  EXPECT_THAT(Rerun({{10, 4}, {20, 5}, {30, 6}}, {{110, 3}, {120, 7}, {130, 5}, {140, 6}}),
              ElementsAre("position 10+4>120", "position 20+5>130", "position 30+6>140",
                          "appeared 110+3", "appeared 124+3"));
  // Equal ones are paired from the highest down, and an equal size elsewhere goes before another
  // size at the same place.
  EXPECT_THAT(Rerun({{10, 4}, {20, 4}, {30, 90, "/lib/x.so", "r--p", 0, 7}, {200, 5}},
                    {{110, 5}, {120, 4}, {130, 4}, {140, 4}, {150, 90, "/lib/x.so", "r--p", 0, 7}}),
              ElementsAre("position 10+4>130", "position 20+4>140", "path 30+90>150",
                          "appeared 120+4", "similar 200+5>110"));
}

}  // namespace
}  // namespace pagesnap
