// Fuzzes the decoder of page words. The first two bytes are the number of pages. What decodes must
// survive another round.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "lib/base/error.h"
#include "lib/codec/page_words.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  if (size < 2) return 0;
  std::vector<uint64_t> words(data[0] | (data[1] & 31) << 8);
  try {
    DecodePageWords({data + 2, size - 2}, words);
  } catch (const Error&) {
    return 0;
  }
  std::vector<uint64_t> again(words.size());
  DecodePageWords(AsBytes(EncodePageWords(words)), again);
  if (again != words) std::abort();
  return 0;
}
