// The options that the kernel was built with.
#ifndef CAPTURE_KERNEL_OPTIONS_H_
#define CAPTURE_KERNEL_OPTIONS_H_

#include <map>
#include <optional>
#include <string>

#include "lib/kernel/page_word.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// By name, "CONFIG_MIGRATION": whether the kernel has it, built in or as a module. Only those that
// say how to read what it writes.
using KernelOptions = std::map<std::string, bool>;

// Returns them from the first of these that can be read: /proc/config.gz (CONFIG_IKCONFIG_PROC),
// /boot/config-RELEASE, /lib/modules/RELEASE/config. Nothing where there is none. Throws
// Interrupted.
std::optional<KernelOptions> ReadKernelOptions(ProcReader& reader, const std::string& release);

// Returns which special entries page words of such a kernel can have.
SwapTypeConfig SwapTypesOf(const KernelOptions& options);

}  // namespace pagesnap

#endif  // CAPTURE_KERNEL_OPTIONS_H_
