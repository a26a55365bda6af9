#include "lib/proc/sharer_scan.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/thread.h"

namespace pagesnap {
namespace {

// Each leaves a thread behind, until the process ends or the lock is free.
constexpr int kMaxStuckThreads = 3;

// Where a task belongs among others in the order of their address spaces.
struct Place {
  SpaceOrder order;  // kSame: the one at `index`; kBefore: none, it would be at `index`
  size_t index;
};

// Finds the place of a task in `tasks`, which are in order, and leaves out those that are gone.
Place FindPlace(const SpaceComparer& compare, int32_t task, std::vector<int32_t>* tasks) {
  size_t begin = 0;
  for (size_t end = tasks->size(); begin < end;) {
    const size_t middle = begin + (end - begin) / 2;
    switch (const SpaceOrder order = compare(task, (*tasks)[middle])) {
      case SpaceOrder::kBefore:
        end = middle;
        break;
      case SpaceOrder::kAfter:
        begin = middle + 1;
        break;
      case SpaceOrder::kSame:
        return {order, middle};
      case SpaceOrder::kUnknown:
        return {order, 0};
      case SpaceOrder::kGone:
        if (compare(task, task) == SpaceOrder::kGone) return {order, 0};
        tasks->erase(tasks->begin() + static_cast<std::ptrdiff_t>(middle));
        --end;
        break;
    }
  }
  return {SpaceOrder::kBefore, begin};
}

// Is shared with the threads, also with those that are left alone.
struct Scan {
  Scan(SpaceComparer comparer, std::span<const int32_t> pids)
      : compare(std::move(comparer)), others(pids.begin(), pids.end()) {
    found.pids.reserve(others.size());  // a thread must not throw
  }

  const SpaceComparer compare;
  const std::vector<int32_t> others;
  std::mutex mutex;  // guards what follows
  std::condition_variable finished;
  size_t next = 0;  // the index of the process that is compared
  int turn = 0;     // the number of the thread that compares it
  FoundSharers found;
};

void Work(const std::shared_ptr<Scan>& scan, int turn, std::vector<int32_t> tasks) {
  std::unique_lock lock(scan->mutex);
  while (scan->turn == turn && scan->next < scan->others.size()) {
    const int32_t other = scan->others[scan->next];
    lock.unlock();
    const SpaceOrder order = FindPlace(scan->compare, other, &tasks).order;
    lock.lock();
    if (scan->turn != turn) return;
    if (order == SpaceOrder::kSame) scan->found.pids.push_back(other);
    if (order == SpaceOrder::kUnknown) ++scan->found.unknown_count;
    ++scan->next;
  }
  scan->finished.notify_all();
}

}  // namespace

FoundSharers ScanForSharers(const SpaceComparer& compare, std::span<const int32_t> tasks,
                            std::span<const int32_t> others, std::chrono::milliseconds patience) {
  const FoundSharers unknown = {.pids = {}, .unknown_count = others.size()};
  std::vector<int32_t> ordered;
  for (const int32_t task : tasks) {
    const auto [order, index] = FindPlace(compare, task, &ordered);
    if (order == SpaceOrder::kUnknown) return unknown;
    if (order == SpaceOrder::kBefore) {
      ordered.insert(ordered.begin() + static_cast<std::ptrdiff_t>(index), task);
    }
  }
  if (ordered.empty()) return {};
  const auto scan = std::make_shared<Scan>(compare, others);
  for (int stuck = 0; stuck < kMaxStuckThreads; ++stuck) {
    // The copies are made here: the thread must not throw.
    std::jthread thread = TryStartThread(
        [scan, stuck, tasks = ordered]() mutable { Work(scan, stuck, std::move(tasks)); });
    if (!thread.joinable()) return unknown;
    std::unique_lock lock(scan->mutex);
    auto is_finished = [&scan] { return scan->next >= scan->others.size(); };
    for (size_t seen = scan->others.size(); scan->next != seen && !is_finished();) {
      seen = scan->next;
      scan->finished.wait_for(lock, patience, is_finished);
    }
    if (is_finished()) {
      lock.unlock();
      thread.join();
      return std::move(scan->found);
    }
    thread.detach();
    ++scan->turn;
    ++scan->next;
    ++scan->found.unknown_count;
  }
  const std::lock_guard lock(scan->mutex);
  scan->found.unknown_count += scan->others.size() - scan->next;
  return std::move(scan->found);
}

}  // namespace pagesnap
