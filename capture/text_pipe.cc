#include "capture/text_pipe.h"

#include <utility>

namespace pagesnap {
namespace {

// smaps comes in pieces of 4 KiB: threads meet once for 16 of them.
constexpr size_t kBytesOfABatch = size_t{64} << 10;
constexpr size_t kMostWaiting = 4;

}  // namespace

TextPipe::TextPipe(Taker taker, bool may_start_thread)
    : taker_(std::move(taker)), may_start_thread_(may_start_thread) {}

TextPipe::~TextPipe() { Close(/*drop=*/true); }

void TextPipe::Put(std::string_view block) {
  byte_count_ += block.size();
  if (!may_start_thread_ || byte_count_ < kBytesWorthAThread) return taker_(block);
  collected_ += block;
  if (collected_.size() >= kBytesOfABatch) HandOver();
}

void TextPipe::Finish() {
  if (!collected_.empty()) HandOver();
  Close(/*drop=*/false);
  if (failure_) std::rethrow_exception(failure_);
}

void TextPipe::HandOver() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_.size() < kMostWaiting || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  waiting_.push_back(std::move(collected_));
  collected_ = std::exchange(spare_, {});
  collected_.clear();
  changed_.notify_all();
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
}

void TextPipe::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return !waiting_.empty() || closed_; });
    if (waiting_.empty()) return;
    std::string batch = std::move(waiting_.front());
    waiting_.pop_front();
    changed_.notify_all();
    lock.unlock();
    std::exception_ptr failure;
    try {
      taker_(batch);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    spare_ = std::move(batch);
    if (!failure) continue;
    failure_ = failure;
    waiting_.clear();
    changed_.notify_all();
    return;
  }
}

void TextPipe::Close(bool drop) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (drop) waiting_.clear();
    changed_.notify_all();
  }
  thread_.join();
}

}  // namespace pagesnap
