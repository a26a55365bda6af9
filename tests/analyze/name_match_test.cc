// Which names and paths the options --name and --path find.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

// A name or path as it is printed can be given back, though brackets mean something in a GLOB.
TEST(NameMatchTest, NamesMatchAsTheyAreOrAsAGlob) {
  MachineTree machine;
  TreeProcess process{.pid = 100, .name = "[k]"};
  auto add = [&](uint64_t start, const std::string& path) {
    TreeMapping mapping{.start = start, .page_count = 1};
    mapping.inode = path.starts_with('/') ? start : 0;
    mapping.path = path;
    process.mappings.push_back(mapping);
  };
  add(0x10000, "[heap]");
  add(0x20000, "/lib/a[1]*?.so");
  add(0x30000, "/lib/b\xff.so");
  add(0x40000, "");
  add(0x50000, "h");
  machine.AddProcess(process);
  CapturedSnapshot file(machine.reader());
  auto starts = [&](const std::string& report, const std::string& path) {
    std::vector<std::string> arguments = {report, file.path(), "--path", path, "--format", "csv"};
    const std::string out = RunReport(arguments).out;
    return std::count(out.begin(), out.end(), '\n') - 1;
  };
  EXPECT_EQ(starts("maps", "[heap]"), 2);  // "h" is like it as a GLOB
  EXPECT_EQ(starts("maps", "/lib/a[1]*?.so"), 1);
  EXPECT_EQ(starts("maps", "/lib/b\\xff.so"), 1);
  EXPECT_EQ(starts("maps", "/lib/*"), 2);
  EXPECT_EQ(starts("maps", ""), 1);
  EXPECT_EQ(starts("maps", "[x]"), 0);
  EXPECT_EQ(RunReport({"exit-gain", file.path(), "--name", "[k]", "--format", "csv"}).out,
            "pid,name,freed_kib,pool_kib,cached_kib,kept_kib,unknown_kib,swap_kib\r\n"
            "100,[k],0,0,0,0,0,0\r\n");
}

// Bytes that are not UTF-8 are not all the same, and can be given as they are, and as a table or
// JSON shows them.
TEST(NameMatchTest, NamesThatAreNotUtf8) {
  MachineTree machine;
  TreeProcess process{.pid = 100};
  uint64_t start = 0x10000;
  for (const std::string name : {"\xff\xfe", "\xff\xfd", "\ufffdfg", "\xfez"}) {
    process.mappings.push_back(
        {.start = start, .page_count = 1, .inode = start, .path = "/d/" + name});
    start += 0x10000;
  }
  machine.AddProcess(process);
  CapturedSnapshot file(machine.reader());
  auto starts = [&](const std::string& name) {
    return file.Rows(
        fmt::format("SELECT start FROM mapping_detail WHERE matches(path, '/d/{}')", name));
  };
  using testing::ElementsAre;
  EXPECT_THAT(starts("\xff\xfe"), ElementsAre("0x10000"));
  EXPECT_THAT(starts("\xff*"), ElementsAre("0x10000", "0x20000"));
  EXPECT_THAT(starts("??"), ElementsAre("0x10000", "0x20000", "0x40000"));
  EXPECT_THAT(starts("\\xff\\xfe"), ElementsAre("0x10000"));
  EXPECT_THAT(starts("\ufffdff\ufffdfe"), ElementsAre("0x10000"));
  EXPECT_THAT(starts("\ufffdff*"), ElementsAre("0x10000", "0x20000"));
  EXPECT_THAT(starts("\ufffd\ufffdfg"), ElementsAre("0x30000"));
  EXPECT_THAT(starts("\ufffdfg"), ElementsAre("0x30000"));
}

// A value that matches nothing may be a slip: what there is, the most similar first.
TEST(NameMatchTest, WhatMatchesNothingListsWhatThereIs) {
  MachineTree machine;
  FillSampleMachine(machine);
  CapturedSnapshot file(machine.reader());
  const ReportResult maps = RunReport({"maps", file.path(), "--path", "/usr/bin/servr"});
  EXPECT_THAT(maps.notes,
              testing::HasSubstr("note: no mapping has the path '/usr/bin/servr', as it stands or "
                                 "as a GLOB; there is '/usr/bin/server', "));
  const ReportResult swap = RunReport({"swap", file.path(), "--name", "Server"});
  EXPECT_THAT(swap.notes, testing::HasSubstr("note: no process is named 'Server', as it stands or "
                                             "as a GLOB; there is 'server', "));
  EXPECT_THAT(swap.notes, testing::Not(testing::HasSubstr("no mapping")));
  EXPECT_THAT(RunReport({"swap", file.path(), "--name", "s*", "--path", "[heap]"}).notes,
              testing::Not(testing::HasSubstr("as a GLOB")));
}

}  // namespace
}  // namespace pagesnap
