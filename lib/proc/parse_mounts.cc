#include "lib/proc/parse_mounts.h"

#include <algorithm>
#include <charconv>

#include "lib/base/number.h"
#include "lib/proc/text.h"

namespace pagesnap {
namespace {

constexpr std::string_view kDiskFileSystems[] = {"bcachefs", "btrfs", "erofs", "exfat",   "ext2",
                                                 "ext3",     "ext4",  "f2fs",  "iso9660", "jfs",
                                                 "squashfs", "vfat",  "xfs",   "zfs"};

}  // namespace

std::optional<MountLine> ParseMountLine(std::string_view line) {
  TakeWord(&line);  // id
  TakeWord(&line);  // id of the parent
  const std::string_view device = TakeWord(&line);
  const size_t colon = std::min(device.find(':'), device.size());
  const std::optional<uint64_t> major = ParseUnsigned(device.substr(0, colon));
  const std::optional<uint64_t> minor =
      ParseUnsigned(device.substr(std::min(colon + 1, device.size())));
  if (!major || !minor || *major > UINT32_MAX || *minor > UINT32_MAX) return std::nullopt;
  const std::string_view root = TakeWord(&line);
  const std::string_view mount_point = TakeWord(&line);
  // Optional fields end with a hyphen; in the words before them a blank is \040.
  for (std::string_view word = TakeWord(&line); word != "-"; word = TakeWord(&line)) {
    if (word.empty()) return std::nullopt;
  }
  const std::string_view type = TakeWord(&line);
  if (type.empty()) return std::nullopt;
  return MountLine{.root = root,
                   .mount_point = mount_point,
                   .device_major = static_cast<uint32_t>(*major),
                   .device_minor = static_cast<uint32_t>(*minor),
                   .type = type};
}

bool IsDiskFileSystem(std::string_view type) {
  return std::ranges::find(kDiskFileSystems, type) != std::end(kDiskFileSystems);
}

bool IsMemoryFileSystem(std::string_view type) {
  return type == "tmpfs" || type == "devtmpfs" || type == "hugetlbfs";
}

std::optional<SharedSegment> ParseSegmentLine(std::string_view line) {
  constexpr unsigned kRemoved = 01000;  // SHM_DEST
  TakeWord(&line);                      // key, a number with a sign
  const std::optional<uint64_t> id = ParseUnsigned(TakeWord(&line));
  const std::string_view perms = TakeWord(&line);
  unsigned mode = 0;
  const auto [end, error] =
      std::from_chars(perms.data(), perms.data() + perms.size(), mode, /*base=*/8);
  if (!id || error != std::errc() || end != perms.data() + perms.size()) return std::nullopt;
  return SharedSegment{.id = *id, .removed = (mode & kRemoved) != 0};
}

}  // namespace pagesnap
