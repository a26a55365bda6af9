#include "lib/proc/parse_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/proc/text.h"

namespace pagesnap {
namespace {

constexpr uint64_t kExitingFlag = 0x00000004;       // PF_EXITING
constexpr uint64_t kKernelThreadFlag = 0x00200000;  // PF_KTHREAD in include/linux/sched.h

// Fields of stat behind the name, by their number in proc_pid_stat(5).
constexpr int kStateField = 3;
constexpr int kPpidField = 4;
constexpr int kFlagsField = 9;
constexpr int kThreadCountField = 20;
constexpr int kStartTimeField = 22;
constexpr int kStartCodeField = 26;
constexpr int kStartStackField = 28;

[[noreturn]] void FailOnStat(const char* what, std::string_view text) {
  throw Error(fmt::format("the process's stat has no {}: {}", what, Quoted(text)));
}

// Returns the number in `word`, which must not be above `max`.
uint64_t StatNumber(std::string_view word, uint64_t max, const char* what, std::string_view text) {
  const std::optional<uint64_t> number = ParseUnsigned(word);
  if (!number || *number > max) FailOnStat(what, text);
  return *number;
}

// Reads the fields behind the name into `stat`.
void ReadStatFields(std::string_view fields, std::string_view text, ProcessStat* stat) {
  constexpr uint64_t kMaxPid = std::numeric_limits<int32_t>::max();
  constexpr uint64_t kMaxCount = std::numeric_limits<int64_t>::max();
  for (int field = kStateField; field <= kStartTimeField; ++field) {
    const std::string_view word = TakeWord(&fields);
    switch (field) {
      case kStateField:
        if (word.size() != 1) FailOnStat("state", text);
        stat->state = word.front();
        break;
      case kPpidField:
        stat->ppid = static_cast<int32_t>(StatNumber(word, kMaxPid, "parent pid", text));
        break;
      case kFlagsField: {
        const uint64_t flags =
            StatNumber(word, std::numeric_limits<uint64_t>::max(), "flags", text);
        stat->kernel_thread = (flags & kKernelThreadFlag) != 0;
        stat->exiting = (flags & kExitingFlag) != 0;
      } break;
      case kThreadCountField:
        stat->thread_count =
            static_cast<int64_t>(StatNumber(word, kMaxCount, "thread count", text));
        break;
      case kStartTimeField:
        stat->start_time_ticks =
            StatNumber(word, std::numeric_limits<uint64_t>::max(), "start time", text);
        break;
      default:
        break;
    }
  }
  for (int field = kStartTimeField + 1; field <= kStartStackField; ++field) {
    const std::string_view word = TakeWord(&fields);
    if (field < kStartCodeField) continue;
    stat->image[field - kStartCodeField] = ParseUnsigned(word).value_or(0);
  }
}

// Returns whether `name` is in the comma-separated list of v1 controllers.
bool HasController(std::string_view controllers, std::string_view name) {
  while (!controllers.empty()) {
    const size_t end = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, end) == name) return true;
    controllers.remove_prefix(std::min(end + 1, controllers.size()));
  }
  return false;
}

bool IsControl(char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; }

// Calls `take` with id, controllers and path of each line of /proc/PID/cgroup.
template <typename Take>
void ForEachHierarchy(std::string_view text, Take take) {
  while (!text.empty()) {
    // "ID:CONTROLLERS:PATH" (cgroups(7)); a path may hold colons.
    const std::string_view line = TakeLine(&text);
    const size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    take(line.substr(0, first), line.substr(first + 1, second - first - 1),
         line.substr(second + 1));
  }
}

}  // namespace

ProcessStat ParseProcessStat(std::string_view text) {
  // Nothing behind the name holds a parenthesis, the name may: so the last one ends it.
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    FailOnStat("name in parentheses", text);
  }
  ProcessStat stat;
  stat.pid = static_cast<int32_t>(
      StatNumber(Trim(text.substr(0, open)), std::numeric_limits<int32_t>::max(), "pid", text));
  stat.name = text.substr(open + 1, close - open - 1);
  std::string_view behind_name = text.substr(close + 1);
  ReadStatFields(TakeLine(&behind_name), text, &stat);
  return stat;
}

ProcessStat StatOfStatus(std::string_view text) {
  std::map<std::string_view, std::string_view> fields;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    const size_t colon = line.find(':');
    if (colon != line.npos) fields.emplace(line.substr(0, colon), Trim(line.substr(colon + 1)));
  }
  auto number = [&](const char* name) {
    const std::optional<uint64_t> value = ParseUnsigned(fields[name]);
    if (value && *value <= std::numeric_limits<int32_t>::max()) return static_cast<int32_t>(*value);
    throw Error(fmt::format("the process's status has no number of {}", name));
  };
  ProcessStat stat;
  stat.pid = number("Pid");
  stat.ppid = number("PPid");
  stat.thread_count = number("Threads");
  stat.name = fields["Name"];
  if (!fields["State"].empty()) stat.state = fields["State"].front();
  return stat;
}

std::optional<std::string_view> StatusField(std::string_view text, std::string_view name) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    if (!line.starts_with(name) || !line.substr(name.size()).starts_with(':')) continue;
    line.remove_prefix(name.size() + 1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    return line;
  }
  return std::nullopt;
}

ProcessStatus ParseProcessStatus(std::string_view text) {
  ProcessStatus status;
  bool has_uid = false;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    const size_t colon = std::min(line.find(':'), line.size());
    const std::string_view name = line.substr(0, colon);
    std::string_view values = line.substr(std::min(colon + 1, line.size()));
    auto number = [&](uint64_t most) {
      const std::optional<uint64_t> value = ParseUnsigned(TakeWord(&values));
      if (value && *value <= most) return *value;
      throw Error(
          fmt::format("the process's status has a line that cannot be read: {}", Quoted(line)));
    };
    if (name == "Uid") {
      status.uid = static_cast<uint32_t>(number(std::numeric_limits<uint32_t>::max()));
      has_uid = true;
    } else if (name == "VmRSS" || name == "VmSwap") {
      status.held_kib += number(uint64_t{1} << 60);
    } else if (name == "VmPTE") {
      status.page_table_kib = number(uint64_t{1} << 60);
    }
  }
  if (!has_uid) throw Error("the process's status has no line that begins with Uid:");
  return status;
}

std::string ParseCmdline(std::string_view text) {
  // A process that rewrites its title leaves NULs, or blanks, up to where its arguments ended.
  text = text.substr(0, text.find_last_not_of(std::string_view("\0 ", 2)) + 1);
  std::string line(text);
  std::replace_if(line.begin(), line.end(), IsControl, ' ');
  return line;
}

std::string_view CutText(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  constexpr size_t kMaxContinuationBytes = 3;
  size_t end = max_bytes;
  auto is_inside_character = [&] { return (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80; };
  while (end > 0 && max_bytes - end < kMaxContinuationBytes && is_inside_character()) --end;
  return text.substr(0, is_inside_character() ? max_bytes : end);
}

std::string ParseMemoryCgroup(std::string_view text) {
  std::string_view unified;
  std::string_view memory;
  ForEachHierarchy(text,
                   [&](std::string_view id, std::string_view controllers, std::string_view path) {
                     if (HasController(controllers, "memory") && memory.empty()) memory = path;
                     if (id == "0" && controllers.empty()) unified = path;
                   });
  return std::string(memory.empty() ? unified : memory);
}

std::vector<CgroupMembership> ParseCgroups(std::string_view text) {
  std::vector<CgroupMembership> memberships;
  ForEachHierarchy(text,
                   [&](std::string_view, std::string_view controllers, std::string_view path) {
                     memberships.push_back({std::string(controllers), std::string(path)});
                   });
  return memberships;
}

}  // namespace pagesnap
