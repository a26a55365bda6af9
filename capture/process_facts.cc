#include "capture/process_facts.h"

#include <fmt/format.h>

#include <string>

#include "capture/optional_read.h"

namespace pagesnap {
namespace {

// Kernels limit arguments to 6 MiB (bprm_stack_limits() in fs/exec.c), but a process can have any
// of its memory shown as its own (PR_SET_MM in prctl(2)): a longer line is unknown.
constexpr size_t kMaxCmdlineBytes = size_t{6} << 20;

}  // namespace

ProcessFacts ReadProcessFacts(ProcReader& reader, const ProcessStat& stat,
                              const std::string& folder, bool answers, size_t cmdline_bytes,
                              uint64_t* held_kib) {
  auto path = [&](const char* name) { return fmt::format("{}/{}", folder, name); };
  ProcessFacts facts;
  facts.pid = stat.pid;
  facts.ppid = stat.ppid;
  facts.start_time_ticks = stat.start_time_ticks;
  facts.name = stat.name;
  facts.state = std::string(1, stat.state);
  facts.thread_count = stat.thread_count;
  facts.kernel_thread = stat.kernel_thread;
  // Kernel threads are counted, not opened.
  if (stat.kernel_thread) return facts;
  if (const auto status =
          OptionalRead([&] { return ParseProcessStatus(ReadWholeText(reader, path("status"))); })) {
    facts.uid = int64_t{status->uid};
    *held_kib = status->held_kib;
    if (status->page_table_kib) {
      facts.page_table_kib = static_cast<int64_t>(*status->page_table_kib);
    }
  }
  facts.cgroup =
      OptionalRead([&] { return ParseMemoryCgroup(ReadWholeText(reader, path("cgroup"))); });
  if (!answers) return facts;
  facts.exe = OptionalRead([&] { return reader.ReadLink(path("exe")); });
  auto line = OptionalRead(
      [&] { return ParseCmdline(ReadWholeText(reader, path("cmdline"), kMaxCmdlineBytes)); });
  if (line) {
    facts.cmdline = CutText(*line, cmdline_bytes);
    facts.cmdline_length = static_cast<int64_t>(line->size());
  }
  return facts;
}

}  // namespace pagesnap
