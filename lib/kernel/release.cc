#include "lib/kernel/release.h"

#include <algorithm>
#include <charconv>

namespace pagesnap {

KernelRelease ParseKernelRelease(std::string_view text) {
  KernelRelease release;
  const char* end = text.data() + text.size();
  auto major = std::from_chars(text.data(), end, release.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return {};
  auto minor = std::from_chars(major.ptr + 1, end, release.minor);
  if (minor.ec != std::errc() || release.major < 0 || release.minor < 0) return {};
  return release;
}

}  // namespace pagesnap
