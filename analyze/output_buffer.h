// Output in large pieces.
#ifndef ANALYZE_OUTPUT_BUFFER_H_
#define ANALYZE_OUTPUT_BUFFER_H_

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "lib/base/print.h"

namespace pagesnap {

// Collects text and writes it to a file. The destructor writes the rest, also when an exception is
// thrown, so that the rows before an error are shown.
class OutputBuffer {
 public:
  // `out` is borrowed.
  explicit OutputBuffer(FILE* out) : out_(out) {}
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;
  ~OutputBuffer() {
    try {
      Flush();
    } catch (
        ...) {  // NOLINT(bugprone-empty-catch): without a Flush() before, an error is on its way
    }
  }

  // Returns the text that is not written yet, to append to.
  [[nodiscard]] std::string& text() { return text_; }

  void AddNumber(int64_t number) {
    const fmt::format_int digits(number);
    text_.append(digits.data(), digits.size());
  }

  // Writes the text once it is large enough for a call. Throws Error when it cannot be written.
  void FlushIfLarge() {
    if (text_.size() >= kLarge) Flush();
  }
  void Flush() {
    full_.swap(text_);  // after a failure it is not tried again
    text_.clear();
    WriteOutput(out_, full_);
  }

 private:
  static constexpr size_t kLarge = size_t{64} << 10;

  FILE* out_;
  std::string text_;
  std::string full_;  // the text before; keeps its memory
};

}  // namespace pagesnap

#endif  // ANALYZE_OUTPUT_BUFFER_H_
