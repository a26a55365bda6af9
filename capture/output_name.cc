#include "capture/output_name.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cctype>
#include <ctime>

#include "capture/optional_read.h"
#include "capture/select.h"

namespace pagesnap {
namespace {

std::string What(const Selection& selection, ProcReader& reader) {
  const auto& pids = selection.pids.empty() ? selection.tree_roots : selection.pids;
  if (!pids.empty()) {
    // That there is none of this pid is said when it is captured.
    const auto stat = OptionalRead([&] { return ReadStat(reader, pids.front()); });
    return fmt::format("{}-{}", stat ? stat->name : "process", pids.front());
  }
  if (!selection.name_globs.empty()) return selection.name_globs.front();
  if (!selection.cgroups.empty()) {
    std::string path = selection.cgroups.front();
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path.substr(path.rfind('/') + 1);
  }
  return selection.all ? "all" : "ram";
}

}  // namespace

std::string OutputName(const Selection& selection, ProcReader& reader, int64_t wall_time_ns) {
  constexpr size_t kMaxBytes = 100;  // of a name, with which file systems allow 255
  std::string what = What(selection, reader).substr(0, kMaxBytes);
  for (char& c : what) {
    if (isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-') c = '_';
  }
  constexpr int64_t kSecond = 1'000'000'000;
  const std::tm time = fmt::gmtime(static_cast<std::time_t>(wall_time_ns / kSecond));
  return fmt::format("capture-{}-{:%Y%m%dT%H%M%SZ}.pagesnap", what.empty() ? "root" : what, time);
}

}  // namespace pagesnap
