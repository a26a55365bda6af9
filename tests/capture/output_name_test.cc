#include "capture/output_name.h"

#include <gtest/gtest.h>

#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

constexpr int64_t kTime = 1'796'084'700'123'456'789;

class OutputNameTest : public testing::Test {
 protected:
  std::string Name(const Selection& selection) {
    return OutputName(selection, machine_.reader(), kTime);
  }
  MachineTree machine_;
};

TEST_F(OutputNameTest, OfProcesses) {
  machine_.AddProcess({.pid = 7, .name = "a/b c\xc3\xa4"});
  EXPECT_EQ(Name({.pids = {7, 8}}), "capture-a_b_c__-7-20261201T002500Z.pagesnap");
  EXPECT_EQ(Name({.tree_roots = {7}}), "capture-a_b_c__-7-20261201T002500Z.pagesnap");
  EXPECT_EQ(Name({.pids = {9}}), "capture-process-9-20261201T002500Z.pagesnap");
}

TEST_F(OutputNameTest, OfOthers) {
  EXPECT_EQ(Name({.name_globs = {"nginx*"}}), "capture-nginx_-20261201T002500Z.pagesnap");
  EXPECT_EQ(Name({.cgroups = {"/system.slice/ssh.service/"}}),
            "capture-ssh_service-20261201T002500Z.pagesnap");
  EXPECT_EQ(Name({.cgroups = {"/"}}), "capture-root-20261201T002500Z.pagesnap");
  EXPECT_EQ(Name({.all = true}), "capture-all-20261201T002500Z.pagesnap");
  EXPECT_EQ(Name({}), "capture-ram-20261201T002500Z.pagesnap");
  EXPECT_EQ(Name({.name_globs = {std::string(300, 'x')}}).size(), 134u);
}

}  // namespace
}  // namespace pagesnap
