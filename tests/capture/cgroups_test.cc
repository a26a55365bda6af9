// A cgroup has one name, wherever the hierarchy is mounted and seen from.
#include "capture/cgroups.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "capture/select.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CgroupsTest : public testing::Test {
 protected:
  // The hierarchy has /pods/a/web, /pods/b and /other; the reader is process 77.
  CgroupsTest() {
    FillSampleMachine(machine_);
    reader().AddLink("proc/self", "77");
    reader().AddText("sys/fs/cgroup/cgroup.procs", "1\n");
    for (const char* path : {"", "/pods", "/pods/a", "/pods/a/web", "/pods/b", "/other"}) {
      reader().AddText(fmt::format("sys/fs/cgroup{}/cgroup.procs", path), "1\n");
    }
  }
  FakeReader& reader() { return machine_.reader(); }
  void SetMountRoot(const std::string& root) {
    reader().AddText(
        "proc/self/mountinfo",
        fmt::format("30 1 0:20 / /sys rw - sysfs sysfs rw\n31 30 0:26 {} /sys/fs/cgroup "
                    "rw - cgroup2 cgroup2 rw\n",
                    root));
  }
  // The reader is in this cgroup, which its namespace calls so.
  void PlaceSelf(const std::string& path, const std::string& name) {
    reader().AddText(fmt::format("sys/fs/cgroup{}/cgroup.procs", path), "7\n77\n");
    reader().AddText("proc/self/cgroup", fmt::format("0::{}\n", name));
  }
  std::vector<std::string> Names() {
    const CgroupHierarchy hierarchy(reader());
    std::vector<std::string> names;
    for (const char* path : {"", "/pods", "/pods/a", "/pods/a/web", "/pods/b", "/other"}) {
      names.push_back(hierarchy.NameOf(path));
    }
    return names;
  }

  MachineTree machine_;
};

TEST_F(CgroupsTest, OnTheHostAPathIsAName) {
  SetMountRoot("/");
  reader().AddLink("proc/self/ns/cgroup", "cgroup:[4026531835]");
  EXPECT_THAT(Names(), ElementsAre("/", "/pods", "/pods/a", "/pods/a/web", "/pods/b", "/other"));
  EXPECT_FALSE(CgroupHierarchy(reader()).is_part());
}

// As after unshare --cgroup, without a new mount.
TEST_F(CgroupsTest, AMountOlderThanTheNamespace) {
  SetMountRoot("/../..");
  PlaceSelf("/pods/a/web", "/web");
  EXPECT_THAT(Names(), ElementsAre("/../..", "/..", "/", "/web", "/../b", "/../../other"));
  EXPECT_FALSE(CgroupHierarchy(reader()).is_part());
}

// A namespace of its own and a mount of its own: of what lies outside there is nothing to be seen.
TEST_F(CgroupsTest, AMountInsideTheNamespace) {
  SetMountRoot("/");
  reader().AddLink("proc/self/ns/cgroup", "cgroup:[4026532999]");
  EXPECT_THAT(Names(), ElementsAre("/", "/pods", "/pods/a", "/pods/a/web", "/pods/b", "/other"));
  EXPECT_TRUE(CgroupHierarchy(reader()).is_part());
}

// A container in the host's namespace, into which only its own part is bound.
TEST_F(CgroupsTest, AMountOfAPart) {
  SetMountRoot("/docker/4f");
  EXPECT_EQ(CgroupHierarchy(reader()).NameOf(""), "/docker/4f");
  EXPECT_EQ(CgroupHierarchy(reader()).NameOf("/pods"), "/docker/4f/pods");
  EXPECT_TRUE(CgroupHierarchy(reader()).is_part());
}

TEST_F(CgroupsTest, WithoutMountinfoAPathIsAName) {
  EXPECT_EQ(CgroupHierarchy(reader()).NameOf("/pods"), "/pods");
  EXPECT_FALSE(CgroupHierarchy(reader()).is_part());
}

// Where this process is not found, the names are those of the mount.
TEST_F(CgroupsTest, TheNamespaceIsNotFound) {
  SetMountRoot("/..");
  EXPECT_EQ(CgroupHierarchy(reader()).NameOf("/other"), "/../other");
}

// -g takes the directory that the user sees, and the name that /proc shows.
TEST_F(CgroupsTest, ASelectionTakesBothNames) {
  SetMountRoot("/../..");
  PlaceSelf("/pods/a/web", "/web");
  for (const auto& [pid, cgroup] :
       {std::pair(500, "/web"), {501, "/../b"}, {502, "/../../other"}}) {
    machine_.AddProcess({.pid = pid, .cgroup = cgroup});
  }
  auto pids = [&](const std::string& cgroup) {
    std::vector<int32_t> found;
    for (const ProcessStat& stat : SelectProcesses({.cgroups = {cgroup}}, reader()).processes) {
      if (stat.pid >= 500) found.push_back(stat.pid);
    }
    return found;
  };
  EXPECT_THAT(pids("/sys/fs/cgroup/pods/a"), ElementsAre(500));
  EXPECT_THAT(pids("/sys/fs/cgroup/pods/a/web"), ElementsAre(500));
  EXPECT_THAT(pids("/web"), ElementsAre(500));
  EXPECT_THAT(pids("/sys/fs/cgroup/pods/b"), ElementsAre(501));
  EXPECT_THAT(pids("/../b"), ElementsAre(501));
  EXPECT_THAT(pids("/sys/fs/cgroup/other"), ElementsAre(502));
}

TEST_F(CgroupsTest, OutsideIsNotRemoved) {
  const char kCharges[] = "cgroups";
  SetMountRoot("/");
  reader().AddLink("proc/self/ns/cgroup", "cgroup:[4026532999]");
  machine_.AddFrames(0x700, 2, 0x5828, 1, 999);
  machine_.AddProcess({.pid = 500, .mappings = {{.pages = PresentRun(0x700, 2)}}});
  CapturedSnapshot part(reader());
  EXPECT_EQ(part.exit_code(), kExitOk);
  EXPECT_THAT(RunReport({kCharges, part.path(), "--pid", "500", "--format", "csv"}).out,
              testing::HasSubstr("inode 999,outside,"));
  reader().AddLink("proc/self/ns/cgroup", "cgroup:[4026531835]");
  CapturedSnapshot whole(reader());
  EXPECT_THAT(RunReport({kCharges, whole.path(), "--pid", "500", "--format", "csv"}).out,
              testing::HasSubstr("inode 999,removed,"));
}

// How the machine is set up is no gap.
TEST_F(CgroupsTest, WithoutAHierarchyThereAreNoNames) {
  reader().Remove("sys/fs/cgroup");
  CapturedSnapshot file(reader());
  EXPECT_EQ(file.exit_code(), kExitOk);
  EXPECT_THAT(file.Gaps(), IsEmpty());
  EXPECT_THAT(file.Rows("SELECT value FROM system_fact WHERE name = 'capture.cgroups'"),
              ElementsAre("unmounted"));
  EXPECT_THAT(RunReport({"cgroups", file.path(), "--format", "csv"}).out,
              testing::HasSubstr(",unnamed,"));
}

}  // namespace
}  // namespace pagesnap
