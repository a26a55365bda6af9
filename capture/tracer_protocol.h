// What capture and its tracer process say to each other. Both are the same program (one forks the
// other), so structures go over the socket as they are in memory.
#ifndef CAPTURE_TRACER_PROTOCOL_H_
#define CAPTURE_TRACER_PROTOCOL_H_

#include <cstdint>
#include <type_traits>

namespace pagesnap {

// PID_MAX_LIMIT in include/linux/threads.h: no machine has more processes.
inline constexpr uint32_t kMaxTracedProcesses = uint32_t{1} << 22;

// Returns how long the tracer takes for kFreeze at most, in nanoseconds: half of it to seize all
// threads, half to stop them. On a busy machine each has to be given a processor once. A limit
// above kMaxFreezeNs gives it no more time.
inline constexpr int64_t kMaxFreezeNs = 10'000'000'000;
inline constexpr int64_t MaxFreezeNs(int64_t limit_ns) {
  return limit_ns < kMaxFreezeNs ? limit_ns : kMaxFreezeNs;
}

// How the tracer ends by itself, beside 0.
enum TracerExit : int {
  kTracerFailed = 1,    // no memory, or nonsense on the socket
  kTracerNoThread = 3,  // pthread_create(3) failed
  kTracerOverdue = 4,   // it hung for longer than the limit
  kTracerHung = 5       // see TracerReply::hung_pid
};

enum class TracerCommand : uint32_t {
  kFreeze = 1,  // `count` pids (int32_t) follow; the answer has a record for each, in this order
  kThaw = 2     // `count` is 0; the answer has a record for each process of this snapshot
};

struct TracerRequest {
  TracerCommand command;
  uint32_t count;
};

struct TracerReply {
  uint32_t count;  // StopRecords that follow
  // Instead of an answer: to seize this process hangs, and the tracer ends by itself, which
  // releases all others. 0: none.
  int32_t hung_pid;
};

enum class StopProblem : uint32_t {
  kNone,
  kNotPermitted,     // PTRACE_SEIZE failed with EPERM; see `tracer`
  kSystemError,      // a system call failed with `error`
  kExec,             // PTRACE_SEIZE waited for an execve(2) of the process that did not end
  kUninterruptible,  // `thread` is in an uninterruptible sleep
  kInKernel,         // `thread` runs inside the kernel for long
  kDidNotStop,       // in its part of the limit; a thread had no processor, or new ones appeared
  kLimit             // its part of the limit had passed before it was told to stop
};

// What became of one process; see Stop in freezer.h.
struct StopRecord {
  int32_t pid = 0;
  int32_t thread = 0;  // the one that did not stop; 0: none
  StopProblem problem = StopProblem::kNone;
  int32_t error = 0;          // errno
  int32_t tracer = 0;         // the process that traces `thread`; 0: none, or unknown
  uint32_t thread_count = 0;  // threads that were seized when the problem was seen
  int64_t first_stop_ns = 0;
  int64_t stopped_ns = 0;
  int64_t released_ns = 0;
  uint64_t ended = 0;  // 0 or 1
};
static_assert(std::is_trivially_copyable_v<StopRecord> && sizeof(StopRecord) == 56);

}  // namespace pagesnap

#endif  // CAPTURE_TRACER_PROTOCOL_H_
