// The options that the kernel was built with.
#ifndef CAPTURE_KERNEL_OPTIONS_H_
#define CAPTURE_KERNEL_OPTIONS_H_

#include <optional>
#include <string>

#include "lib/kernel/page_word.h"
#include "lib/proc/parse_system.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Returns those options that say how to read what the kernel writes, from the first of these that
// can be read: /proc/config.gz (CONFIG_IKCONFIG_PROC), /boot/config-RELEASE,
// /lib/modules/RELEASE/config. Nothing where there is none. Throws Interrupted.
std::optional<KernelOptions> ReadKernelOptions(ProcReader& reader, const std::string& release);

// Takes those out of `options` that say which special entries page words of such a kernel can have.
SwapTypeConfig TakeSwapTypes(KernelOptions* options);

}  // namespace pagesnap

#endif  // CAPTURE_KERNEL_OPTIONS_H_
