// Fuzzes the parsers of the small texts under /proc. The first byte chooses one.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/error.h"
#include "lib/proc/parse_process.h"
#include "lib/proc/parse_system.h"
#include "tests/fuzz/one_input.h"

namespace pagesnap {
namespace {

using Parser = void (*)(std::string_view text);

constexpr std::array<Parser, 10> kParsers = {
    [](std::string_view text) { ParseProcessStat(text); },
    [](std::string_view text) { ParseProcessStatus(text); },
    [](std::string_view text) { ParseCmdline(text); },
    [](std::string_view text) { ParseMemoryCgroup(text); },
    [](std::string_view text) { ParseCgroups(text); },
    [](std::string_view text) { ParseSwaps(text); },
    [](std::string_view text) { ParseZoneinfo(text); },
    [](std::string_view text) { ParseMeminfo(text); },
    [](std::string_view text) { ParseAuxvPageSize(text); },
    [](std::string_view text) { ConfigHas(text, "CONFIG_MIGRATION"); },
};

}  // namespace
}  // namespace pagesnap

void TestOneInput(const uint8_t* data, size_t size) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  if (size == 0) return;
  try {
    kParsers[data[0] % kParsers.size()]({reinterpret_cast<const char*>(data + 1), size - 1});
  } catch (const Error&) {
  }
}
