#include "lib/proc/address_spaces.h"

#include <fmt/format.h>

namespace pagesnap {
namespace {

enum class Visibility { kNoMemory, kHidden, kShown };

// What do_task_stat() in fs/proc/array.c shows as the image: 0 0 0 without an address space, 1 1 0
// without permission.
Visibility VisibilityOf(const ProcessStat& stat) {
  if (stat.kernel_thread) return Visibility::kNoMemory;
  // The first thread has ended, and only the others could be compared.
  if (stat.FirstThreadEnded()) return Visibility::kHidden;
  if (stat.HasEnded()) return Visibility::kNoMemory;
  return stat.image[2] == 0 ? Visibility::kHidden : Visibility::kShown;
}

}  // namespace

void AddressSpaces::Add(const ProcessStat& stat) { Place(stat, /*add_alone=*/true); }

void AddressSpaces::AddSharer(const ProcessStat& stat) { Place(stat, /*add_alone=*/false); }

void AddressSpaces::Place(const ProcessStat& stat, bool add_alone) {
  const Visibility visibility = VisibilityOf(stat);
  if (visibility == Visibility::kHidden) ++unknown_count_;
  if (visibility != Visibility::kShown) return;
  if (!add_alone && !spaces_.contains(stat.image)) return;
  std::vector<Space>& spaces = spaces_[stat.image];
  size_t begin = 0;
  for (size_t end = spaces.size(); begin < end;) {
    const size_t middle = begin + (end - begin) / 2;
    Space& space = spaces[middle];
    switch (reader_.CompareSpaces(stat.pid, space.front())) {
      case SpaceOrder::kBefore:
        end = middle;
        break;
      case SpaceOrder::kAfter:
        begin = middle + 1;
        break;
      case SpaceOrder::kSame:
        // Two that lost theirs meanwhile compare equal, too.
        if (HasMemory(stat.pid)) space.push_back(stat.pid);
        return;
      case SpaceOrder::kUnknown:
        ++unknown_count_;
        return;
      case SpaceOrder::kGone:
        if (reader_.CompareSpaces(stat.pid, stat.pid) == SpaceOrder::kGone) return;
        space.erase(space.begin());
        if (space.empty()) {
          spaces.erase(spaces.begin() + static_cast<std::ptrdiff_t>(middle));
          --end;
        }
        break;
    }
  }
  if (add_alone) spaces.insert(spaces.begin() + static_cast<std::ptrdiff_t>(begin), {stat.pid});
}

bool AddressSpaces::HasMemory(int32_t pid) {
  try {
    const ProcessStat now =
        ParseProcessStat(ReadWholeText(reader_, fmt::format("proc/{}/stat", pid)));
    return VisibilityOf(now) == Visibility::kShown;
  } catch (const Error&) {
    return false;  // it is gone
  }
}

std::vector<std::vector<int32_t>> AddressSpaces::Shared() const {
  std::vector<std::vector<int32_t>> shared;
  for (const auto& [image, spaces] : spaces_) {
    for (const Space& space : spaces) {
      if (space.size() > 1) shared.push_back(space);
    }
  }
  return shared;
}

}  // namespace pagesnap
