// Fuzzes the parser of maps and smaps, fed in two blocks.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/error.h"
#include "lib/proc/parse_maps.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    pagesnap::MapsParser parser([](const pagesnap::MapsEntry&) {});
    const size_t cut = size == 0 ? 0 : data[0] % size;
    parser.Feed(text.substr(0, cut));
    parser.Feed(text.substr(cut));
    parser.Finish();
  } catch (const pagesnap::Error&) {
  }
  return 0;
}
