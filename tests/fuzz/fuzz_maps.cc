// Fuzzes the parser of maps and smaps. Where the text is cut must not matter: in one block, in two,
// and byte by byte, which takes every line apart, it says the same.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/proc/parse_maps.h"
#include "tests/fuzz/one_input.h"

namespace pagesnap {
namespace {

// Returns all that the parser says of text in blocks: the first, then others of `size` bytes.
std::string Parse(std::string_view text, size_t first, size_t size) {
  std::string said;
  try {
    MapsParser parser([&](const MapsEntry& entry) {
      said += fmt::format("{:x} {:x} {} {:x} {}:{} {} {} {} {}", entry.start, entry.end,
                          entry.perms, entry.offset, entry.device_major, entry.device_minor,
                          entry.inode, entry.path, entry.has_accounting, entry.vm_flags);
      for (const SmapsField& field : entry.fields) {
        said += fmt::format(" {}={}", field.name, field.value);
      }
      said += '\n';
    });
    parser.Feed(text.substr(0, first));
    for (size_t at = first; at < text.size(); at += size) parser.Feed(text.substr(at, size));
    parser.Finish();
  } catch (const Error& error) {
    said += error.what();
  }
  return said;
}

}  // namespace
}  // namespace pagesnap

void TestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string whole = pagesnap::Parse(text, size, 1);
  if (pagesnap::Parse(text, size == 0 ? 0 : data[0] % size, size) != whole) std::abort();
  if (pagesnap::Parse(text, 0, 1) != whole) std::abort();
}
