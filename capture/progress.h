// How far a capture is, for someone who waits.
#ifndef CAPTURE_PROGRESS_H_
#define CAPTURE_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace pagesnap {

// Told by the engine; does nothing itself.
class Progress {
 public:
  virtual ~Progress() = default;
  // A stage begins: `what` is counted ("pages", "frames"); `total` is what is expected, about.
  virtual void Begin(const char* what, uint64_t total) {
    static_cast<void>(what);
    static_cast<void>(total);
  }
  virtual void Advance(uint64_t count) { static_cast<void>(count); }
  // Whether totals are worth reading extra files for.
  [[nodiscard]] virtual bool visible() const { return false; }
};

// Draws one line on a terminal, at most ten times a second, and removes it in the destructor.
class TerminalProgress final : public Progress {
 public:
  // `fd` is the terminal; borrowed.
  explicit TerminalProgress(int fd) : fd_(fd) {}
  ~TerminalProgress() override;

  void Begin(const char* what, uint64_t total) override;
  void Advance(uint64_t count) override;
  [[nodiscard]] bool visible() const override { return true; }

 private:
  using Clock = std::chrono::steady_clock;
  void Draw(Clock::time_point now);

  int fd_;
  const char* what_ = "";
  uint64_t total_ = 0;
  uint64_t done_ = 0;
  Clock::time_point start_;
  Clock::time_point next_draw_;
  bool drawn_ = false;
};

// Returns the line for `done` of `total` after `seconds`: bar, count, rate, and time left. No
// control characters.
std::string ProgressLine(const char* what, uint64_t done, uint64_t total, double seconds);

}  // namespace pagesnap

#endif  // CAPTURE_PROGRESS_H_
