#include "capture/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "lib/base/number.h"

namespace pagesnap {
namespace {

constexpr int kBarWidth = 30;
constexpr std::chrono::milliseconds kRedraw(100);

void WriteAll(int fd, const std::string& text) {
  // A terminal that goes away is no reason to stop the capture.
  if (write(fd, text.data(), text.size()) < 0) return;
}

}  // namespace

std::string ProgressLine(const char* what, uint64_t done, uint64_t total, double seconds) {
  // The total is an estimate: the processes live on.
  total = std::max(total, done);
  double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0;
  int filled = static_cast<int>(share * kBarWidth);
  double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string left = "";
  if (rate > 0) left = fmt::format(", {:.0f} s left", static_cast<double>(total - done) / rate);
  return fmt::format("[{:#<{}}{:-<{}}] {:3.0f} %  {} {}, {:.1f} M/s{}", "", filled, "",
                     kBarWidth - filled, share * 100, HumanCount(done), what, rate / 1e6, left);
}

TerminalProgress::~TerminalProgress() {
  if (drawn_) WriteAll(fd_, "\r\033[K");
}

void TerminalProgress::Begin(const char* what, uint64_t total) {
  what_ = what;
  total_ = total;
  done_ = 0;
  start_ = Clock::now();
  // What takes less than a few blinks needs no bar.
  next_draw_ = start_ + 3 * kRedraw;
}

void TerminalProgress::Advance(uint64_t count) {
  done_ += count;
  Clock::time_point now = Clock::now();
  if (now < next_draw_) return;
  next_draw_ = now + kRedraw;
  Draw(now);
}

void TerminalProgress::Draw(Clock::time_point now) {
  double seconds = std::chrono::duration<double>(now - start_).count();
  WriteAll(fd_, "\r" + ProgressLine(what_, done_, total_, seconds) + "\033[K");
  drawn_ = true;
}

}  // namespace pagesnap
