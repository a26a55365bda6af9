#include "lib/query/change/words_of_others.h"

#include <algorithm>

#include "lib/base/error.h"

namespace pagesnap {

void WordsOfOthers::Enter(const std::vector<int64_t>& process_ids, uint64_t first_page,
                          uint64_t last_page) {
  first_page_ = first_page;
  last_page_ = last_page;
  others_.clear();
  for (const int64_t id : process_ids) {
    others_.emplace_back();
    others_.back().process_id = id;
  }
}

bool WordsOfOthers::Has(uint64_t page, PageWord wanted) {
  return std::any_of(others_.begin(), others_.end(),
                     [&](Other& other) { return AreSame(WordAt(&other, page), wanted); });
}

PageWord WordsOfOthers::WordAt(Other* other, uint64_t page) try {
  if (!other->is_loaded) {
    other->mappings =
        reader_->Mappings(other->process_id, {.first_page = first_page_, .last_page = last_page_});
    other->is_loaded = true;
  }
  const auto ends_before = [&](const MappingInfo& mapping) {
    return mapping.first_page + mapping.page_count <= page;
  };
  while (other->mapping < other->mappings.size() && ends_before(other->mappings[other->mapping])) {
    ++other->mapping;
    other->has_chunks = false;
  }
  if (other->mapping == other->mappings.size()) return PageWord(0);
  const MappingInfo& mapping = other->mappings[other->mapping];
  if (mapping.first_page > page) return PageWord(0);
  if (!other->has_chunks) {
    other->chunks = reader_->Chunks(mapping);
    other->chunk = 0;
    other->has_chunks = true;
  }
  const uint64_t at = page - mapping.first_page;
  while (other->chunk + 1 < other->chunks.size() &&
         other->chunks[other->chunk + 1].first_page <= at) {
    ++other->chunk;
  }
  if (other->chunk == other->chunks.size()) return PageWord(0);
  const ChunkInfo& chunk = other->chunks[other->chunk];
  if (other->content_id != chunk.content_id) {
    other->words = reader_->SharedWords(chunk.content_id);
    other->content_id = chunk.content_id;
  }
  const bool is_inside = at >= chunk.first_page && at - chunk.first_page < other->words->size();
  return PageWord(is_inside ? (*other->words)[at - chunk.first_page] : 0);
} catch (const Error& error) {
  reader_->NoteDamage(error.what());
  other->mappings.clear();
  other->mapping = 0;
  other->is_loaded = true;
  return PageWord(0);
}

}  // namespace pagesnap
