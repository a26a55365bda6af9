#include "capture/held_pages.h"

#include <algorithm>

namespace pagesnap {

size_t HeldPages::Add(int32_t pid, const MappingSpan& mapping, uint64_t first,
                      std::span<const uint64_t> words) {
  if (blocks_.empty() || kBlockWords - blocks_.back().word_count < words.size()) {
    // Not set to anything: what is never copied to is no page fault.
    blocks_.emplace_back().words = std::make_unique_for_overwrite<uint64_t[]>(kBlockWords);
  }
  Block& block = blocks_.back();
  uint64_t* const place = block.words.get() + block.word_count;
  std::ranges::copy(words, place);
  block.word_count += words.size();
  block.parts.push_back(
      {.mapping = mapping, .pid = pid, .first = first, .words = {place, words.size()}});
  return words.size_bytes() + sizeof(Part);
}

}  // namespace pagesnap
