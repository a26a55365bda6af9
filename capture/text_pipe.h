// A text that one thread reads and another takes apart.
#ifndef CAPTURE_TEXT_PIPE_H_
#define CAPTURE_TEXT_PIPE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "lib/base/handover.h"

namespace pagesnap {

// Passes a text on, block by block and in order, to a function that runs on a thread of its own
// once the text turns out to be long: the kernel makes smaps on the core that reads it, at half the
// speed at which it is understood. Put() and Finish() are for one thread; the function never runs
// twice at a time, and sees what it did before.
class TextPipe {
 public:
  using Taker = std::function<void(std::string_view block)>;

  // Texts of fewer bytes are taken by the caller: a thread costs as much as taking them.
  static constexpr size_t kBytesWorthAThread = size_t{256} << 10;

  // Without `may_start_thread` the caller takes all. At the end what the thread has not taken is
  // dropped.
  TextPipe(Taker taker, bool may_start_thread);

  // Passes a block on, which may be joined with its neighbours; waits while many wait. Throws what
  // the function threw, for this or an earlier block; after that it is called no more.
  void Put(std::string_view block);
  // Returns when all is taken. Throws as above. Nothing may be put after it.
  void Finish();

 private:
  void HandOver();

  Taker taker_;
  bool may_start_thread_;
  size_t byte_count_ = 0;
  std::string collected_;  // is handed over when it is large
  Handover<std::string> handover_;
};

}  // namespace pagesnap

#endif  // CAPTURE_TEXT_PIPE_H_
