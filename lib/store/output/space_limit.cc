#include "lib/store/output/space_limit.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/number.h"

namespace pagesnap {
namespace {

constexpr uint64_t kReservedShare = 20;  // one part in 20 stays free: 5 %
// What may be written between two questions: others write to the disk too.
constexpr uint64_t kMaxUnchecked = uint64_t{4} << 20;

}  // namespace

// Returns how many bytes are left beyond a file that ends at `end`, and its copy; nothing if it has
// no room, which problem_ then explains.
std::optional<uint64_t> SpaceLimit::Slack(uint64_t end) {
  struct statvfs space = {};
  // Some FUSE servers do not implement it and return zeros.
  if (!bounds_.on_disk || calls_.Space(fd_, &space) != 0 || space.f_blocks == 0) return UINT64_MAX;
  const uint64_t unit = space.f_frsize != 0 ? space.f_frsize : space.f_bsize;
  const uint64_t size = unit * space.f_blocks;
  const uint64_t free = unit * space.f_bavail;
  const uint64_t needed = size / kReservedShare + (end - end_) + (bounds_.copied ? end : 0);
  if (needed <= free) return free - needed;
  problem_ = fmt::format(
      "no space left to write it: {} of the {} in its file system are free, and 5 % stay free{}; "
      "free some, or write it elsewhere",
      HumanBytes(free), HumanBytes(size),
      bounds_.copied ? "; a series needs room for a copy of its file" : "");
  return std::nullopt;
}

bool SpaceLimit::Allows(uint64_t end) {
  if (!problem_.empty()) return false;
  if (bounds_.max_bytes && end > *bounds_.max_bytes) {
    problem_ =
        fmt::format("it would become larger than {} (--max-size)", HumanBytes(*bounds_.max_bytes));
    return false;
  }
  end = std::max(end, end_);
  if (end > checked_end_) {
    const std::optional<uint64_t> slack = Slack(end);
    if (!slack) return false;
    checked_end_ = end + std::min(*slack / 2, kMaxUnchecked);
  }
  end_ = end;
  return true;
}

void SpaceLimit::Check(const std::string& label) {
  if (!Slack(end_)) throw Error(fmt::format("{}: {}", label, problem_));
}

}  // namespace pagesnap
