#include "lib/store/write/content_bases.h"

#include <algorithm>

#include "lib/codec/similar_words.h"

namespace pagesnap {
namespace {

// A chunk of the addresses can have many mappings. Of more, the last ones are remembered.
constexpr size_t kMaxAtAddress = 64;
// How many contents have to be decoded before one that serves as a base for its address, at most:
// a child of the first process, whose own children or later siblings are more like it.
constexpr int kMaxStepsAtAddress = 1;
// Chunks of addresses for which contents are remembered; 100 bytes each.
constexpr size_t kMaxAddresses = size_t{1} << 17;

bool Overlap(const StoredContent& one, const StoredContent& other) {
  return one.into_chunk < other.into_chunk + other.page_count &&
         other.into_chunk < one.into_chunk + one.page_count;
}

}  // namespace

std::vector<StoredContent> ContentBases::Find(const ChunkPlace& place, size_t page_count) const {
  std::vector<StoredContent> found;
  if (page_count < kMinPages) return found;
  auto add_last = [&](uint64_t key) {
    if (key == 0) return;
    const auto last = last_at_.find(key);
    if (last == last_at_.end() || last->second.steps >= kMaxBaseSteps) return;
    found.push_back(last->second);
  };
  // What the same process had there is nearer than what any other has.
  add_last(place.process_key);
  if (!found.empty()) return found;
  if (const auto at = at_address_.find(place.address_key); at != at_address_.end()) {
    const StoredContent wanted{.into_chunk = place.into_chunk,
                               .page_count = static_cast<uint32_t>(page_count)};
    for (auto one = at->second.rbegin(); one != at->second.rend(); ++one) {
      if (Overlap(*one, wanted)) found.push_back(*one);
      if (found.size() == kMaxCandidates) return found;
    }
  }
  if (found.empty()) add_last(place.file_key);
  return found;
}

void ContentBases::Remember(const ChunkPlace& place, const StoredContent& content) {
  if (place.process_key != 0) last_at_[place.process_key] = content;
  if (content.page_count < kMinPages) return;
  // All processes are compared with the first, so that their contents need one step.
  if (place.file_key != 0) last_at_.try_emplace(place.file_key, content);
  if (place.address_key != 0) RememberAddress(place.address_key, content);
}

void ContentBases::NoteUse(uint64_t address_key, int64_t id) {
  const auto at = at_address_.find(address_key);
  if (at == at_address_.end()) return;
  const auto used = std::ranges::find(at->second, id, &StoredContent::id);
  if (used != at->second.end()) std::rotate(used, used + 1, at->second.end());
}

void ContentBases::RememberAddress(uint64_t key, const StoredContent& content) {
  if (content.steps > kMaxStepsAtAddress) return;
  if (at_address_.size() >= kMaxAddresses && !at_address_.contains(key)) at_address_.clear();
  std::vector<StoredContent>& there = at_address_[key];
  if (std::ranges::find(there, content.id, &StoredContent::id) != there.end()) return;
  // One more of the same pages replaces the one that was of no use for the longest time.
  size_t overlapping = 0;
  auto replaced = there.end();
  for (auto one = there.begin(); one != there.end(); ++one) {
    if (Overlap(*one, content) && ++overlapping == 1) replaced = one;
  }
  if (overlapping < kMaxCandidates) replaced = there.end();
  if (replaced == there.end() && there.size() == kMaxAtAddress) replaced = there.begin();
  if (replaced != there.end()) there.erase(replaced);
  // One that has a base itself is the next to go, unless it proves useful before.
  there.insert(content.steps == 0 ? there.end() : there.begin(), content);
}

}  // namespace pagesnap
