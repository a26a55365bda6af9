// Work on all cores for items that only one thread can fetch.
#ifndef LIB_BASE_PIPELINE_H_
#define LIB_BASE_PIPELINE_H_

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/thread.h"
#include "lib/base/work_limit.h"

namespace pagesnap {

// Returns how many threads RunPipeline uses unless it is told otherwise.
inline size_t WorkerCount() {
  return std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 32);
}

namespace internal {

// What the threads of one pipeline share.
template <typename Item>
class PipelineQueue {
 public:
  // Takes the item unless the queue is full; the fetching thread then works on it itself.
  bool Offer(Item& item) {
    {
      const std::lock_guard lock(mutex_);
      if (items_.size() >= kLimit) return false;
      items_.push_back(std::move(item));
    }
    ready_.notify_one();
    return true;
  }
  // Waits for an item; false when there will be none.
  bool Take(Item* item) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return closed_ || !items_.empty(); });
    if (error_ || items_.empty()) return false;
    *item = std::move(items_.front());
    items_.pop_front();
    return true;
  }
  void Close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    ready_.notify_all();
  }
  // Keeps the first exception; the others stop.
  void Fail(std::exception_ptr error) {
    {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::move(error);
    }
    Close();
  }
  [[nodiscard]] bool failed() const {
    const std::lock_guard lock(mutex_);
    return error_ != nullptr;
  }
  void Rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  // Enough that no worker waits, few enough to bound the memory of what was fetched.
  static constexpr size_t kLimit = 64;

  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Item> items_;
  bool closed_ = false;
  std::exception_ptr error_;
};

}  // namespace internal

// Calls fetch(Item*) on the calling thread until it returns false, and work(Item&, worker) for each
// item on any of `worker_count` threads, the caller's included, where `worker` is below that and
// never the same in two threads at once. Returns when all is done. Rethrows the first exception of
// either. Throws LimitError when the work of the calling thread is over.
template <typename Item, typename Fetch, typename Work>
void RunPipeline(Fetch fetch, Work work, size_t worker_count = WorkerCount()) {
  internal::PipelineQueue<Item> queue;
  auto drain = [&](size_t worker) {
    try {
      Item item;
      while (queue.Take(&item)) work(item, worker);
    } catch (...) {
      queue.Fail(std::current_exception());
    }
  };
  std::vector<std::jthread> threads;
  try {
    threads.reserve(worker_count);  // so that nothing fails between two threads
    for (size_t i = 1; i < worker_count; ++i) {
      std::jthread thread = TryStartThread([&drain, i] { drain(i); });
      if (!thread.joinable()) break;
      threads.push_back(std::move(thread));
    }
    Item item;
    while (!queue.failed() && fetch(&item)) {
      CheckWork();
      if (!queue.Offer(item)) work(item, 0);
    }
    queue.Close();
  } catch (...) {
    queue.Fail(std::current_exception());
  }
  drain(0);
  threads.clear();  // joins
  queue.Rethrow();
}

}  // namespace pagesnap

#endif  // LIB_BASE_PIPELINE_H_
