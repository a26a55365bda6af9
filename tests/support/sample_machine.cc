#include "tests/support/sample_machine.h"

#include "lib/kernel/frame_flags.h"

namespace pagesnap {
namespace {

constexpr uint64_t kText = 0x86c;   // REFERENCED,UPTODATE,LRU,ACTIVE,MMAP
constexpr uint64_t kAnon = 0x5828;  // UPTODATE,LRU,MMAP,ANON,SWAPBACKED
constexpr uint64_t kOwn = PageWord::kMmapExclusive | PageWord::kSoftDirty;

std::vector<std::pair<std::string, uint64_t>> Figures(uint64_t rss, uint64_t pss, uint64_t uss,
                                                      uint64_t swap = 0, uint64_t hugetlb = 0) {
  return {
      {"Rss", rss},          {"Pss", pss},   {"Private_Clean", 0},        {"Private_Dirty", uss},
      {"Shared_Hugetlb", 0}, {"Swap", swap}, {"Private_Hugetlb", hugetlb}};
}

TreeMapping Text(uint64_t start) {
  return {.start = start,
          .pages = PresentRun(0x100, 3, PageWord::kFile),
          .perms = "r-xp",
          .offset = 0x2000,
          .device = "08:11",
          .inode = 77,
          .path = "/usr/bin/server",
          .vm_flags = "rd ex mr mw me",
          .figures = Figures(12, 6, 0)};
}

TreeMapping Heap() {
  return {.start = 0x500000,
          .pages = {Present(0x200, kOwn), Present(0x201, kOwn), Swapped(0, 0x10), Swapped(0, 0x11),
                    0, kGuardPage, Present(0x202, kOwn)},
          .page_count = 10,
          .path = "[heap]",
          .figures = Figures(12, 12, 12, 8)};
}

TreeProcess Server() {
  TreeMapping huge = {.start = 0x7f0000000000, .pages = PresentRun(0x400, 2)};
  huge.device = "00:0f";
  huge.inode = 5;
  huge.path = "/anon_hugepage (deleted)";
  huge.figures = Figures(0, 0, 0, 0, 8);
  const TreeMapping zero = {
      .start = 0x7f0000100000, .pages = {Present(0x55)}, .figures = Figures(0, 0, 0)};
  const TreeMapping vsyscall = {.start = 0xffffffffff600000,
                                .page_count = 1,
                                .perms = "--xp",
                                .path = "[vsyscall]",
                                .vm_flags = "ex",
                                .figures = Figures(0, 0, 0)};
  TreeProcess process;
  process.cgroup = "/app.slice";
  process.mappings = {Text(0x400000), Heap(), huge, zero, vsyscall};
  return process;
}

TreeProcess Worker() {
  TreeProcess process{.pid = 101, .name = "worker", .ppid = 100, .start_time_ticks = 5001};
  process.thread_count = 4;
  process.cgroup = "/app.slice";
  process.mappings = {Text(0x7f1000000000),
                      {.start = 0x7f2000000000,
                       .pages = PresentRun(0x300, 4, kOwn),
                       .figures = Figures(16, 16, 16)}};
  return process;
}

}  // namespace

void FillSampleMachine(MachineTree& machine) {
  machine.SetZones(
      {{.name = "DMA", .start_pfn = 1, .spanned = 0xfff, .present = 0xf9e, .managed = 0xf00},
       {.node = 1,
        .start_pfn = 0x1000,
        .spanned = 0x3f000,
        .present = 0x3f000,
        .managed = 0x3e000}});
  machine.SetSwaps({"/swap\\040file file 2097152 8 -2"});
  machine.AddCgroup("/app.slice", 4242);
  machine.AddFrames(0x55, 1, kFrameZeroPage, 0, 0);
  machine.AddFrames(0x100, 3, kText, 2, 1);
  machine.AddFrames(0x200, 3, kAnon, 1, 4242);
  machine.AddFrames(0x300, 4, kAnon, 1, 999);  // a cgroup that was removed
  machine.AddFrames(0x400, 2, kFrameHuge, 1, 0);
  machine.AddProcess({.pid = 2,
                      .name = "kthreadd",
                      .ppid = 0,
                      .start_time_ticks = 1,
                      .kernel_thread = true,
                      .uid = 0,
                      .exe = "",
                      .cmdline = ""});
  machine.AddProcess(Server());
  machine.AddProcess(Worker());
  machine.AddProcess({.pid = 300, .name = "gone", .state = 'Z', .cmdline = ""});
}

}  // namespace pagesnap
