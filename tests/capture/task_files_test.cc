// What the freezer reads of /proc.
#include "capture/task_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "lib/proc/directory_reader.h"
#include "lib/proc/threads.h"
#include "tests/support/fake_reader.h"

namespace pagesnap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string StatOf(int32_t pid, int32_t ppid) {
  return std::to_string(pid) + " (a) b) S " + std::to_string(ppid) +
         " 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 "
         "0 0 0 0 0 0 0 0\n";
}

TEST(TaskFilesTest, AncestorsUpToTheEdgeOfTheNamespace) {
  FakeReader reader;
  reader.AddText("proc/30/stat", StatOf(30, 20));
  reader.AddText("proc/20/stat", StatOf(20, 7));
  reader.AddText("proc/7/stat", StatOf(7, 0));
  reader.AddText("proc/1/stat", StatOf(1, 0));
  EXPECT_THAT(SelfAndAncestors(reader, 30), ElementsAre(7, 20, 30));
}

TEST(TaskFilesTest, AncestorsInACircleOrWithoutAFile) {
  FakeReader reader;
  reader.AddText("proc/30/stat", StatOf(30, 20));
  reader.AddText("proc/20/stat", StatOf(20, 30));
  reader.AddText("proc/5/stat", StatOf(5, 4));
  EXPECT_THAT(SelfAndAncestors(reader, 30), ElementsAre(20, 30));
  EXPECT_THAT(SelfAndAncestors(reader, 5), ElementsAre(4, 5));
}

TEST(TaskFilesTest, ADebuggerIsAmongThem) {
  FakeReader reader;
  reader.AddText("proc/30/stat", StatOf(30, 1));
  reader.AddText("proc/30/status", "Name:\tx\nTracerPid:\t44\n");
  EXPECT_THAT(SelfAndAncestors(reader, 30), ElementsAre(1, 30, 44));
  reader.AddText("proc/30/status", "Name:\tx\nTracerPid:\t0\n");
  EXPECT_THAT(SelfAndAncestors(reader, 30), ElementsAre(1, 30));
}

TEST(TaskFilesTest, OfThisProcess) {
  DirectoryReader reader("/");
  EXPECT_THAT(ListThreads(reader, getpid()), testing::Contains(getpid()));
  EXPECT_EQ(ListThreads(reader, getpid()).size(), CountThreads("/", getpid()));
  EXPECT_EQ(ThreadStat(reader, getpid(), getpid()).state, 'R');
  EXPECT_FALSE(ThreadStat(reader, getpid(), getpid()).HasEnded());
}

TEST(TaskFilesTest, OfNoProcess) {
  DirectoryReader reader("/");
  constexpr int32_t kNobody = (1 << 22) + 1;  // beyond the largest pid
  EXPECT_THAT(ListThreads(reader, kNobody), IsEmpty());
  EXPECT_EQ(CountThreads("/", kNobody), 0u);
  EXPECT_TRUE(ThreadStat(reader, kNobody, kNobody).HasEnded());
}

}  // namespace
}  // namespace pagesnap
