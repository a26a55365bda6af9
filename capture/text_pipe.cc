#include "capture/text_pipe.h"

#include <utility>

namespace pagesnap {
namespace {

// smaps comes in pieces of 4 KiB: threads meet once for 16 of them.
constexpr size_t kBytesOfABatch = size_t{64} << 10;

}  // namespace

TextPipe::TextPipe(Taker taker, bool may_start_thread)
    : taker_(std::move(taker)), may_start_thread_(may_start_thread), handover_(taker_) {}

void TextPipe::Put(std::string_view block) {
  byte_count_ += block.size();
  if (!may_start_thread_ || byte_count_ < kBytesWorthAThread) return taker_(block);
  collected_ += block;
  if (collected_.size() >= kBytesOfABatch) HandOver();
}

void TextPipe::Finish() {
  if (!collected_.empty()) HandOver();
  handover_.Finish();
}

void TextPipe::HandOver() {
  handover_.Put(&collected_);
  collected_.clear();
}

}  // namespace pagesnap
