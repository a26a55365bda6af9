#include "tests/support/machine_tree.h"

#include <fmt/format.h>

#include <algorithm>

namespace pagesnap {
namespace {

constexpr uint64_t kRamEnd = 0x40000;  // 1 GiB of 4 KiB frames

uint64_t PageCount(const TreeMapping& mapping) {
  return mapping.page_count != 0 ? mapping.page_count : mapping.pages.size();
}

std::string MapsLine(const TreeMapping& mapping, uint64_t page_size) {
  std::string line = fmt::format("{:x}-{:x} {} {:08x} {} {} ", mapping.start,
                                 mapping.start + PageCount(mapping) * page_size, mapping.perms,
                                 mapping.offset, mapping.device, mapping.inode);
  if (mapping.path.empty()) return line + "\n";
  return fmt::format("{:<73}{}\n", line, mapping.path);
}

std::string StatText(const TreeProcess& process) {
  return fmt::format("{} ({}) {} {} 1 1 0 -1 {} 0 0 0 0 0 0 0 0 20 0 {} 0 {} 0 0 0 {} {} {}\n",
                     process.pid, process.name, process.state, process.ppid,
                     process.kernel_thread ? 0x208040 : 0x400000, process.thread_count,
                     process.start_time_ticks, 0x401000, 0x402000, process.start_stack);
}

std::string Auxv(uint64_t page_size) {
  const uint64_t words[] = {16, 0x1234, 6 /* AT_PAGESZ */, page_size, 0, 0};
  return {reinterpret_cast<const char*>(words), sizeof(words)};
}

}  // namespace

std::vector<uint64_t> PresentRun(uint64_t first_pfn, uint64_t count, uint64_t bits) {
  std::vector<uint64_t> words(count);
  for (uint64_t i = 0; i < count; ++i) words[i] = Present(first_pfn + i, bits);
  return words;
}

std::string MapsText(const std::vector<TreeMapping>& mappings, uint64_t page_size) {
  std::string text;
  for (const TreeMapping& mapping : mappings) text += MapsLine(mapping, page_size);
  return text;
}

std::string SmapsText(const std::vector<TreeMapping>& mappings, uint64_t page_size) {
  std::string text;
  for (const TreeMapping& mapping : mappings) {
    text += MapsLine(mapping, page_size);
    text += fmt::format("Size: {:>18} kB\n", PageCount(mapping) * page_size / 1024);
    for (const auto& [name, kib] : mapping.figures)
      text += fmt::format("{}: {:>8} kB\n", name, kib);
    text += fmt::format("VmFlags: {} \n", mapping.vm_flags);
  }
  return text;
}

MachineTree::MachineTree() {
  reader_.SetClock({.wall_ns = 1'750'000'000'123'456'789, .boot_ns = 3'600'000'000'000});
  reader_.AddText("proc/sys/kernel/hostname", "testhost\n");
  reader_.AddText("proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC\n");
  reader_.AddText("proc/sys/kernel/arch", "x86_64\n");
  reader_.AddText("proc/sys/kernel/random/boot_id", "00112233-4455-6677-8899-aabbccddeeff\n");
  reader_.AddText("proc/meminfo",
                  "MemTotal:  1048576 kB\nMemAvailable:  524288 kB\nHugePages_Total: 2\n");
  SetRelease("6.18.5");
  SetPageSize(4096);
  SetZones({{.spanned = kRamEnd, .present = kRamEnd - 16, .managed = kRamEnd - 32}});
  SetSwaps({});
  reader_.AddText("sys/fs/cgroup/cgroup.procs", "");
  AddCgroup("", 1);
  for (const char* name : {"kpageflags", "kpagecount", "kpagecgroup"}) {
    reader_.SetWordsEnd(std::string("proc/") + name, kRamEnd);
  }
  reader_.AddText("proc/self/maps", MapsText({{.pages = {1}}}, page_size_));
  reader_.AddWords("proc/self/pagemap", 16, {Present(0x77)});
}

void MachineTree::SetRelease(const std::string& release) {
  reader_.AddText("proc/sys/kernel/osrelease", release + "\n");
  reader_.AddText(
      "boot/config-" + release,
      "CONFIG_MIGRATION=y\n# CONFIG_DEVICE_PRIVATE is not set\nCONFIG_MEMORY_FAILURE=y\n"
      "CONFIG_MEM_SOFT_DIRTY=y\n");
}

void MachineTree::SetPageSize(uint64_t bytes) {
  page_size_ = bytes;
  reader_.AddText("proc/self/auxv", Auxv(bytes));
}

void MachineTree::SetZones(const std::vector<TreeZone>& zones) {
  std::string text;
  for (const TreeZone& zone : zones) {
    text += fmt::format(
        "Node {}, zone {:>8}\n  pages free     1\n        spanned  {}\n        present  {}\n"
        "        managed  {}\n  pagesets\n    cpu: 0\n              count:    {}\n"
        "  start_pfn:           {}\n",
        zone.node, zone.name, zone.spanned, zone.present, zone.managed, zone.per_cpu,
        zone.start_pfn);
  }
  reader_.AddText("proc/zoneinfo", text);
}

void MachineTree::SetSwaps(const std::vector<std::string>& lines) {
  std::string text = "Filename\tType\tSize\tUsed\tPriority\n";
  for (const std::string& line : lines) text += line + "\n";
  reader_.AddText("proc/swaps", text);
}

void MachineTree::AddCgroup(const std::string& path, uint64_t inode) {
  reader_.AddDirectory("sys/fs/cgroup" + path);
  reader_.SetInode("sys/fs/cgroup" + path, inode);
}

void MachineTree::SetStat(const TreeProcess& process) {
  reader_.AddText(fmt::format("proc/{}/stat", process.pid), StatText(process));
}

void MachineTree::AddProcess(const TreeProcess& process) {
  reader_.SetSpace(process.pid, static_cast<uint64_t>(process.pid));
  SetStat(process);
  auto path = [&](const char* name) { return fmt::format("proc/{}/{}", process.pid, name); };
  reader_.AddText(path("status"),
                  fmt::format("Name:\t{}\nUid:\t{}\t7\t8\t9\n", process.name, process.uid));
  reader_.AddText(path("cgroup"), "0::" + process.cgroup + "\n");
  reader_.AddText(path("cmdline"), process.cmdline);
  if (!process.kernel_thread) reader_.AddLink(path("exe"), process.exe);
  reader_.AddText(path("maps"), MapsText(process.mappings, page_size_));
  reader_.AddText(path("smaps"), SmapsText(process.mappings, page_size_));
  reader_.SetWordsEnd(path("pagemap"), FakeReader::kDefaultWordsEnd);
  for (const TreeMapping& mapping : process.mappings) {
    reader_.AddWords(path("pagemap"), mapping.start / page_size_, mapping.pages);
  }
}

void MachineTree::AddFrames(uint64_t first_pfn, uint64_t count, uint64_t flags, uint64_t map_count,
                            uint64_t cgroup) {
  auto repeat = [&](uint64_t value) { return std::vector<uint64_t>(count, value); };
  reader_.AddWords("proc/kpageflags", first_pfn, repeat(flags));
  reader_.AddWords("proc/kpagecount", first_pfn, repeat(map_count));
  reader_.AddWords("proc/kpagecgroup", first_pfn, repeat(cgroup));
}

void MachineTree::HidePfns() { reader_.AddWords("proc/self/pagemap", 16, {PageWord::kPresent}); }

}  // namespace pagesnap
