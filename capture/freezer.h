// Stops processes while they are captured: what the engine sees of it.
#ifndef CAPTURE_FREEZER_H_
#define CAPTURE_FREEZER_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace pagesnap {

// How long a process was stopped. Times are CLOCK_MONOTONIC, in nanoseconds. What was read of the
// process between stopped_ns and released_ns was read while all of it stood still.
struct Stop {
  int64_t first_stop_ns = 0;  // when the first of its threads was told to stop; 0: none was
  int64_t stopped_ns = 0;     // when all of its threads were seen stopped; 0: not all of them were
  int64_t released_ns = 0;    // when it was let go, or seen to have ended; 0: it is still stopped
  std::string problem = {};   // why it was not stopped; "" when it was, and when it is exempt
  bool exempt = false;        // capture itself or one of its ancestors: left running, not a gap
  bool ended = false;         // it ended before it was released, as when it was killed
};

// One snapshot at a time: Freeze() once or more, then Thaw(). A process is stopped as a whole or
// not at all: when one of its threads cannot be stopped, the others are let go at once.
class Freezer {
 public:
  virtual ~Freezer() = default;

  // Stops all threads of these processes, all at once, and returns when each process has stopped
  // or cannot be. May be called again with the pids of processes that started meanwhile. Returns
  // what became of each of `pids`: one that has ended already has stopped_ns and `ended` set.
  // Kernel threads and zombies are the caller's to leave out. Never throws because of a process.
  virtual std::map<int32_t, Stop> Freeze(std::span<const int32_t> pids) = 0;

  // Lets all processes run on and returns the record of each one that Freeze() was given since the
  // last Thaw(). A released_ns long before this call says that the limit passed.
  virtual std::map<int32_t, Stop> Thaw() = 0;
};

}  // namespace pagesnap

#endif  // CAPTURE_FREEZER_H_
