#include "lib/proc/parse_mounts.h"

#include <gmock/gmock.h>

namespace pagesnap {
namespace {

TEST(ParseMountsTest, TakesDeviceAndType) {
  const auto mount = ParseMountLine(
      "36 35 98:1048575 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - fuse.sshfs host:/ rw");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->device_major, 98);
  EXPECT_EQ(mount->device_minor, 1048575);
  EXPECT_EQ(mount->type, "fuse.sshfs");
  EXPECT_EQ(mount->root, "/mnt1");
  EXPECT_EQ(mount->mount_point, "/mnt\\0402");
  EXPECT_EQ(ParseMountLine("22 27 0:21 / /proc rw - proc proc rw")->type, "proc");
}

TEST(ParseMountsTest, OtherLinesAreNone) {
  for (const char* line : {"", "22", "22 27 0:21", "22 27 0 / /proc rw - proc proc rw",
                           "22 27 x:1 / /proc rw - proc proc rw", "22 27 0:1 / /proc rw proc proc",
                           "22 27 0:4294967296 / / rw - proc proc rw", "22 27 0:1 / / rw -"}) {
    EXPECT_FALSE(ParseMountLine(line)) << line;
  }
}

// What asks a server, in the kernel or outside, or is not known.
TEST(ParseMountsTest, OnlyDisksOfTheMachineAreDisks) {
  for (const char* type : {"ext4", "xfs", "btrfs"}) EXPECT_TRUE(IsDiskFileSystem(type)) << type;
  for (const char* type : {"nfs", "nfs4", "cifs", "9p", "fuse", "fuseblk", "fuse.bindfs", "ceph",
                           "overlay", "tmpfs", "virtiofs", "afs", "", "ext", "ext4 "}) {
    EXPECT_FALSE(IsDiskFileSystem(type)) << type;
  }
}

TEST(ParseMountsTest, SegmentsSayWhetherTheyWereRemoved) {
  const auto segment = ParseSegmentLine("         0     131074  1600   33554432  77  77      1 0");
  ASSERT_TRUE(segment);
  EXPECT_EQ(segment->id, 131074);
  EXPECT_TRUE(segment->removed);
  EXPECT_FALSE(ParseSegmentLine("-559038737 5 600 4096")->removed);
  EXPECT_FALSE(ParseSegmentLine("       key      shmid perms                  size  cpid"));
  EXPECT_FALSE(ParseSegmentLine(""));
}

}  // namespace
}  // namespace pagesnap
