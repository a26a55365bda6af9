// Runs the pieces of a capture on several threads.
#ifndef CAPTURE_TASK_POOL_H_
#define CAPTURE_TASK_POOL_H_

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

namespace pagesnap {

// A queue of tasks that may add tasks. With one job everything runs on the caller's thread, in the
// order in which it was added.
class TaskPool {
 public:
  // Called with the number of the job that runs it, from 0.
  using Task = std::function<void(int job)>;

  // `jobs` is at least 1.
  explicit TaskPool(int jobs) : jobs_(jobs) {}

  [[nodiscard]] int jobs() const { return jobs_; }

  // Adds a task at the end of the queue. May be called by tasks.
  void Add(Task task);
  // Adds tasks, in this order, before all that wait. May be called by tasks.
  void AddNext(std::vector<Task> tasks);

  // Runs until the queue is empty and no task runs. When a task throws, no further one is started,
  // and the first exception is thrown from here.
  void Run();

 private:
  void Work(int job);

  int jobs_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  int running_ = 0;
  std::exception_ptr failure_;
};

}  // namespace pagesnap

#endif  // CAPTURE_TASK_POOL_H_
