// Fuzzes the decoders of page words: alone, and against a base. The first two bytes are the number
// of pages. What decodes must survive another round.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "lib/base/error.h"
#include "lib/codec/page_words.h"
#include "lib/codec/similar_words.h"
#include "tests/fuzz/one_input.h"

namespace pagesnap {
namespace {

void DecodeAlone(ByteSpan blob, std::span<uint64_t> words) {
  DecodePageWords(blob, words);
  std::vector<uint64_t> again(words.size());
  DecodePageWords(AsBytes(EncodePageWords(words)), again);
  if (!std::equal(again.begin(), again.end(), words.begin())) std::abort();
}

void DecodeAgainstBase(ByteSpan blob, std::span<uint64_t> words) {
  // Present pages in adjacent frames, fewer than the content has or more.
  std::vector<uint64_t> base(100);
  std::iota(base.begin(), base.end(), uint64_t{1} << 63 | 0x1000);
  DecodeSimilarWords(blob, base, words);
  std::vector<uint64_t> again(words.size());
  DecodeSimilarWords(AsBytes(EncodeSimilarWords(words, base, 3)), base, again);
  if (!std::equal(again.begin(), again.end(), words.begin())) std::abort();
}

}  // namespace
}  // namespace pagesnap

void TestOneInput(const uint8_t* data, size_t size) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  if (size < 2) return;
  std::vector<uint64_t> words(data[0] | (data[1] & 31) << 8);
  for (auto* decode : {DecodeAlone, DecodeAgainstBase}) {
    try {
      decode({data + 2, size - 2}, words);
    } catch (const Error&) {
    }
  }
}
