// How far a capture is, for someone who waits.
#ifndef CAPTURE_PROGRESS_H_
#define CAPTURE_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace pagesnap {

// Told by the engine; does nothing itself. What is counted is work: pages and frames that are read,
// each as often as it takes time (context.h).
class Progress {
 public:
  virtual ~Progress() = default;
  // The capture begins, of which `label` says what it is of; it has about `total` to do. Where
  // processes are stopped, this comes after their release: their terminal may be among them, and to
  // write to it could block for ever.
  virtual void Begin(const std::string& label, uint64_t total) {
    static_cast<void>(label);
    static_cast<void>(total);
  }
  // So much was done. Before Begin() it counts for nothing.
  virtual void Advance(uint64_t count) { static_cast<void>(count); }
  // So much is still to be done, as is known better now.
  virtual void SetRest(uint64_t count) { static_cast<void>(count); }
  // Whether totals are worth reading extra files for.
  [[nodiscard]] virtual bool visible() const { return false; }
};

// Draws one line on a terminal, at most ten times a second, and removes it in the destructor.
class TerminalProgress final : public Progress {
 public:
  // `fd` is the terminal; borrowed. `prefix` comes before the label.
  TerminalProgress(int fd, std::string prefix) : fd_(fd), prefix_(std::move(prefix)) {}
  ~TerminalProgress() override;

  void Begin(const std::string& label, uint64_t total) override;
  void Advance(uint64_t count) override;
  void SetRest(uint64_t count) override { total_ = done_ + count; }
  [[nodiscard]] bool visible() const override { return true; }

 private:
  using Clock = std::chrono::steady_clock;

  int fd_;
  std::string prefix_;
  std::string label_ = {};  // "": not begun
  uint64_t total_ = 0;
  uint64_t done_ = 0;
  double share_ = 0;  // that was drawn last
  Clock::time_point start_ = {};
  Clock::time_point next_draw_ = {};
  bool drawn_ = false;
};

// Returns the line for what is done to this share (0 to 1) after `seconds`: label, bar, percent,
// and time left. No control characters.
std::string ProgressLine(const std::string& label, double share, double seconds);

}  // namespace pagesnap

#endif  // CAPTURE_PROGRESS_H_
