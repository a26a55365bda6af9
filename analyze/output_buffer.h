// Output in large pieces.
#ifndef ANALYZE_OUTPUT_BUFFER_H_
#define ANALYZE_OUTPUT_BUFFER_H_

#include <cstdio>
#include <string>

namespace pagesnap {

// Text on its way to a file. What is in it at its end is written, also when an exception ends it:
// the rows before an error are shown.
class OutputBuffer {
 public:
  // `out` is borrowed.
  explicit OutputBuffer(FILE* out) : out_(out) {}
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;
  ~OutputBuffer() { Flush(); }

  // What is to be appended to.
  [[nodiscard]] std::string& text() { return text_; }

  // Writes the text when it is worth a call.
  void FlushIfLarge() {
    if (text_.size() >= kLarge) Flush();
  }
  void Flush() {
    fwrite(text_.data(), 1, text_.size(), out_);
    text_.clear();
  }

 private:
  static constexpr size_t kLarge = size_t{64} << 10;

  FILE* out_;
  std::string text_;
};

}  // namespace pagesnap

#endif  // ANALYZE_OUTPUT_BUFFER_H_
