// Reads ranges of a word file past whatever cannot be read.
#ifndef CAPTURE_WORD_RANGE_H_
#define CAPTURE_WORD_RANGE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "lib/kernel/page_word.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Called for words that could not be read: [first, first + count), and why.
using UnreadSink = std::function<void(uint64_t first, uint64_t count, const std::string& reason)>;

// Fills `words` from index `first`. Where a read fails, the range is halved until the part that
// fails has at most 512 words; those are set to `unread` and reported. Returns how many words the
// file has of the range: less than words.size() only where it ends, and nothing behind that is
// touched or reported. Throws ReadError only when the process is gone or its time is used up.
size_t ReadWordRange(WordFile& file, uint64_t first, std::span<uint64_t> words, uint64_t unread,
                     const UnreadSink& sink);

// Returns whether a page changed, by the word that was stored and what its pagemap says now. A PFN
// that was left out of the former (FrameSet) is not compared.
inline bool IsChanged(uint64_t stored, uint64_t now) {
  const PageWord word(stored);
  if (word.present() && word.pfn() == 0) now &= ~PageWord::kFieldMask;
  return now != stored;
}

}  // namespace pagesnap

#endif  // CAPTURE_WORD_RANGE_H_
