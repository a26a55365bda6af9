// Finds who can change the memory of processes that are stopped.
#ifndef CAPTURE_SHARER_SEARCH_H_
#define CAPTURE_SHARER_SEARCH_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "capture/inquiry.h"
#include "lib/proc/parse_process.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Looks for processes that share one address space (address_spaces.h). Only clone(2) makes such a
// process, and execve(2) gives it an address space of its own. So most is read before the stop:
// during it the processes that started since, and only when there are any the stopped ones again.
class SharerSearch {
 public:
  // Both are borrowed. Of processes that do not answer it is unknown with whom they share.
  SharerSearch(ProcReader& reader, Inquiry& inquiry) : reader_(reader), inquiry_(inquiry) {}

  // Before the stop: reads stat of all processes. Like Find(), throws ReadError when they cannot be
  // listed.
  void ListBefore();

  // During the stop, once or more: returns the processes, two or more, of each address space that
  // one of those in `stopped` shares with others, be they stopped, too, or not. With `in_time`
  // false those run on already: of processes that started since it is then unknown.
  std::vector<std::vector<int32_t>> Find(const std::set<int32_t>& stopped, bool in_time);

  // After Find(): the processes for which this is unknown.
  [[nodiscard]] size_t unknown_count() const { return unknown_count_; }

 private:
  bool ReadNew(const std::vector<int32_t>& pids, bool in_time);
  void Read(int32_t pid);

  ProcReader& reader_;
  Inquiry& inquiry_;
  std::map<int32_t, ProcessStat> stats_;  // by pid
  std::set<int32_t> unreadable_;  // processes that did not answer, or have no stat that can be read
  size_t unknown_count_ = 0;
};

}  // namespace pagesnap

#endif  // CAPTURE_SHARER_SEARCH_H_
