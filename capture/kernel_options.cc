#include "capture/kernel_options.h"

#include "capture/optional_read.h"
#include "lib/codec/gzip.h"

namespace pagesnap {
namespace {

// Besides those of kSwapTypeOptions.
constexpr std::string_view kOtherOptions[] = {"CONFIG_MEM_SOFT_DIRTY", "CONFIG_NO_PAGE_MAPCOUNT"};
// The text has some 300 KB in the largest kernels of distributions.
constexpr size_t kMaxBytes = size_t{4} << 20;

// Returns a file's text, "" where there is none. Who may not read it, or reads nonsense, is as well
// off with the next.
std::string ReadConfig(ProcReader& reader, const std::string& path) {
  auto read = [&] {
    const std::string text = ReadWholeText(reader, path);
    return path.ends_with(".gz") ? Gunzip(text, kMaxBytes) : text;
  };
  return OptionalRead(read).value_or("");
}

}  // namespace

std::optional<KernelOptions> ReadKernelOptions(ProcReader& reader, const std::string& release) {
  for (const std::string& path : {std::string("proc/config.gz"), "boot/config-" + release,
                                  "lib/modules/" + release + "/config"}) {
    const std::string text = ReadConfig(reader, path);
    if (text.empty()) continue;
    KernelOptions options;
    for (const SwapTypeOption& option : kSwapTypeOptions) options.emplace(option.name, false);
    for (const std::string_view name : kOtherOptions) options.emplace(name, false);
    ReadOptions(text, &options);
    return options;
  }
  return std::nullopt;
}

SwapTypeConfig TakeSwapTypes(KernelOptions* options) {
  SwapTypeConfig config;
  for (const SwapTypeOption& option : kSwapTypeOptions) {
    const auto found = options->find(option.name);
    config.*option.member = found->second;
    options->erase(found);
  }
  return config;
}

}  // namespace pagesnap
