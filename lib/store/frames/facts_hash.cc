#include "lib/store/frames/facts_hash.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/codec/checksum.h"
#include "lib/codec/page_words.h"

namespace pagesnap {
namespace {

using Sums = std::array<uint64_t, kPagesPerChunk + 1>;

// The factors look random, so that facts which trade places change the sum; and are odd, so that
// no other facts of one page leave it as it is.
Sums MakeFactorSums() {
  Sums sums{};
  for (uint64_t i = 0; i < kPagesPerChunk; ++i) {
    sums[i + 1] = sums[i] + (static_cast<uint64_t>(WordsChecksum({&i, 1})) | 1);
  }
  return sums;
}

}  // namespace

std::span<const uint64_t> FactsHash::FactorSums() {
  static const Sums sums = MakeFactorSums();
  return sums;
}

uint64_t FactsHash::HashOf(const Words& words) {
  return static_cast<uint64_t>(WordsChecksum(words));
}

void FactsHash::Hash(const Words& words) {
  words_ = words;
  hash_of_words_ = HashOf(words);
}

int64_t FactsHash::Finish() {
  EndRun();
  facts_ = nullptr;
  begin_ = end_ = 0;
  return static_cast<int64_t>(std::exchange(sum_, 0));
}

void FactsRunHash::Add(size_t, const FrameFacts* page_facts) {
  const FrameFacts facts = page_facts != nullptr ? *page_facts : FrameFacts{};
  const uint64_t run[] = {1, facts.flags & ~kVolatileFrameFlags, facts.map_count, facts.cgroup};
  // Facts that only differ in what is left out do not end a run.
  if (runs_.size() >= 4 && std::equal(runs_.end() - 3, runs_.end(), run + 1)) {
    ++*(runs_.end() - 4);
  } else {
    runs_.insert(runs_.end(), std::begin(run), std::end(run));
  }
}

int64_t FactsRunHash::Finish() {
  const int64_t hash = WordsChecksum(runs_);
  runs_.clear();
  return hash;
}

}  // namespace pagesnap
