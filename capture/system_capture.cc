#include "capture/system_capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "capture/kernel_options.h"
#include "capture/machine_settings.h"
#include "capture/optional_read.h"
#include "lib/kernel/map_count.h"
#include "lib/kernel/page_word.h"
#include "lib/kernel/release.h"
#include "lib/proc/parse_maps.h"
#include "lib/proc/parse_system.h"

namespace pagesnap {
namespace {

std::string ReadLine(ProcReader& reader, const std::string& path) {
  return OptionalLine(reader, path).value_or("");
}

std::string ReadMachine(ProcReader& reader) {
  // Since 6.1; the fallback is right unless another machine's tree is read.
  std::string machine = ReadLine(reader, "proc/sys/kernel/arch");
  return machine.empty() ? reader.Machine().architecture : machine;
}

MapCountKind MapCountsOf(const std::optional<KernelOptions>& options, const std::string& release) {
  const MapCountKind kind = FindMapCountKind(std::nullopt, ParseKernelRelease(release));
  if (kind != MapCountKind::kUnknown || !options) return kind;
  return options->at("CONFIG_NO_PAGE_MAPCOUNT") ? MapCountKind::kAverage : MapCountKind::kPage;
}

// Returns whether the first present page of a process shows its PFN; nothing without such a page.
std::optional<bool> SeesPfn(ProcReader& reader, const std::string& process, uint64_t page_size) {
  try {
    std::unique_ptr<WordFile> pagemap = reader.OpenWords("proc/" + process + "/pagemap");
    std::vector<std::pair<uint64_t, uint64_t>> ranges;
    MapsParser parser([&](const MapsEntry& entry) {
      ranges.emplace_back(entry.start / page_size, (entry.end - entry.start) / page_size);
    });
    std::string maps = ReadWholeText(reader, "proc/" + process + "/maps");
    parser.Feed(maps);
    parser.Finish();
    std::vector<uint64_t> words(512);
    for (auto [first, count] : ranges) {
      auto part = std::span(words).first(std::min<uint64_t>(count, words.size()));
      part = part.first(pagemap->Read(first, part));
      auto present = std::find_if(part.begin(), part.end(),
                                  [](uint64_t raw) { return PageWord(raw).present(); });
      if (present != part.end()) return PageWord(*present).pfn() != 0;
    }
  } catch (const Error&) {
    // Nothing can be said.
  }
  return std::nullopt;
}

// PFNs are visible to an opener with CAP_SYS_ADMIN in the initial user namespace; capabilities in
// /proc/self/status are relative to our own, so only a page word tells (fs/proc/task_mmu.c,
// pagemap_read).
bool ArePfnsVisible(ProcReader& reader, std::span<const ProcessStat> processes,
                    const std::set<int32_t>& silent, uint64_t page_size) {
  if (auto visible = SeesPfn(reader, "self", page_size)) return *visible;
  for (const ProcessStat& process : processes) {
    if (process.kernel_thread || silent.contains(process.pid)) continue;  // shows no pages
    if (auto visible = SeesPfn(reader, std::to_string(process.pid), page_size)) return *visible;
  }
  return true;
}

}  // namespace

SnapshotFacts ReadSnapshotFacts(ProcReader& reader, std::span<const ProcessStat> processes,
                                const std::set<int32_t>& silent) {
  SnapshotFacts facts;
  ClockReading now = reader.Now();
  facts.wall_time_ns = now.wall_ns;
  facts.boot_time_ns = now.boot_ns;
  facts.host = ReadLine(reader, "proc/sys/kernel/hostname");
  facts.kernel_release = ReadLine(reader, "proc/sys/kernel/osrelease");
  facts.kernel_version = ReadLine(reader, "proc/sys/kernel/version");
  facts.machine = ReadMachine(reader);
  facts.boot_id = ReadLine(reader, "proc/sys/kernel/random/boot_id");
  std::optional<uint64_t> page_size;
  if (auto auxv = OptionalRead([&] { return ReadWholeText(reader, "proc/self/auxv"); })) {
    page_size = ParseAuxvPageSize(*auxv);
  }
  facts.page_size = page_size.value_or(reader.Machine().page_size);
  std::optional<KernelOptions> options = ReadKernelOptions(reader, facts.kernel_release);
  if (options) {
    facts.swap_types = TakeSwapTypes(&*options);
    facts.kernel_options.insert(options->begin(), options->end());
  }
  facts.map_counts = MapCountsOf(options, facts.kernel_release);
  facts.pfn_visible = ArePfnsVisible(reader, processes, silent, facts.page_size);
  return facts;
}

uint64_t CaptureSystem(ProcReader& reader, const SnapshotFacts& facts, SnapshotWriter& writer,
                       GapRecorder& gaps) {
  if (facts.kernel_release.empty()) {
    gaps.Add({.source = "osrelease",
              .reason = "the kernel's release is unknown: bits of page words and frame flags that "
                        "old kernels did not have may be misread"});
  }
  ReadOrGap(reader, "proc/swaps", gaps, [&](const std::string& text) {
    int64_t position = 0;
    for (const SwapArea& area : ParseSwaps(text)) {
      writer.AddSwapDevice(position++, area.path, area.kind, area.size_kib, area.used_kib,
                           area.priority);
    }
  });
  uint64_t ram_end = 0;
  ReadOrGap(reader, "proc/zoneinfo", gaps, [&](const std::string& text) {
    for (const MemoryZone& zone : ParseZoneinfo(text)) {
      writer.AddMemoryZone(zone.node, zone.name, zone.start_pfn, zone.spanned_pages,
                           zone.present_pages, zone.managed_pages);
      ram_end = std::max(ram_end, zone.start_pfn + zone.spanned_pages);
    }
  });
  CaptureMeminfo(reader, writer, gaps);
  return ram_end;
}

void CaptureMeminfo(ProcReader& reader, SnapshotWriter& writer, GapRecorder& gaps) {
  ReadOrGap(reader, "proc/meminfo", gaps, [&](const std::string& text) {
    for (const auto& [name, value] : ParseMeminfo(text)) {
      writer.AddSystemFact("meminfo." + name, value);
    }
  });
}

void CaptureSettings(ProcReader& reader, SnapshotWriter& writer) {
  MachineSettings machine = ReadMachineSettings(reader);
  for (const auto& [name, value] : machine.settings) {
    writer.AddSystemFact("setting." + name, value);
  }
  if (!machine.counters.names.empty()) writer.AddCounters(std::move(machine.counters));
}

void CaptureUserNames(ProcReader& reader, SnapshotWriter& writer) {
  constexpr size_t kMaxBytes = size_t{1} << 20;
  constexpr size_t kMaxNameBytes = 256;  // LOGIN_NAME_MAX
  const auto text = OptionalRead([&] { return ReadWholeText(reader, "etc/passwd", kMaxBytes); });
  if (!text) return;
  const std::map<uint32_t, std::string> names = ParsePasswd(*text);
  for (const int64_t id : writer.user_ids()) {
    const auto name = names.find(static_cast<uint32_t>(id));
    if (name == names.end()) continue;
    writer.AddSystemFact(fmt::format("user.{}", id), CutText(name->second, kMaxNameBytes));
  }
}

}  // namespace pagesnap
