// Kernel releases, so that a word is read by the rules of the kernel that wrote it.
#ifndef LIB_KERNEL_RELEASE_H_
#define LIB_KERNEL_RELEASE_H_

#include <compare>
#include <string_view>

namespace pagesnap {

// Major and minor number of a kernel release; what is behind them never changed these interfaces.
struct KernelRelease {
  int major = 0;
  int minor = 0;

  friend auto operator<=>(const KernelRelease&, const KernelRelease&) = default;
};

// Reads the text of /proc/sys/kernel/osrelease, such as "6.18.44-amd64". Text that is no release
// gives 0.0, which reads as a kernel older than all.
KernelRelease ParseKernelRelease(std::string_view text);

}  // namespace pagesnap

#endif  // LIB_KERNEL_RELEASE_H_
