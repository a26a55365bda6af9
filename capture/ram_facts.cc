#include "capture/ram_facts.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "capture/optional_read.h"
#include "capture/system_capture.h"
#include "lib/base/number.h"
#include "lib/proc/parse_ram.h"
#include "lib/proc/parse_system.h"

namespace pagesnap {
namespace {

constexpr char kHugePageFolder[] = "sys/kernel/mm/hugepages";

std::vector<RamRange> ZoneSpans(ProcReader& reader) {
  std::vector<RamRange> spans;
  const auto zones =
      OptionalRead([&] { return ParseZoneinfo(ReadWholeText(reader, "proc/zoneinfo")); });
  if (!zones) return spans;  // a gap says so already
  for (const MemoryZone& zone : *zones) spans.push_back({zone.start_pfn, zone.spanned_pages});
  return JoinedRanges(std::move(spans));
}

// Returns the number in a file of sysfs, or nothing.
std::optional<uint64_t> ReadNumber(ProcReader& reader, const std::string& path) {
  return ParseUnsigned(OptionalLine(reader, path).value_or(""));
}

// Adds the pools of each size as facts "hugepages.2048_kib.total" and so on, in huge pages.
void CaptureHugePools(CaptureContext& context) {
  const auto sizes = OptionalRead([&] { return context.reader.List(kHugePageFolder); });
  if (!sizes) return;  // a kernel without hugetlb
  for (const DirectoryEntry& size : *sizes) {
    constexpr std::string_view kPrefix = "hugepages-";
    const std::string_view name = size.name;
    if (!name.starts_with(kPrefix) || !name.ends_with("kB")) continue;
    const auto kib = ParseUnsigned(name.substr(kPrefix.size(), name.size() - kPrefix.size() - 2));
    if (!kib) continue;
    for (const auto& [file, fact] :
         {std::pair{"nr_hugepages", "total"}, std::pair{"free_hugepages", "free"},
          std::pair{"resv_hugepages", "reserved"}, std::pair{"surplus_hugepages", "surplus"}}) {
      const auto count =
          ReadNumber(context.reader, fmt::format("{}/{}/{}", kHugePageFolder, name, file));
      if (!count) continue;
      context.writer.AddSystemFact(fmt::format("hugepages.{}_kib.{}", *kib, fact),
                                   std::to_string(*count));
    }
  }
}

}  // namespace

RamRanges FindRam(CaptureContext& context, size_t chunk_limit) {
  std::vector<RamRange> ranges;
  ReadOrGap(context.reader, "proc/iomem", context.gaps, [&](const std::string& text) {
    ranges = ParseIomemRam(text, context.page_size);
    if (!ranges.empty()) return;
    context.gaps.Add({.source = "iomem",
                      .reason = "it does not show addresses here: holes in the zones are taken "
                                "for RAM where kpageflags does not say that they are none"});
  });
  context.writer.AddSystemFact("capture.ram_ranges", ranges.empty() ? "zoneinfo" : "iomem");
  if (ranges.empty()) ranges = ZoneSpans(context.reader);
  RamRanges ram(ranges, chunk_limit);
  if (ram.left_out_count() != 0) {
    context.gaps.Add({.source = "iomem",
                      .reason = fmt::format("{} frames of RAM were left out: {} ranges of {} "
                                            "frames are the limit",
                                            ram.left_out_count(), chunk_limit, kFramesPerChunk)});
  }
  for (const RamRange& range : ram.ranges()) {
    context.writer.AddRamRange(range.first_pfn, range.frame_count);
  }
  return ram;
}

void CaptureFreeMemory(CaptureContext& context) {
  CaptureMeminfo(context.reader, context.writer, context.gaps);
  ReadOrGap(context.reader, "proc/buddyinfo", context.gaps, [&](const std::string& text) {
    for (const FreeArea& area : ParseBuddyinfo(text)) {
      context.writer.AddFreeArea(area.node, area.zone, area.block_order, area.block_count);
    }
  });
  ReadOrGap(context.reader, "proc/zoneinfo", context.gaps, [&](const std::string& text) {
    context.writer.AddSystemFact("zoneinfo.per_cpu_count", std::to_string(ParsePerCpuFrames(text)));
  });
  CaptureHugePools(context);
}

}  // namespace pagesnap
