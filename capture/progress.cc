#include "capture/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "lib/base/number.h"

namespace pagesnap {
namespace {

constexpr int kBarWidth = 16;
constexpr std::chrono::milliseconds kRedraw(100);

void WriteAll(int fd, const std::string& text) {
  // A terminal that goes away is no reason to stop the capture.
  if (write(fd, text.data(), text.size()) < 0) return;
}

}  // namespace

std::string ProgressLine(const std::string& label, double share, double seconds) {
  const int filled = static_cast<int>(share * kBarWidth);
  std::string line = fmt::format("{} [{:#<{}}{:-<{}}] {:3.0f} %", label, "", filled, "",
                                 kBarWidth - filled, std::floor(share * 100));
  if (share > 0) {
    const double left = std::ceil(seconds * (1 - share) / share);
    line += fmt::format(", {} s left", HumanCount(static_cast<uint64_t>(left)));
  }
  return line;
}

TerminalProgress::~TerminalProgress() {
  if (drawn_) WriteAll(fd_, "\r\033[K");
}

void TerminalProgress::Begin(const std::string& label, uint64_t total) {
  label_ = prefix_ + label;
  total_ = total;
  start_ = Clock::now();
  // What takes less than a few blinks needs no bar.
  next_draw_ = start_ + 3 * kRedraw;
}

void TerminalProgress::Advance(uint64_t count) {
  if (label_.empty()) return;
  done_ += count;
  const Clock::time_point now = Clock::now();
  if (now < next_draw_) return;
  next_draw_ = now + kRedraw;
  // The total is an estimate: the processes live on. A bar does not go back.
  const double total = static_cast<double>(std::max({total_, done_, uint64_t{1}}));
  share_ = std::max(share_, static_cast<double>(done_) / total);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  WriteAll(fd_, "\r" + ProgressLine(label_, share_, seconds) + "\033[K");
  drawn_ = true;
}

}  // namespace pagesnap
