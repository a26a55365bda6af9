#include "tests/support/changed_machine.h"

namespace pagesnap {
namespace {

constexpr uint64_t kText = 0x868;   // UPTODATE,LRU,ACTIVE,MMAP
constexpr uint64_t kAnon = 0x5828;  // UPTODATE,LRU,MMAP,ANON,SWAPBACKED
constexpr uint64_t kOwn = PageWord::kMmapExclusive | PageWord::kSoftDirty;

TreeMapping File(uint64_t start, std::string path, uint64_t inode, std::vector<uint64_t> pages,
                 std::string perms = "r-xp") {
  return {.start = start,
          .pages = std::move(pages),
          .perms = std::move(perms),
          .device = "08:11",
          .inode = inode,
          .path = std::move(path)};
}

TreeMapping Memory(uint64_t start, std::vector<uint64_t> pages, std::string perms = "rw-p") {
  return {.start = start, .pages = std::move(pages), .perms = std::move(perms)};
}

TreeMapping Heap(std::vector<uint64_t> pages, uint64_t page_count) {
  return {.start = 0x500000, .pages = std::move(pages), .page_count = page_count, .path = "[heap]"};
}

void FillCommon(MachineTree& machine) {
  machine.SetSwaps({"/swap file 2097152 64 -2"});
  machine.AddCgroup("/app.slice", 4242);
  machine.AddFrames(0x100, 3, kText, 2, 1);
  machine.AddFrames(0x200, 0x40, kAnon, 1, 4242);
  machine.AddFrames(0x300, 8, kText, 1, 4242);
  machine.AddProcess({.pid = 2,
                      .name = "kthreadd",
                      .ppid = 0,
                      .start_time_ticks = 1,
                      .kernel_thread = true,
                      .uid = 0,
                      .exe = "",
                      .cmdline = ""});
}

void AddWorker(MachineTree& machine, int32_t pid) {
  TreeProcess worker{.pid = pid, .name = "worker", .ppid = 100};
  worker.start_time_ticks = 5000 + static_cast<uint64_t>(pid);
  worker.mappings = {File(0x400000, "/usr/bin/server", 77, PresentRun(0x100, 3, PageWord::kFile))};
  machine.AddProcess(worker);
}

}  // namespace

void FillMachineBefore(MachineTree& machine) {
  FillCommon(machine);
  machine.reader().AddText("proc/sys/vm/swappiness", "60\n");
  machine.reader().AddText("proc/sys/vm/nr_hugepages", "0\n");
  machine.reader().AddText("proc/sys/vm/laptop_mode", "0\n");
  TreeProcess server;
  server.mappings = {
      File(0x400000, "/usr/bin/server", 77, PresentRun(0x100, 3, PageWord::kFile)),
      Heap({Present(0x200, kOwn), Present(0x201, kOwn), Present(0x202, kOwn), Present(0x203, kOwn),
            Swapped(0, 0x10), Swapped(0, 0x11), Present(0x204, kOwn)},
           8),
      Memory(0x7f0000000000, PresentRun(0x210, 4, kOwn)),
      Memory(0x7f0000100000, PresentRun(0x220, 4, kOwn)),
      File(0x7f0000200000, "/tmp/data", 90, PresentRun(0x300, 2, PageWord::kFile), "r--s"),
      File(0x7f0000300000, "/lib/plugin.so", 70, PresentRun(0x302, 2, PageWord::kFile)),
  };
  machine.AddProcess(server);
  AddWorker(machine, 101);
}

void FillMachineAfter(MachineTree& machine) {
  machine.reader().SetClock({.wall_ns = 1'750'000'010'123'456'789, .boot_ns = 3'610'000'000'000});
  FillCommon(machine);
  machine.reader().AddText("proc/sys/vm/swappiness", "10\n");
  machine.reader().AddText("proc/sys/vm/nr_hugepages", "0\n");
  machine.reader().AddText("proc/sys/vm/defrag_mode", "1\n");
  TreeProcess server;
  server.mappings = {
      File(0x400000, "/usr/bin/server", 77, PresentRun(0x100, 3, PageWord::kFile)),
      // Unchanged, swapped out, dropped, migrated, swapped in, still swapped, unchanged, new ones.
      Heap({Present(0x200, kOwn), Swapped(0, 0x12), 0, Present(0x205, kOwn), Present(0x206, kOwn),
            Swapped(0, 0x11), Present(0x204, kOwn), Present(0x207, kOwn), Present(0x208, kOwn),
            Present(0x209, kOwn), Present(0x20a, kOwn)},
           12),
      Memory(0x7f0000100000, PresentRun(0x220, 2, kOwn)),
      Memory(0x7f0000102000, PresentRun(0x222, 2, kOwn), "r--p"),
      Memory(0x7f0000800000, PresentRun(0x210, 4, kOwn)),
      File(0x7f0000900000, "/lib/plugin.so", 71, PresentRun(0x304, 3, PageWord::kFile)),
      {.start = 0x7f0000a00000,
       .pages = PresentRun(0x230, 4, kOwn),
       .perms = "rw-s",
       .device = "00:01",
       .inode = 5,
       .path = "/memfd:ring (deleted)"},
  };
  machine.AddProcess(server);
  AddWorker(machine, 102);
}

}  // namespace pagesnap
