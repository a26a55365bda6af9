#include "capture/select.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <optional>

#include "lib/base/error.h"
#include "lib/base/number.h"

namespace pagesnap {
namespace {

std::vector<int32_t> ListPids(ProcReader& reader) {
  std::vector<int32_t> pids;
  for (const DirectoryEntry& entry : reader.List("proc")) {
    std::optional<uint64_t> pid = ParseUnsigned(entry.name);
    if (pid && *pid <= INT32_MAX) pids.push_back(static_cast<int32_t>(*pid));
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

bool Matches(const ProcessStat& stat, const std::vector<std::string>& globs) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    return fnmatch(glob.c_str(), stat.name.c_str(), 0) == 0;
  });
}

void AddScanned(const Selection& selection, ProcReader& reader, std::vector<ProcessStat>* found) {
  for (int32_t pid : ListPids(reader)) {
    bool known = std::any_of(found->begin(), found->end(),
                             [&](const ProcessStat& stat) { return stat.pid == pid; });
    if (known) continue;
    try {
      ProcessStat stat = ReadStat(reader, pid);
      if (selection.all || Matches(stat, selection.name_globs)) found->push_back(std::move(stat));
    } catch (const ReadError& error) {
      if (!error.process_gone()) throw;
    }
  }
}

}  // namespace

ProcessStat ReadStat(ProcReader& reader, int32_t pid) {
  return ParseProcessStat(ReadWholeText(reader, fmt::format("proc/{}/stat", pid)));
}

uint64_t ReadResidentPages(ProcReader& reader, int32_t pid) {
  std::string text = ReadWholeText(reader, fmt::format("proc/{}/statm", pid));
  size_t begin = text.find(' ') + 1;
  std::optional<uint64_t> pages =
      ParseUnsigned(std::string_view(text).substr(begin, text.find(' ', begin) - begin));
  if (!pages) throw Error(fmt::format("/proc/{}/statm cannot be understood", pid));
  return *pages;
}

std::vector<ProcessStat> SelectProcesses(const Selection& selection, ProcReader& reader) {
  std::vector<ProcessStat> found;
  std::vector<int32_t> pids = selection.pids;
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  for (int32_t pid : pids) {
    try {
      found.push_back(ReadStat(reader, pid));
    } catch (const ReadError& error) {
      if (!error.process_gone()) throw;
      throw Error(fmt::format("there is no process {}; nothing was captured", pid));
    }
  }
  if (selection.all || !selection.name_globs.empty()) AddScanned(selection, reader, &found);
  if (found.empty()) {
    throw Error(
        fmt::format("no process has a name like '{}'; names have at most 15 bytes, as in "
                    "/proc/PID/comm",
                    fmt::join(selection.name_globs, "', '")));
  }
  std::sort(found.begin(), found.end(),
            [](const ProcessStat& a, const ProcessStat& b) { return a.pid < b.pid; });
  return found;
}

}  // namespace pagesnap
