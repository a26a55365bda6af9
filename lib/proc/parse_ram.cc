#include "lib/proc/parse_ram.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/kernel/page_word.h"
#include "lib/proc/text.h"

namespace pagesnap {
namespace {

[[noreturn]] void FailOnLine(const char* file, std::string_view line) {
  throw Error(fmt::format("{} has a line that cannot be read: {}", file, Quoted(line)));
}

uint64_t NumberOr(const char* file, std::string_view line, std::string_view word, int base = 10) {
  const std::optional<uint64_t> number = ParseUnsigned(word, base);
  if (!number) FailOnLine(file, line);
  return *number;
}

}  // namespace

std::vector<RamRange> JoinedRanges(std::vector<RamRange> ranges) {
  constexpr uint64_t kEnd = PageWord::kFieldMask + 1;
  std::erase_if(ranges, [](const RamRange& range) {
    return range.frame_count == 0 || range.first_pfn >= kEnd;
  });
  std::ranges::sort(ranges, {}, &RamRange::first_pfn);
  std::vector<RamRange> joined;
  for (const RamRange& range : ranges) {
    const uint64_t end = range.first_pfn + std::min(range.frame_count, kEnd - range.first_pfn);
    if (joined.empty() || range.first_pfn > joined.back().first_pfn + joined.back().frame_count) {
      joined.push_back({range.first_pfn, 0});
    }
    RamRange& last = joined.back();
    last.frame_count = std::max(last.frame_count, end - last.first_pfn);
  }
  return joined;
}

std::vector<RamRange> ParseIomemRam(std::string_view text, uint64_t page_size) {
  std::vector<RamRange> ranges;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    const size_t colon = line.find(" : ");
    if (colon == std::string_view::npos) continue;
    // Memory that was plugged in has the name of its driver behind: "System RAM (virtio_mem)".
    if (!line.substr(colon + 3).starts_with("System RAM")) continue;
    const std::string_view range = Trim(line.substr(0, colon));
    const size_t dash = std::min(range.find('-'), range.size() - 1);
    const uint64_t first = NumberOr("iomem", line, range.substr(0, dash), 16);
    const uint64_t last = NumberOr("iomem", line, range.substr(dash + 1), 16);
    if (last <= first) continue;
    // A frame that is RAM in part is none (mm/memblock.c, memblock_region_memory_base_pfn()).
    const uint64_t begin = first / page_size + (first % page_size != 0 ? 1 : 0);
    const uint64_t end = last / page_size + (last % page_size == page_size - 1 ? 1 : 0);
    if (end > begin) ranges.push_back({begin, end - begin});
  }
  return JoinedRanges(std::move(ranges));
}

std::vector<FreeArea> ParseBuddyinfo(std::string_view text) {
  std::vector<FreeArea> areas;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    std::string_view rest = line;
    if (TakeWord(&rest) != "Node") continue;
    std::string_view node = TakeWord(&rest);
    if (!node.ends_with(',') || TakeWord(&rest) != "zone") FailOnLine("buddyinfo", line);
    node.remove_suffix(1);
    FreeArea area;
    area.node = static_cast<int32_t>(NumberOr("buddyinfo", line, node));
    area.zone = TakeWord(&rest);
    // The largest order of any kernel is 18 or less (ARCH_FORCE_MAX_ORDER).
    constexpr int32_t kMaxOrder = 31;
    for (; !Trim(rest).empty(); ++area.block_order) {
      if (area.block_order > kMaxOrder) FailOnLine("buddyinfo", line);
      area.block_count = NumberOr("buddyinfo", line, TakeWord(&rest));
      areas.push_back(area);
    }
  }
  return areas;
}

uint64_t ParsePerCpuFrames(std::string_view text) {
  uint64_t frames = 0;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    std::string_view rest = line;
    if (TakeWord(&rest) == "count:") frames += NumberOr("zoneinfo", line, TakeWord(&rest));
  }
  return frames;
}

}  // namespace pagesnap
