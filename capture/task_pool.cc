#include "capture/task_pool.h"

#include <iterator>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/thread.h"

namespace pagesnap {
namespace {

// glibc gives a new thread an arena of its own and grows it by 4 KiB, with a system call each time
// (sysmalloc() and grow_heap() of malloc). What is given back at once stays with the arena, see
// main.cc, and takes no memory before it is used.
void WidenArena() {
  constexpr size_t kBytes = size_t{8} << 20;
  // Called by its name: the compiler may leave out a new and a delete that belong together.
  ::operator delete(::operator new(kBytes, std::nothrow));
}

}  // namespace

void TaskPool::Add(Task task) {
  std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  changed_.notify_one();
}

void TaskPool::AddNext(std::vector<Task> tasks) {
  std::lock_guard lock(mutex_);
  tasks_.insert(tasks_.begin(), std::make_move_iterator(tasks.begin()),
                std::make_move_iterator(tasks.end()));
  changed_.notify_all();
}

void TaskPool::Run() {
  std::vector<std::jthread> threads;
  threads.reserve(static_cast<size_t>(jobs_));  // so that nothing fails between two threads
  for (int job = 1; job < jobs_; ++job) {
    std::jthread thread = TryStartThread([this, job] {
      WidenArena();
      Work(job);
    });
    if (!thread.joinable()) break;  // fewer do it too
    threads.push_back(std::move(thread));
  }
  Work(0);
  threads.clear();  // joins
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void TaskPool::Work(int job) {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return !tasks_.empty() || running_ == 0; });
    if (tasks_.empty()) break;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    ++running_;
    lock.unlock();
    std::exception_ptr failure;
    try {
      task(job);
    } catch (...) {
      failure = std::current_exception();
    }
    task = nullptr;  // what it holds is released before others may take it for done
    lock.lock();
    --running_;
    if (failure) {
      if (!failure_) failure_ = failure;
      tasks_.clear();
    }
    if (running_ == 0 && tasks_.empty()) changed_.notify_all();
  }
}

}  // namespace pagesnap
