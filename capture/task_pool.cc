#include "capture/task_pool.h"

#include <iterator>
#include <thread>
#include <utility>
#include <vector>

namespace pagesnap {

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
  for (int job = 1; job < jobs_; ++job) threads.emplace_back([this, job] { Work(job); });
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
