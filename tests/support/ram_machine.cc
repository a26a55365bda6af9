#include "tests/support/ram_machine.h"

#include "lib/kernel/frame_flags.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

constexpr uint64_t kCache = kFrameUptodate | kFrameLru;

// Compound pages of `size` frames each; only the first has what kind they are.
void AddCompound(MachineTree& machine, uint64_t first_pfn, uint64_t count, uint64_t size,
                 uint64_t head_flags, uint64_t tail_flags, uint64_t cgroup) {
  machine.AddFrames(first_pfn, count, tail_flags | kFrameCompoundTail, 0, cgroup);
  for (uint64_t pfn = first_pfn; pfn < first_pfn + count; pfn += size) {
    machine.AddFrames(pfn, 1, head_flags | kFrameCompoundHead, 0, cgroup);
  }
}

void AddTexts(FakeReader& reader) {
  reader.AddText("proc/iomem",
                 "00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n"
                 "0009fc00-000fffff : Reserved\n00100000-3fffffff : System RAM\n"
                 "  01000000-01ffffff : Kernel code\n");
  reader.AddText("proc/buddyinfo",
                 "Node 0, zone      DMA      0      0      0      0      0      0      0      0"
                 "      0      1      2 \n"
                 "Node 1, zone   Normal      0      0      0      0      0      0      0      0"
                 "      0      1    241 \n");
  reader.AddText("proc/meminfo",
                 "MemTotal:        1044088 kB\nMemFree:          999424 kB\n"
                 "MemAvailable:     524288 kB\nBuffers:             8 kB\n"
                 "Cached:             6212 kB\nSwapCached:            0 kB\n"
                 "AnonPages:            92 kB\nShmem:                64 kB\n"
                 "Slab:               4096 kB\nKernelStack:          32 kB\n"
                 "PageTables:          256 kB\nSecPageTables:         0 kB\n"
                 "VmallocUsed:         400 kB\nPercpu:               40 kB\n"
                 "HardwareCorrupted:     4 kB\nAnonHugePages:         0 kB\n"
                 "ShmemHugePages:        0 kB\nFileHugePages:      2048 kB\n"
                 "Balloon:              64 kB\nHugePages_Total:       1\n"
                 "Hugetlb:            2048 kB\n");
  for (const auto& [file, text] :
       {std::pair("nr_hugepages", "1\n"), std::pair("free_hugepages", "1\n"),
        std::pair("resv_hugepages", "0\n"), std::pair("surplus_hugepages", "0\n")}) {
    reader.AddText(std::string("sys/kernel/mm/hugepages/hugepages-2048kB/") + file, text);
  }
}

}  // namespace

void FillRamMachine(MachineTree& machine) {
  FillSampleMachine(machine);
  machine.SetZones({{.name = "DMA",
                     .start_pfn = 1,
                     .spanned = 0xfff,
                     .present = 0xf9e,
                     .managed = 0xf9e,
                     .per_cpu = 100},
                    {.node = 1,
                     .start_pfn = 0x1000,
                     .spanned = 0x3f000,
                     .present = 0x3f000,
                     .managed = 0x3ec00,
                     .per_cpu = 1000}});
  AddTexts(machine.reader());
  machine.AddFrames(0x600, 0x1000 - 0x600, kFrameBuddy, 0, 0);
  machine.AddFrames(0x1000, 0x400, kFrameReserved, 0, 0);
  machine.AddFrames(0x1500, 1, kFramePoisoned | kCache, 0, 0);
  machine.AddFrames(0x1600, 16, kFrameOffline, 0, 0);
  machine.AddFrames(0x1800, 0x8000 - 0x1800, kFrameBuddy, 0, 0);
  AddCompound(machine, 0x8000, 0x400, 8, kFrameSlab, 0, 0);
  machine.AddFrames(0x8400, 64, kFramePageTable, 0, 4242);
  machine.AddFrames(0x9000, 0x400, kCache, 0, 4242);
  AddCompound(machine, 0x9400, 0x200, 0x200, kCache | kFrameThp, kCache | kFrameThp, 4242);
  machine.AddFrames(0x9600, 16, kCache | kFrameSwapBacked, 0, 4242);
  machine.AddFrames(0x9700, 16, kCache | kFrameMmap | kFrameAnon | kFrameSwapBacked, 1, 1);
  AddCompound(machine, 0xa000, 0x200, 0x200, kFrameHuge, kFrameHuge, 0);
  machine.AddFrames(0xa200, 0x40000 - 0xa200, kFrameBuddy, 0, 0);
}

CaptureRequest AllFrames() {
  CaptureRequest request = AllProcesses();
  request.all_frames = true;
  return request;
}

}  // namespace pagesnap
