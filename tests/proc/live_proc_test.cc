// DirectoryReader and the parsers against the kernel that runs the tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "lib/proc/directory_reader.h"
#include "lib/proc/parse_maps.h"
#include "lib/proc/parse_process.h"
#include "lib/proc/parse_system.h"

namespace pagesnap {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Field;
using ::testing::IsTrue;

constexpr uint64_t kPresent = uint64_t{1} << 63;

// A process that waits until it is killed, so that its memory stands still.
class WaitingProcess {
 public:
  WaitingProcess() : pid_(fork()) {
    if (pid_ == 0) {
      for (;;) pause();
    }
  }
  WaitingProcess(const WaitingProcess&) = delete;
  WaitingProcess& operator=(const WaitingProcess&) = delete;
  ~WaitingProcess() { Kill(); }

  void Kill() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    pid_ = -1;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string Path(const std::string& name) const {
    return "proc/" + std::to_string(pid_) + "/" + name;
  }

 private:
  pid_t pid_;
};

std::vector<MapsEntry> ReadMaps(ProcReader& reader, const std::string& path) {
  std::vector<MapsEntry> entries;
  MapsParser parser([&](const MapsEntry& entry) {
    entries.push_back(entry);
    entries.back().fields.clear();  // they point into the parser
  });
  reader.ReadText(path, [&](std::string_view block) { parser.Feed(block); });
  parser.Finish();
  return entries;
}

TEST(LiveProc, MapsAndSmapsHaveTheSameMappings) {
  DirectoryReader reader("/");
  WaitingProcess process;
  ASSERT_GT(process.pid(), 0);
  const std::vector<MapsEntry> maps = ReadMaps(reader, process.Path("maps"));
  const std::vector<MapsEntry> smaps = ReadMaps(reader, process.Path("smaps"));
  ASSERT_GT(maps.size(), 10u);
  ASSERT_EQ(maps.size(), smaps.size());
  for (size_t i = 0; i < maps.size(); ++i) {
    EXPECT_EQ(maps[i].start, smaps[i].start);
    EXPECT_EQ(maps[i].end, smaps[i].end);
    EXPECT_EQ(maps[i].perms, smaps[i].perms);
    EXPECT_EQ(maps[i].offset, smaps[i].offset);
    EXPECT_EQ(maps[i].device_major, smaps[i].device_major);
    EXPECT_EQ(maps[i].device_minor, smaps[i].device_minor);
    EXPECT_EQ(maps[i].inode, smaps[i].inode);
    EXPECT_EQ(maps[i].path, smaps[i].path);
    EXPECT_FALSE(maps[i].has_accounting);
    EXPECT_TRUE(smaps[i].has_accounting);
  }
}

TEST(LiveProc, PagemapShowsTouchedPages) {
  const auto page_size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  void* const memory =
      mmap(nullptr, 4 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  madvise(memory, 4 * page_size, MADV_NOHUGEPAGE);
  static_cast<volatile char*>(memory)[0] = 1;
  static_cast<volatile char*>(memory)[2 * page_size] = 1;
  DirectoryReader reader("/");
  const auto pagemap = reader.OpenWords("proc/self/pagemap");
  std::vector<uint64_t> words(4);
  EXPECT_EQ(pagemap->Read(reinterpret_cast<uintptr_t>(memory) / page_size, words), 4u);
  EXPECT_NE(words[0] & kPresent, 0u);
  EXPECT_EQ(words[1] & kPresent, 0u);
  EXPECT_NE(words[2] & kPresent, 0u);
  EXPECT_EQ(words[3] & kPresent, 0u);
  munmap(memory, 4 * page_size);
}

TEST(LiveProc, PagemapEndsBeforeTheKernel) {
  DirectoryReader reader("/");
  const auto pagemap = reader.OpenWords("proc/self/pagemap");
  std::vector<uint64_t> words(2);
  EXPECT_EQ(pagemap->Read(0xffffffffff600000 / 4096, words), 0u);
}

TEST(LiveProc, ListsThisProcess) {
  DirectoryReader reader("/");
  const std::vector<DirectoryEntry> entries = reader.List("proc");
  EXPECT_THAT(entries, Contains(AllOf(Field(&DirectoryEntry::name, std::to_string(getpid())),
                                      Field(&DirectoryEntry::is_directory, IsTrue()))));
  EXPECT_THAT(entries, Contains(Field(&DirectoryEntry::name, ".")));
  EXPECT_EQ(reader.ReadLink("proc/self"), std::to_string(getpid()));
}

TEST(LiveProc, ReadsThisProcess) {
  DirectoryReader reader("/");
  const ProcessStat stat = ParseProcessStat(ReadWholeText(reader, "proc/self/stat"));
  EXPECT_EQ(stat.pid, getpid());
  EXPECT_EQ(stat.ppid, getppid());
  EXPECT_EQ(stat.name, "proc_test");
  EXPECT_FALSE(stat.kernel_thread);
  EXPECT_GE(stat.thread_count, 1);
  EXPECT_GT(stat.start_time_ticks, 0u);
  EXPECT_EQ(ParseProcessStatus(ReadWholeText(reader, "proc/self/status")).uid, getuid());
  EXPECT_THAT(ParseCmdline(ReadWholeText(reader, "proc/self/cmdline")),
              ::testing::HasSubstr("proc_test"));
  EXPECT_EQ(ParseAuxvPageSize(ReadWholeText(reader, "proc/self/auxv")),
            static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
}

TEST(LiveProc, ReadsTheMachine) {
  DirectoryReader reader("/");
  const std::vector<MemoryZone> zones = ParseZoneinfo(ReadWholeText(reader, "proc/zoneinfo"));
  ASSERT_FALSE(zones.empty());
  EXPECT_THAT(zones, Each(Field(&MemoryZone::spanned_pages, ::testing::Gt(0u))));
  EXPECT_THAT(ParseMeminfo(ReadWholeText(reader, "proc/meminfo")),
              Contains(::testing::Key("MemTotal_kib")));
  EXPECT_NO_THROW(ParseSwaps(ReadWholeText(reader, "proc/swaps")));
}

TEST(LiveProc, SaysThatAProcessIsGone) {
  DirectoryReader reader("/");
  WaitingProcess process;
  ASSERT_GT(process.pid(), 0);
  const std::string maps = process.Path("maps");
  const std::string pagemap_path = process.Path("pagemap");
  const std::vector<MapsEntry> entries = ReadMaps(reader, maps);
  const auto pagemap = reader.OpenWords(pagemap_path);
  std::vector<uint64_t> words(1);
  ASSERT_EQ(pagemap->Read(entries.front().start / 4096, words), 1u);
  process.Kill();
  EXPECT_EQ(pagemap->Read(entries.front().start / 4096, words), 0u);
  try {
    reader.OpenWords(pagemap_path);
    ADD_FAILURE() << "the pagemap of a dead process could be opened";
  } catch (const ReadError& error) {
    EXPECT_TRUE(error.process_gone());
    EXPECT_EQ(error.what(), "/" + pagemap_path + ": " + ErrnoText(error.error_number()));
  }
}

}  // namespace
}  // namespace pagesnap
