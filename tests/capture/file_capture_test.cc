// What a capture finds out about mapped files, on a fake machine.
#include <elf.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "tests/support/captured_snapshot.h"
#include "tests/support/fake_freezer.h"
#include "tests/support/faulty_reader.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kFiles[] = "SELECT path, size, mtime_ns, build_id, link_count FROM file ORDER BY id";
constexpr char kProblem[] = "SELECT value FROM system_fact WHERE name = 'capture.files_unknown'";
constexpr char kProgramLink[] = "proc/100/map_files/10000-11000";

// An ELF file with the build ID "AB".
std::string Program() {
  struct {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    Elf64_Nhdr note;
    char contents[8];
  } file = {};
  std::memcpy(file.header.e_ident, ELFMAG, SELFMAG);
  file.header.e_ident[EI_CLASS] = ELFCLASS64;
  file.header.e_ident[EI_DATA] = ELFDATA2LSB;
  file.header.e_phoff = sizeof file.header;
  file.header.e_phentsize = sizeof file.segment;
  file.header.e_phnum = 1;
  file.segment.p_type = PT_NOTE;
  file.segment.p_offset = sizeof file.header + sizeof file.segment;
  file.segment.p_filesz = sizeof file.note + 6;
  file.note = {4, 2, NT_GNU_BUILD_ID};
  std::memcpy(file.contents, "GNU\0AB", 6);
  return {reinterpret_cast<const char*>(&file), sizeof file};
}

TreeMapping FileAt(uint64_t start, const std::string& path, uint64_t inode,
                   const std::string& perms = "r--p", const std::string& device = "08:01") {
  return {.start = start,
          .page_count = 1,
          .perms = perms,
          .device = device,
          .inode = inode,
          .path = path};
}

class FileCaptureTest : public testing::Test {
 protected:
  FileCaptureTest() {
    reader().AddText("proc/self/mountinfo",
                     "27 1 8:1 / / rw - ext4 /dev/vda rw\n"
                     "28 1 0:40 / /mnt rw shared:1 - nfs4 host:/ rw\n"
                     "29 1 0:41 / /p9 rw - 9p host rw\n");
    reader().AddLink("proc/self/ns/ipc", "ipc:[1]");
    AddFile(kProgramLink, {8, 1, 77, 5000, 123'000'000'005, 1, true}, Program());
  }

  FakeReader& reader() { return machine_.reader(); }
  void AddFile(const std::string& link, FileStatus status, std::string bytes = {}) {
    reader().AddMappedFile(link, status, std::move(bytes));
  }
  void AddProcess(std::vector<TreeMapping> mappings, int32_t pid = 100) {
    machine_.AddProcess({.pid = pid, .mappings = std::move(mappings)});
    const std::string folder = "proc/" + std::to_string(pid);
    reader().AddLink(folder + "/ns/mnt", "mnt:[2]");
    reader().AddLink(folder + "/ns/ipc", "ipc:[1]");
    reader().AddLink(folder + "/root", "/");
  }
  void AddProgram(const std::string& perms = "r-xp", const std::string& device = "08:01") {
    AddProcess({FileAt(0x10000, "/bin/x", 77, perms, device)});
  }

  MachineTree machine_;
};

TEST_F(FileCaptureTest, StoresWhatDistinguishesFiles) {
  AddFile("proc/100/map_files/20000-21000", {8, 1, 78, 6000, -5, 0, true}, Program());
  AddProcess({FileAt(0x10000, "/bin/x", 77, "r-xp"),
              FileAt(0x20000, "/tmp/y (deleted)", 78),
              {.start = 0x30000, .page_count = 1, .path = "[heap]"}});
  CapturedSnapshot file(reader());
  EXPECT_THAT(file.Rows(kFiles),
              ElementsAre("/bin/x|5000|123000000005|4142|1", "/tmp/y (deleted)|6000|-5|NULL|0",
                          "[heap]|NULL|NULL|NULL|NULL"));
  EXPECT_THAT(file.Rows(kProblem), IsEmpty());
  EXPECT_EQ(file.exit_code(), kExitOk);
}

// Whichever of its mappings comes first, and whichever process maps it so.
TEST_F(FileCaptureTest, ProgramsAreThoseWithAnyExecutableMapping) {
  AddFile("proc/100/map_files/10000-11000", {8, 1, 77, 5000, 1, 1, true}, Program());
  AddProcess({FileAt(0x10000, "/bin/x", 77), FileAt(0x20000, "/bin/x", 77, "r-xp")});
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(kFiles), ElementsAre("/bin/x|5000|1|4142|1"));
  AddFile("proc/100/map_files/30000-31000", {8, 1, 79, 1, 2, 1, true}, Program());
  AddFile("proc/200/map_files/50000-51000", {8, 1, 79, 1, 2, 1, true}, Program());
  AddProcess({FileAt(0x30000, "/lib/l", 79)});
  AddProcess({FileAt(0x50000, "/lib/l", 79, "r-xp")}, 200);
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(kFiles), ElementsAre("/lib/l|1|2|4142|1"));
}

TEST_F(FileCaptureTest, BuildIdsCanBeLeftOut) {
  AddProgram();
  CaptureRequest request = AllProcesses();
  request.build_ids = false;
  EXPECT_THAT(CapturedSnapshot(reader(), request).Rows(kFiles),
              ElementsAre("/bin/x|5000|123000000005|NULL|1"));
}

TEST_F(FileCaptureTest, OfARecordedTreeNothingIsRead) {
  AddProgram();
  CaptureRequest request = AllProcesses();
  request.look_at_files = false;
  reader().SetOnAccess([](const std::string& path) {
    EXPECT_THAT(path, testing::Not(testing::HasSubstr("map_files")));
    EXPECT_THAT(path, testing::Not(testing::HasSubstr("mountinfo")));
  });
  CapturedSnapshot file(reader(), request);
  EXPECT_THAT(file.Rows(kFiles), ElementsAre("/bin/x|NULL|NULL|NULL|NULL"));
  EXPECT_THAT(file.Rows(kProblem), ElementsAre("files are not looked at with --proc-root"));
  EXPECT_EQ(file.exit_code(), kExitOk);
}

// What may have to ask a server is not opened, nor what nobody knows.
TEST_F(FileCaptureTest, OnlyFilesOnDisksAreOpened) {
  for (const char* device : {"00:28", "00:63"}) {  // nfs4; not mounted
    AddFile(kProgramLink, {0, device[4] == '8' ? 40U : 99U, 77, 5000, 5, 1, true}, Program());
    AddProgram("r-xp", device);
    EXPECT_THAT(CapturedSnapshot(reader()).Rows(kFiles), ElementsAre("/bin/x|5000|5|NULL|1"));
  }
  AddProgram("r-xp", "00:29");  // 9p: even the status may be asked for
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(kFiles), ElementsAre("/bin/x|NULL|NULL|NULL|NULL"));
}

TEST_F(FileCaptureTest, MountsThatOnlyTheProcessSeesAreKnownToo) {
  reader().AddText("proc/100/mountinfo", "1 1 0:99 / / rw - xfs /dev/b rw\n");
  AddFile(kProgramLink, {0, 99, 77, 5000, 5, 1, true}, Program());
  AddProgram("r-xp", "00:63");
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(kFiles), ElementsAre("/bin/x|5000|5|4142|1"));
}

TEST_F(FileCaptureTest, EachFileIsLookedAtOnce) {
  AddProgram();
  AddFile("proc/200/map_files/10000-11000", {8, 1, 77, 1, 1, 1, true});
  AddProcess({FileAt(0x10000, "/bin/x", 77, "r-xp")}, 200);
  std::atomic<int> looks = 0;
  reader().SetOnAccess([&](const std::string& path) {
    looks += path.find("map_files") != std::string::npos ? 1 : 0;
  });
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(kFiles),
              ElementsAre("/bin/x|5000|123000000005|4142|1"));
  EXPECT_EQ(looks, 2);  // its status and its headers
}

TEST_F(FileCaptureTest, AnotherProcessTellsWhenOneIsGone) {
  AddProcess({FileAt(0x40000, "/bin/x", 77, "r-xp")}, 99);
  AddProgram();
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(kFiles),
              ElementsAre("/bin/x|5000|123000000005|4142|1"));
}

TEST_F(FileCaptureTest, NothingIsLookedAtWhileAProcessIsStopped) {
  AddProgram();
  FakeFreezer freezer;
  CaptureRequest request = AllProcesses();
  request.freezer = &freezer;
  int looks = 0;
  reader().SetOnAccess([&](const std::string& path) {
    if (path.find("map_files") == std::string::npos) return;
    ++looks;
    EXPECT_FALSE(freezer.IsStopped(100));
  });
  EXPECT_THAT(CapturedSnapshot(reader(), request).Rows(kFiles),
              ElementsAre("/bin/x|5000|123000000005|4142|1"));
  EXPECT_EQ(looks, 2);
}

// Overlay and btrfs have other numbers in stat(2) than in maps; then the path has to be the same.
TEST_F(FileCaptureTest, TheStatusIsOfTheFileThatWasListed) {
  AddFile(kProgramLink, {0, 50, 770, 5000, 5, 1, true});
  AddProgram("r--p");
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(kFiles), ElementsAre("/bin/x|NULL|NULL|NULL|NULL"));
  reader().AddLink(kProgramLink, "/bin/other");
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(kFiles), ElementsAre("/bin/x|NULL|NULL|NULL|NULL"));
  reader().AddLink(kProgramLink, "/bin/x");
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(kFiles), ElementsAre("/bin/x|5000|5|NULL|1"));
  reader().AddLink(kProgramLink, "/bin/a\nb");
  AddProcess({FileAt(0x10000, "/bin/a\\012b", 77)});
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(kFiles), ElementsAre("/bin/a\\012b|5000|5|NULL|1"));
}

TEST_F(FileCaptureTest, WithoutPermissionThePathTells) {
  AddProgram();
  FaultyReader faulty(reader());
  faulty.Fail("proc/*/map_files/*", EPERM);
  CapturedSnapshot unknown(faulty);
  EXPECT_THAT(unknown.Rows(kFiles), ElementsAre("/bin/x|NULL|NULL|NULL|NULL"));
  EXPECT_THAT(unknown.Rows(kProblem), ElementsAre("Operation not permitted"));
  reader().AddMappedFile("proc/100/root/bin/x", {8, 1, 76, 5000, 5, 1, true});
  EXPECT_THAT(CapturedSnapshot(faulty).Rows(kFiles), ElementsAre("/bin/x|NULL|NULL|NULL|NULL"));
  reader().AddMappedFile("proc/100/root/bin/x", {8, 1, 77, 5000, 5, 1, true});
  CapturedSnapshot known(faulty);
  EXPECT_THAT(known.Rows(kFiles), ElementsAre("/bin/x|5000|5|NULL|1"));
  EXPECT_THAT(known.Rows(kProblem), IsEmpty());
}

TEST_F(FileCaptureTest, OnlyRegularFilesHaveASize) {
  AddFile(kProgramLink, {8, 1, 77, 0, 5, 1, /*is_regular=*/false}, Program());
  AddProgram();
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(kFiles), ElementsAre("/bin/x|NULL|NULL|NULL|NULL"));
}

// Of a file without a name, in memory or on a disk, and of one that counts a link and has none.
TEST_F(FileCaptureTest, FilesWithoutANameHaveBlocksInMemory) {
  reader().AddText("proc/self/mountinfo",
                   "27 1 8:1 / / rw - ext4 /dev/vda rw\n30 1 0:26 / /tmp rw - tmpfs tmpfs rw\n");
  struct Case {
    const char* path;
    uint32_t major, minor;
    uint64_t links;
  };
  constexpr Case kCases[] = {{"/old (deleted)", 8, 1, 0},     {"/tmp/old (deleted)", 0, 26, 0},
                             {"/tmp/new", 0, 26, 1},          {"/tmp/x (deleted)", 0, 26, 1},
                             {"/memfd:x (deleted)", 0, 1, 0}, {"/secretmem (deleted)", 0, 15, 1}};
  std::vector<TreeMapping> mappings;
  for (const Case& one : kCases) {
    const uint64_t start = (mappings.size() + 1) << 16;
    mappings.push_back(FileAt(start, one.path, start >> 16, "rw-s",
                              fmt::format("{:02x}:{:02x}", one.major, one.minor)));
    AddFile(fmt::format("proc/100/map_files/{:x}-{:x}", start, start + 4096),
            {one.major, one.minor, start >> 16, 4096, 5, one.links, true, 8});
  }
  AddProcess(mappings);
  EXPECT_THAT(
      CapturedSnapshot(reader()).Rows("SELECT path, link_count, block_count FROM file ORDER BY id"),
      ElementsAre("/old (deleted)|0|NULL", "/tmp/old (deleted)|0|8", "/tmp/new|1|NULL",
                  "/tmp/x (deleted)|1|NULL", "/memfd:x (deleted)|0|8", "/secretmem (deleted)|0|8"));
}

// maps calls every segment deleted.
TEST_F(FileCaptureTest, SegmentsHaveANameUntilTheyAreRemoved) {
  constexpr char kLinks[] = "SELECT inode, link_count, block_count FROM file ORDER BY id";
  reader().AddText("proc/sysvipc/shm",
                   "       key      shmid perms       size\n"
                   "         1          5   600       4096\n"
                   "         2          6  1600       4096\n");
  std::vector<TreeMapping> mappings;
  for (const uint64_t id : {5, 6, 7}) {
    mappings.push_back(FileAt(id << 16, "/SYSV00000001 (deleted)", id, "rw-s", "00:01"));
    AddFile("proc/100/map_files/" + std::to_string(id) + "0000-" + std::to_string(id) + "1000",
            {0, 1, id, 4096, 5, 0, true, /*block_count=*/8});
  }
  AddProcess(mappings);
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(kLinks),
              ElementsAre("5|1|NULL", "6|0|8", "7|NULL|8"));
  reader().AddLink("proc/100/ns/ipc", "ipc:[2]");
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(kLinks),
              ElementsAre("5|NULL|8", "6|NULL|8", "7|NULL|8"));
}

TEST_F(FileCaptureTest, TheTimeForFilesIsLimited) {
  std::vector<TreeMapping> mappings;
  for (uint64_t i = 0; i < 5; ++i) {
    const uint64_t start = (0x10 + i) << 12;
    mappings.push_back(FileAt(start, "/data/" + std::to_string(i), 77));
    AddFile("proc/100/map_files/" + std::string(1, '1') + std::to_string(i) + "000-1" +
                std::to_string(i + 1) + "000",
            {8, 1, 77, 1, 1, 1, true});
  }
  AddProcess(mappings);
  CaptureRequest request = AllProcesses();
  request.file_budget_ns = 200'000'000;
  reader().SetOnAccess([](const std::string& path) {
    if (path.ends_with("map_files/11000-12000")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(210));
    }
  });
  CapturedSnapshot file(reader(), request);
  EXPECT_THAT(file.Rows("SELECT COUNT(*), COUNT(size) FROM file"), ElementsAre("5|2"));
  EXPECT_THAT(file.Rows(kProblem),
              ElementsAre("the time for mapped files was used up after 200.0 ms (--budget)"));
}

TEST_F(FileCaptureTest, WhatItTakesIsMeasured) {
  AddProgram();
  EXPECT_THAT(CapturedSnapshot(reader()).Rows(
                  "SELECT call_count > 4, byte_count > 100 FROM cost WHERE source = 'map_files'"),
              ElementsAre("1|1"));
}

}  // namespace
}  // namespace pagesnap
