// smaps of a running process is left out where the kernel would hold its mmap_lock for long.
#include <gmock/gmock.h>

#include "capture/mapping_list.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// Adds to a fake machine a kernel's answer to a scan: all pages are populated, and the first ones
// of each call, as many as told, have an entry of their own.
class ScanningReader final : public ProcReader {
 public:
  ScanningReader(ProcReader& machine, uint64_t mapped_singly)
      : machine_(machine), mapped_singly_(mapped_singly) {}

  void ReadText(const std::string& path, const TextSink& sink) override {
    machine_.ReadText(path, sink);
  }
  std::vector<DirectoryEntry> List(const std::string& path) override { return machine_.List(path); }
  std::string ReadLink(const std::string& path) override { return machine_.ReadLink(path); }
  std::unique_ptr<WordFile> OpenWords(const std::string& path) override {
    return std::make_unique<Words>(machine_.OpenWords(path), mapped_singly_);
  }
  ClockReading Now() override { return machine_.Now(); }
  MachineInfo Machine() override { return machine_.Machine(); }
  ResourceUsage Usage() override { return machine_.Usage(); }

 private:
  class Words final : public WordFile {
   public:
    Words(std::unique_ptr<WordFile> file, uint64_t mapped_singly)
        : file_(std::move(file)), mapped_singly_(mapped_singly) {}
    size_t Read(uint64_t first, std::span<uint64_t> words) override {
      return file_->Read(first, words);
    }
    bool Scan(ScanFor what, uint64_t first, uint64_t end, uint64_t,
              std::vector<PageRange>* ranges) override {
      if (what == ScanFor::kMappedSingly) end = std::min(end, first + mapped_singly_);
      if (end > first) ranges->push_back({first, end});
      return true;
    }

   private:
    std::unique_ptr<WordFile> file_;
    uint64_t mapped_singly_;
  };

  ProcReader& machine_;
  uint64_t mapped_singly_;
};

constexpr uint64_t kLong = kPagesOfALongHold;

// One mapping of three times as many pages as are a long hold.
void AddLarge(MachineTree* machine) {
  machine->AddFrames(0x1000, 3 * kLong, 0x5828, 1, 1);
  machine->AddProcess({.mappings = {{.start = uint64_t{1} << 32,
                                     .pages = PresentRun(0x1000, 3 * kLong),
                                     .figures = {{"Rss", 3 * kLong * 4}}}}});
  machine->reader().AddText("proc/100/status", "Uid:\t1000\nVmRSS:\t786432 kB\n");
}

constexpr char kKernelRss[] = "SELECT rss_kib FROM kernel_usage";
constexpr char kLeftOut[] = "SELECT value FROM system_fact WHERE name = 'capture.smaps_left_out'";

TEST(BoundedSmapsTest, IsLeftOutWhereItHoldsTheLockForLong) {
  MachineTree machine;
  AddLarge(&machine);
  ScanningReader reader(machine.reader(), kLong);
  CapturedSnapshot file(reader);
  EXPECT_EQ(file.exit_code(), kExitOk);  // by design, not a gap
  EXPECT_THAT(file.Rows(kKernelRss), ElementsAre("NULL"));
  EXPECT_THAT(file.Rows(kLeftOut), ElementsAre("100"));
  EXPECT_THAT(file.Rows("SELECT rss_kib FROM mapping_usage"), ElementsAre("786432"));
}

TEST(BoundedSmapsTest, IsReadWhereHugePagesMakeItShort) {
  MachineTree machine;
  AddLarge(&machine);
  ScanningReader reader(machine.reader(), kLong - 1);
  CapturedSnapshot file(reader);
  EXPECT_THAT(file.Rows(kKernelRss), ElementsAre("786432"));
  EXPECT_THAT(file.Rows(kLeftOut), IsEmpty());
}

TEST(BoundedSmapsTest, IsReadWhenAskedFor) {
  MachineTree machine;
  AddLarge(&machine);
  ScanningReader reader(machine.reader(), kLong);
  CaptureRequest request = AllProcesses();
  request.accounting = Accounting::kAlways;
  CapturedSnapshot file(reader, request);
  EXPECT_THAT(file.Rows(kKernelRss), ElementsAre("786432"));
}

TEST(BoundedSmapsTest, WhatCannotBeScannedMayBeLong) {
  MachineTree machine;
  AddLarge(&machine);
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Rows(kLeftOut), ElementsAre("100"));
}

// Whoever stands still does not wait for the lock.
TEST(BoundedSmapsTest, IsReadOfAProcessInAFrozenCgroup) {
  struct Case {
    const char* cgroup;
    const char* path;
    const char* text;
    bool frozen;
  };
  for (const Case& each : {
           Case{"0::/a/b\n", "cgroup.events", "populated 1\nfrozen 1\n", true},
           Case{"0::/a/b\n", "cgroup.events", "populated 1\nfrozen 0\n", false},
           Case{"0::/a/b\n", "unified/a/b/cgroup.events", "populated 1\nfrozen 1\n", true},
           Case{"9:freezer:/a/b\n0::/\n", "freezer/a/b/freezer.state", "FROZEN\n", true},
           Case{"9:freezer:/a/b\n0::/\n", "freezer/a/b/freezer.state", "FREEZING\n", false},
           Case{"9:freezer:/../b\n", "freezer/../b/freezer.state", "FROZEN\n", false},
       }) {
    MachineTree machine;
    AddLarge(&machine);
    machine.reader().AddText("proc/100/cgroup", each.cgroup);
    const std::string path = each.path;
    machine.reader().AddText("sys/fs/cgroup/" + (path == "cgroup.events" ? "a/b/" + path : path),
                             each.text);
    CapturedSnapshot file(machine.reader());
    EXPECT_THAT(file.Rows(kLeftOut), SizeIs(each.frozen ? 0 : 1)) << each.path << each.text;
    EXPECT_THAT(file.Rows(kKernelRss), ElementsAre(each.frozen ? "786432" : "NULL"));
  }
}

TEST(BoundedSmapsTest, IsReadOfAStoppedProcessWithoutItsFirstThread) {
  for (const char state : {'T', 'S'}) {
    MachineTree machine;
    AddLarge(&machine);
    FakeReader& reader = machine.reader();
    machine.SetStat({.pid = 101, .state = state});
    machine.SetStat({.state = 'Z', .thread_count = 2});
    for (const char* name : {"maps", "smaps", "status"}) {
      reader.AddText(fmt::format("proc/100/task/101/{}", name),
                     ReadWholeText(reader, fmt::format("proc/100/{}", name)));
    }
    reader.AddText("proc/100/task/101/stat", ReadWholeText(reader, "proc/101/stat"));
    reader.Remove("proc/101");
    reader.AddWords("proc/100/task/101/pagemap", uint64_t{1} << 20, PresentRun(0x1000, 3 * kLong));
    reader.SetWordsEnd("proc/100/task/101/pagemap", FakeReader::kDefaultWordsEnd);
    CapturedSnapshot file(reader);
    EXPECT_THAT(file.Rows(kKernelRss), ElementsAre(state == 'T' ? "786432" : "NULL"));
  }
}

TEST(BoundedSmapsTest, SwapCountsToo) {
  MachineTree machine;
  AddLarge(&machine);
  machine.reader().AddText("proc/100/status", "Uid:\t1000\nVmRSS:\t4 kB\nVmSwap:\t786432 kB\n");
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Rows(kLeftOut), ElementsAre("100"));
}

TEST(BoundedSmapsTest, ASmallProcessIsReadWhateverItReserves) {
  MachineTree machine;
  AddLarge(&machine);
  machine.reader().AddText("proc/100/status", "Uid:\t1000\nVmRSS:\t262140 kB\n");
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Rows(kLeftOut), IsEmpty());
  EXPECT_THAT(file.Rows(kKernelRss), ElementsAre("786432"));
}

}  // namespace
}  // namespace pagesnap
