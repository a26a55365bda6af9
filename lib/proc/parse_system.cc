#include "lib/proc/parse_system.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/proc/text.h"

namespace pagesnap {
namespace {

[[noreturn]] void FailOnLine(const char* file, std::string_view line) {
  throw Error(fmt::format("{} has a line that cannot be read: {}", file, Quoted(line)));
}

// Takes the next word of `rest` as a number; `line` is for the message.
uint64_t TakeNumber(std::string_view* rest, const char* file, std::string_view line) {
  const std::optional<uint64_t> number = ParseUnsigned(TakeWord(rest));
  if (!number) FailOnLine(file, line);
  return *number;
}

// Returns the number that `word` is, whole, with or without a minus; or nothing.
template <typename Number>
std::optional<Number> ParseSigned(std::string_view word) {
  Number value = 0;
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// Returns a path as it is: the kernel writes blanks, tabs, line feeds and backslashes as a
// backslash and three octal digits (mm/swapfile.c, swap_show).
std::string Unescaped(std::string_view path) {
  auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  while (!path.empty()) {
    if (path.size() >= 4 && path[0] == '\\' && path[1] >= '0' && path[1] <= '3' &&
        is_octal(path[2]) && is_octal(path[3])) {
      plain += static_cast<char>((path[1] - '0') << 6 | (path[2] - '0') << 3 | (path[3] - '0'));
      path.remove_prefix(4);
    } else {
      plain += path.front();
      path.remove_prefix(1);
    }
  }
  return plain;
}

SwapArea ParseSwapLine(std::string_view line) {
  SwapArea area;
  std::string_view rest = line;
  area.path = Unescaped(TakeWord(&rest));
  area.kind = TakeWord(&rest);
  area.size_kib = TakeNumber(&rest, "swaps", line);
  area.used_kib = TakeNumber(&rest, "swaps", line);
  const std::optional<int32_t> priority = ParseSigned<int32_t>(TakeWord(&rest));
  if (!priority || !Trim(rest).empty()) FailOnLine("swaps", line);
  area.priority = *priority;
  return area;
}

struct ZoneFigures {
  MemoryZone zone;
  bool has_start = false;
};

// Reads "Node 0, zone      DMA".
ZoneFigures ParseZoneHeader(std::string_view line) {
  ZoneFigures figures;
  std::string_view rest = line;
  TakeWord(&rest);
  std::string_view node = TakeWord(&rest);
  if (!node.ends_with(',') || TakeWord(&rest) != "zone") FailOnLine("zoneinfo", line);
  node.remove_suffix(1);
  const std::optional<uint64_t> number = ParseUnsigned(node);
  figures.zone.name = TakeWord(&rest);
  if (!number || *number > std::numeric_limits<int32_t>::max() || figures.zone.name.empty()) {
    FailOnLine("zoneinfo", line);
  }
  figures.zone.node = static_cast<int32_t>(*number);
  return figures;
}

void TakeZoneLine(std::string_view line, ZoneFigures* figures) {
  std::string_view rest = line;
  const std::string_view name = TakeWord(&rest);
  if (name == "spanned") {
    figures->zone.spanned_pages = TakeNumber(&rest, "zoneinfo", line);
  } else if (name == "present") {
    figures->zone.present_pages = TakeNumber(&rest, "zoneinfo", line);
  } else if (name == "managed") {
    figures->zone.managed_pages = TakeNumber(&rest, "zoneinfo", line);
  } else if (name == "start_pfn:") {
    figures->zone.start_pfn = TakeNumber(&rest, "zoneinfo", line);
    figures->has_start = true;
  }
}

void AddZone(ZoneFigures figures, std::vector<MemoryZone>* zones) {
  // The kernel stops before start_pfn for a zone without memory (zoneinfo_show_print() in
  // mm/vmstat.c).
  const MemoryZone& zone = figures.zone;
  if (zone.spanned_pages == 0 || (zone.present_pages == 0 && !figures.has_start)) return;
  if (!figures.has_start) {
    throw Error(fmt::format("zoneinfo does not say where zone {} of node {} begins",
                            Quoted(zone.name), zone.node));
  }
  zones->push_back(std::move(figures.zone));
}

}  // namespace

std::vector<SwapArea> ParseSwaps(std::string_view text) {
  std::vector<SwapArea> areas;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    if (line.starts_with("Filename")) continue;  // the heading; areas begin with a slash
    areas.push_back(ParseSwapLine(line));
  }
  return areas;
}

std::vector<MemoryZone> ParseZoneinfo(std::string_view text) {
  std::vector<MemoryZone> zones;
  std::optional<ZoneFigures> current;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    if (line.starts_with("Node ")) {
      if (current) AddZone(std::move(*current), &zones);
      current = ParseZoneHeader(line);
    } else if (current) {
      TakeZoneLine(line, &*current);
    }
  }
  if (current) AddZone(std::move(*current), &zones);
  return zones;
}

std::vector<std::pair<std::string, std::string>> ParseMeminfo(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> facts;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string name(line.substr(0, colon));
    std::string_view rest = line.substr(colon + 1);
    const std::string_view value = TakeWord(&rest);
    if (value.empty()) continue;
    if (TakeWord(&rest) == "kB") name += "_kib";
    facts.emplace_back(std::move(name), value);
  }
  return facts;
}

std::map<uint32_t, std::string> ParsePasswd(std::string_view text) {
  std::map<uint32_t, std::string> names;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    const size_t password = line.find(':');
    if (password == 0 || password == std::string_view::npos) continue;
    const size_t id_begin = line.find(':', password + 1);
    const size_t id_end = line.find(':', id_begin + 1);
    if (id_begin == std::string_view::npos || id_end == std::string_view::npos) continue;
    const auto id = ParseUnsigned(line.substr(id_begin + 1, id_end - id_begin - 1));
    if (id && *id <= UINT32_MAX) {
      names.try_emplace(static_cast<uint32_t>(*id), line.substr(0, password));
    }
  }
  return names;
}

std::optional<int64_t> ParseCounter(std::string_view text) { return ParseSigned<int64_t>(text); }

std::vector<std::pair<std::string, int64_t>> ParseVmstat(std::string_view text) {
  std::vector<std::pair<std::string, int64_t>> counters;
  while (!text.empty()) {
    std::string_view rest = TakeLine(&text);
    const std::string_view name = TakeWord(&rest);
    const std::optional<int64_t> value = ParseCounter(TakeWord(&rest));
    if (value) counters.emplace_back(name, *value);
  }
  return counters;
}

std::string ChosenOf(std::string_view text) {
  const size_t open = text.find('[');
  const size_t close = text.find(']', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || close == std::string_view::npos) return std::string(text);
  return std::string(text.substr(open + 1, close - open - 1));
}

std::optional<uint64_t> ParseAuxvPageSize(std::string_view bytes) {
  constexpr uint64_t kPageSizeType = 6;  // AT_PAGESZ
  constexpr uint64_t kMinPageSize = 4096;
  constexpr uint64_t kMaxPageSize = uint64_t{1} << 20;
  uint64_t pair[2];
  for (; bytes.size() >= sizeof(pair); bytes.remove_prefix(sizeof(pair))) {
    std::memcpy(pair, bytes.data(), sizeof(pair));
    if (pair[0] != kPageSizeType) continue;
    if (!std::has_single_bit(pair[1]) || pair[1] < kMinPageSize || pair[1] > kMaxPageSize) break;
    return pair[1];
  }
  return std::nullopt;
}

void ReadOptions(std::string_view text, KernelOptions* options) {
  for (auto& [name, is_set] : *options) is_set = false;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    if (!line.ends_with("=y") && !line.ends_with("=m")) continue;
    const auto found = options->find(line.substr(0, line.size() - 2));
    if (found != options->end()) found->second = true;
  }
}

}  // namespace pagesnap
