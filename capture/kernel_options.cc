#include "capture/kernel_options.h"

#include "lib/base/error.h"
#include "lib/base/interrupted.h"
#include "lib/codec/gzip.h"

namespace pagesnap {
namespace {

constexpr const char* kOptions[] = {"CONFIG_DEVICE_PRIVATE", "CONFIG_MEMORY_FAILURE",
                                    "CONFIG_MEM_SOFT_DIRTY", "CONFIG_MIGRATION",
                                    "CONFIG_NO_PAGE_MAPCOUNT"};
// The text has some 300 KB in the largest kernels of distributions.
constexpr size_t kMaxBytes = size_t{4} << 20;

// Returns a file's text, "" where there is none. Who may not read it, or reads nonsense, is as well
// off with the next.
std::string ReadConfig(ProcReader& reader, const std::string& path) {
  try {
    const std::string text = ReadWholeText(reader, path);
    return path.ends_with(".gz") ? Gunzip(text, kMaxBytes) : text;
  } catch (const Interrupted&) {
    throw;
  } catch (const Error&) {
    return "";
  }
}

}  // namespace

std::optional<KernelOptions> ReadKernelOptions(ProcReader& reader, const std::string& release) {
  for (const std::string& path : {std::string("proc/config.gz"), "boot/config-" + release,
                                  "lib/modules/" + release + "/config"}) {
    const std::string text = ReadConfig(reader, path);
    if (text.empty()) continue;
    KernelOptions options;
    for (const char* name : kOptions) options.emplace(name, false);
    ReadOptions(text, &options);
    return options;
  }
  return std::nullopt;
}

SwapTypeConfig SwapTypesOf(const KernelOptions& options) {
  return {.device_private = options.at("CONFIG_DEVICE_PRIVATE"),
          .memory_failure = options.at("CONFIG_MEMORY_FAILURE"),
          .migration = options.at("CONFIG_MIGRATION")};
}

}  // namespace pagesnap
