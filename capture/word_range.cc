#include "capture/word_range.h"

#include <algorithm>

namespace pagesnap {
namespace {

// One page of words: the kernel copies pagemap out in such pieces, so less is never worth a call.
constexpr size_t kSmallestPart = 512;

}  // namespace

size_t ReadWordRange(WordFile& file, uint64_t first, std::span<uint64_t> words, uint64_t unread,
                     const UnreadSink& sink) {
  try {
    return file.Read(first, words);
  } catch (const ReadError& error) {
    if (error.process_gone() || error.out_of_time()) throw;
    if (words.size() <= kSmallestPart) {
      std::fill(words.begin(), words.end(), unread);
      sink(first, words.size(), error.reason());
      return words.size();
    }
  }
  size_t half = words.size() / 2;
  size_t count = ReadWordRange(file, first, words.first(half), unread, sink);
  if (count < half) return count;
  return half + ReadWordRange(file, first + half, words.subspan(half), unread, sink);
}

}  // namespace pagesnap
