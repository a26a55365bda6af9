// Fuzzes the parsers of the small texts under /proc, and of the headers of programs. The first byte
// chooses one.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "lib/base/error.h"
#include "lib/proc/elf_build_id.h"
#include "lib/proc/parse_mounts.h"
#include "lib/proc/parse_process.h"
#include "lib/proc/parse_ram.h"
#include "lib/proc/parse_system.h"
#include "tests/fuzz/one_input.h"

namespace pagesnap {
namespace {

class FileInMemory final : public CachedFile {
 public:
  explicit FileInMemory(std::string_view bytes) : bytes_(bytes) {}

  size_t Read(uint64_t offset, std::span<char> bytes) override {
    if (offset >= bytes_.size()) return 0;
    return bytes_.copy(bytes.data(), bytes.size(), offset);
  }

 private:
  std::string_view bytes_;
};

using Parser = void (*)(std::string_view text);

constexpr std::array<Parser, 19> kParsers = {
    [](std::string_view text) { ParseProcessStat(text); },
    [](std::string_view text) { ParseProcessStatus(text); },
    [](std::string_view text) { ParseCmdline(text); },
    [](std::string_view text) { ParseMemoryCgroup(text); },
    [](std::string_view text) { ParseCgroups(text); },
    [](std::string_view text) { ParseSwaps(text); },
    [](std::string_view text) { ParseZoneinfo(text); },
    [](std::string_view text) { ParseMeminfo(text); },
    [](std::string_view text) { ParseAuxvPageSize(text); },
    [](std::string_view text) {
      KernelOptions options = {{"CONFIG_MIGRATION", false}};
      ReadOptions(text, &options);
    },
    [](std::string_view text) { ParseMountLine(text); },
    [](std::string_view text) { ParseSegmentLine(text); },
    [](std::string_view text) {
      FileInMemory file(text);
      ReadBuildId(file);
    },
    [](std::string_view text) { ParseVmstat(text); },
    [](std::string_view text) { ParseCounter(text); },
    [](std::string_view text) { ChosenOf(text); },
    [](std::string_view text) { ParseIomemRam(text, 4096); },
    [](std::string_view text) { ParseBuddyinfo(text); },
    [](std::string_view text) { ParsePerCpuFrames(text); },
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
