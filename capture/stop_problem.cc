#include "capture/stop_problem.h"

#include <fmt/format.h>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

double Seconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

std::string NameOf(int32_t pid, ProcReader& reader) {
  try {
    std::string name = ReadWholeText(reader, fmt::format("proc/{}/comm", pid));
    while (name.ends_with('\n')) name.pop_back();
    if (!name.empty()) return name;
  } catch (const Error&) {
    // It has ended.
  }
  return "unknown";
}

std::string WhyNotPermitted(int32_t tracer, ProcReader& reader) {
  if (tracer == 0) {
    return "not permitted: it takes root or CAP_SYS_PTRACE, or to be its owner where "
           "/proc/sys/kernel/yama/ptrace_scope is 0; nobody may where that is 3";
  }
  return fmt::format("process {} ({}) traces it; try again when that has ended", tracer,
                     NameOf(tracer, reader));
}

// The tracer gives each part of its work half of MaxFreezeNs().
std::string WhyTooLate(const StopRecord& record, int64_t limit_ns) {
  const bool told = record.problem == StopProblem::kDidNotStop;
  if (limit_ns >= kMaxFreezeNs) {
    return fmt::format("it did not stop within {:g} s: {}", Seconds(kMaxFreezeNs / 2),
                       told ? "its threads got no processor, or new ones appeared"
                            : "there was no time left to tell it to");
  }
  return fmt::format(
      "the limit of {:g} s was too short for {} to stop; raise --freeze-limit", Seconds(limit_ns),
      told && record.thread_count > 1 ? fmt::format("all {} threads", record.thread_count) : "it");
}

}  // namespace

std::string ProblemText(const StopRecord& record, int64_t limit_ns, ProcReader& reader) {
  const std::string who =
      record.thread_count > 1 ? fmt::format("thread {}", record.thread) : std::string("it");
  switch (record.problem) {
    case StopProblem::kNone:
      return "";
    case StopProblem::kNotPermitted:
      return WhyNotPermitted(record.tracer, reader);
    case StopProblem::kSystemError:
      return ErrnoText(record.error);
    case StopProblem::kExec:
      return "it did not stop: it was starting a program (execve)";
    case StopProblem::kUninterruptible:
      return who + " did not stop: uninterruptible sleep";
    case StopProblem::kInKernel:
      return who + " did not stop: it runs inside the kernel";
    case StopProblem::kDidNotStop:
    case StopProblem::kLimit:
      return WhyTooLate(record, limit_ns);
  }
  return "it did not stop";
}

}  // namespace pagesnap
