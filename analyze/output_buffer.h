// Output in large pieces.
#ifndef ANALYZE_OUTPUT_BUFFER_H_
#define ANALYZE_OUTPUT_BUFFER_H_

#include <cstdio>
#include <string>

#include "lib/base/print.h"

namespace pagesnap {

// Text on its way to a file. What is in it when it is destroyed is written, also when an exception
// destroys it: the rows before an error are shown.
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

  // What is to be appended to.
  [[nodiscard]] std::string& text() { return text_; }

  // Writes the text when it is worth a call. Throws Error when it cannot be written.
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
