// The priority of capture on the CPU and at disks (--nice).
#ifndef CAPTURE_PRIORITY_H_
#define CAPTURE_PRIORITY_H_

namespace pagesnap {

// Lowers and raises the priority of the calling thread, which the threads that it starts inherit.
class Priority {
 public:
  // Finds out whether this process may raise its priority again, which takes CAP_SYS_NICE or a
  // limit of RLIMIT_NICE (setpriority(2)).
  Priority();

  [[nodiscard]] bool can_raise() const { return can_raise_; }

  // To the lowest one. With `raise_later`, nothing happens where that is not permitted.
  void Lower(bool raise_later) const;
  // To what it was when this was made.
  void Raise() const;

 private:
  int normal_nice_;
  int normal_io_;
  bool can_raise_;
};

}  // namespace pagesnap

#endif  // CAPTURE_PRIORITY_H_
