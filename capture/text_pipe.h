// A text that one thread reads and another takes apart.
#ifndef CAPTURE_TEXT_PIPE_H_
#define CAPTURE_TEXT_PIPE_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

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

  // Without `may_start_thread` the caller takes all.
  TextPipe(Taker taker, bool may_start_thread);
  TextPipe(const TextPipe&) = delete;
  TextPipe& operator=(const TextPipe&) = delete;
  // Waits for the thread; what it has not taken is dropped.
  ~TextPipe();

  // Passes a block on, which may be joined with its neighbours; waits while many wait. Throws what
  // the function threw, for this or an earlier block; after that it is called no more.
  void Put(std::string_view block);
  // Returns when all is taken. Throws as above. Nothing may be put after it.
  void Finish();

 private:
  void HandOver();
  void Work();
  void Close(bool drop);

  Taker taker_;
  bool may_start_thread_;
  size_t byte_count_ = 0;
  std::string collected_;  // is handed over when it is large

  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<std::string> waiting_;
  std::string spare_;  // was taken; keeps its memory
  bool closed_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  // of the caller of Put()
};

}  // namespace pagesnap

#endif  // CAPTURE_TEXT_PIPE_H_
