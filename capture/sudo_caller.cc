#include "capture/sudo_caller.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/number.h"

namespace pagesnap {
namespace {

constexpr int kMaxAncestors = 64;

// -1 is no id: chown(2) takes it for "leave it as it is".
uint32_t IdFrom(const char* variable, const char* text) {
  const std::optional<uint64_t> id = ParseUnsigned(text);
  if (!id || *id >= UINT32_MAX) {
    throw Error(
        fmt::format("{}={} is no user or group id (0 to {}); unset it, or call capture "
                    "through sudo",
                    variable, text, UINT32_MAX - 1));
  }
  return static_cast<uint32_t>(*id);
}

// Returns the numbers behind "NAME:" in /proc/PID/status.
std::vector<uint64_t> NumbersOf(std::string_view status, std::string_view name) {
  std::vector<uint64_t> numbers;
  const std::string start = fmt::format("\n{}:", name);
  size_t at = status.find(start);
  if (at == std::string_view::npos) return numbers;
  at += start.size();
  const std::string_view line = status.substr(at, status.find('\n', at) - at);
  for (size_t i = 0; (i = line.find_first_not_of(" \t", i)) != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(" \t", i), line.size());
    if (const auto number = ParseUnsigned(line.substr(i, end - i))) numbers.push_back(*number);
    i = end;
  }
  return numbers;
}

std::vector<gid_t> GroupsOfAncestor(ProcReader& reader, uid_t uid) {
  uint64_t pid = static_cast<uint64_t>(getppid());
  for (int i = 0; i < kMaxAncestors && pid > 0; ++i) {
    std::string status;
    try {
      status = ReadWholeText(reader, fmt::format("proc/{}/status", pid));
    } catch (const ReadError&) {
      return {};  // it ended, or /proc is not mounted or hides it
    }
    const std::vector<uint64_t> uids = NumbersOf(status, "Uid");
    if (!uids.empty() && uids.front() == uid) {
      const std::vector<uint64_t> groups = NumbersOf(status, "Groups");
      return {groups.begin(), groups.end()};
    }
    const std::vector<uint64_t> parents = NumbersOf(status, "PPid");
    pid = parents.empty() ? 0 : parents.front();
  }
  return {};
}

}  // namespace

std::optional<FileOwner> SudoCaller(ProcReader& reader) {
  const char* uid = getenv("SUDO_UID");
  const char* gid = getenv("SUDO_GID");
  if (geteuid() != 0 || uid == nullptr || gid == nullptr) return std::nullopt;
  FileOwner caller = {.uid = IdFrom("SUDO_UID", uid), .gid = IdFrom("SUDO_GID", gid), .groups = {}};
  if (caller.uid == 0) return std::nullopt;
  caller.groups = GroupsOfAncestor(reader, caller.uid);
  return caller;
}

}  // namespace pagesnap
