#include "capture/complete.h"

#include <gmock/gmock.h>

#include "capture/options.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;

TEST(CompleteCaptureTest, ProcessesFilesAndChoices) {
  MachineTree machine;
  machine.AddProcess({.pid = 7, .name = "server"});
  auto complete = [&](const std::vector<std::string>& words) {
    return CompleteCapture(CaptureHelp().options, words, machine.reader());
  };
  EXPECT_EQ(complete({"-p", ""}), "7\tserver\n");
  EXPECT_EQ(complete({"-a", "--tree=7"}), "--tree=7\tserver\n");
  EXPECT_EQ(complete({"--name", "s"}), "server\tpid 7\n");
  EXPECT_EQ(complete({"--frames", ""}), "all\t\n");
  EXPECT_EQ(complete({"-p", "7", "-o", ""}), "\tfile\n");
  EXPECT_EQ(complete({"--proc-root", ""}), "\tdirectory\n");
  EXPECT_EQ(complete({"--interval", ""}), "");
  EXPECT_THAT(complete({"-p", "7", ""}), HasSubstr("\n--freeze\tstop the processes"));
}

}  // namespace
}  // namespace pagesnap
