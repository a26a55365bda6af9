// One thread fills batches, another takes them.
#ifndef LIB_BASE_HANDOVER_H_
#define LIB_BASE_HANDOVER_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "lib/base/thread.h"

namespace pagesnap {

// Passes batches on, in order, to a function on a thread of its own, which starts with the first
// one; where no thread can be started, the caller runs the function. Put() and Finish() are for one
// thread; the function never runs twice at a time, and sees what it did before. `Batch` can be
// moved, and made from nothing.
template <typename Batch>
class Handover {
 public:
  using Taker = std::function<void(const Batch& batch)>;

  explicit Handover(Taker taker) : taker_(std::move(taker)) {}
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;
  // Waits for the thread; what it has not taken is dropped.
  ~Handover() { Close(/*drop=*/true); }

  // Passes the batch on, and leaves another in its place: one that was taken, as it was then, for
  // its memory, or a new one. Waits while many wait. Throws what the function threw, for an
  // earlier batch; after that it is called no more.
  void Put(Batch* batch) {
    if (!HasThread()) return TakeHere(*batch);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.size() < kMaxWaiting || failure_; });
    if (failure_) std::rethrow_exception(failure_);
    waiting_.push_back(std::move(*batch));
    *batch = std::exchange(spare_, {});
    changed_.notify_all();
  }

  // Returns when all is taken. Throws as above. Nothing may be put after it.
  void Finish() {
    Close(/*drop=*/false);
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  static constexpr size_t kMaxWaiting = 4;

  // Starts the thread if there is none. Returns false where there can be none.
  bool HasThread() {
    if (!thread_.joinable() && !without_thread_) {
      thread_ = TryStartThread([this] { Work(); });
      without_thread_ = !thread_.joinable();
    }
    return !without_thread_;
  }

  void TakeHere(const Batch& batch) {
    if (failure_) std::rethrow_exception(failure_);
    try {
      taker_(batch);
    } catch (...) {
      failure_ = std::current_exception();
      throw;
    }
  }

  void Work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return !waiting_.empty() || closed_; });
      if (waiting_.empty()) return;
      Batch batch = std::move(waiting_.front());
      waiting_.pop_front();
      changed_.notify_all();
      lock.unlock();
      std::exception_ptr failure;
      try {
        taker_(batch);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      spare_ = std::move(batch);
      if (!failure) continue;
      failure_ = failure;
      waiting_.clear();
      changed_.notify_all();
      return;
    }
  }

  void Close(bool drop) {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      if (drop) waiting_.clear();
      changed_.notify_all();
    }
    thread_.join();
  }

  Taker taker_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<Batch> waiting_;
  Batch spare_;  // was taken
  bool closed_ = false;
  std::exception_ptr failure_;
  // Of the caller of Put():
  bool without_thread_ = false;
  std::jthread thread_;
};

}  // namespace pagesnap

#endif  // LIB_BASE_HANDOVER_H_
