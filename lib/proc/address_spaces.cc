#include "lib/proc/address_spaces.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/kernel/page_word.h"
#include "lib/proc/threads.h"

namespace pagesnap {
namespace {

enum class Visibility { kNoMemory, kHidden, kShown };

// What do_task_stat() in fs/proc/array.c shows as the image: 0 0 0 without an address space, 1 1 0
// without permission.
Visibility VisibilityOf(const ProcessStat& stat) {
  if (stat.kernel_thread || stat.HasEnded()) return Visibility::kNoMemory;
  return stat.image[2] == 0 ? Visibility::kHidden : Visibility::kShown;
}

}  // namespace

void AddressSpaces::Add(const ProcessStat& stat) { Place(stat, /*add_alone=*/true); }

void AddressSpaces::AddSharer(const ProcessStat& stat) { Place(stat, /*add_alone=*/false); }

void AddressSpaces::Place(const ProcessStat& process, bool add_alone) {
  const std::optional<ProcessStat> living = LivingThread(reader_, process);
  if (!living) ++unknown_count_;
  if (!living) return;
  const ProcessStat& stat = *living;
  const Member member = {process.pid, stat.pid};
  const Visibility visibility = VisibilityOf(stat);
  if (visibility == Visibility::kHidden) ++unknown_count_;
  if (visibility != Visibility::kShown) return;
  if (!add_alone && !spaces_.contains(stat.image)) return;
  std::vector<Space>& spaces = spaces_[stat.image];
  size_t begin = 0;
  for (size_t end = spaces.size(); begin < end;) {
    const size_t middle = begin + (end - begin) / 2;
    Space& space = spaces[middle];
    switch (reader_.CompareSpaces(member.thread, space.front().thread)) {
      case SpaceOrder::kBefore:
        end = middle;
        break;
      case SpaceOrder::kAfter:
        begin = middle + 1;
        break;
      case SpaceOrder::kSame:
        // Two that lost theirs meanwhile compare equal, too.
        if (HasMemory(member)) space.push_back(member);
        return;
      case SpaceOrder::kUnknown:
        // The other one was the first of its image, and had not to be compared.
        if (spaces.size() == 1 && space.size() == 1) {
          Infer(space.front(), stat.image, /*add_alone=*/true);
        }
        if (!Infer(member, stat.image, add_alone)) ++unknown_count_;
        return;
      case SpaceOrder::kGone:
        if (reader_.CompareSpaces(member.thread, member.thread) == SpaceOrder::kGone) return;
        space.erase(space.begin());
        if (space.empty()) {
          spaces.erase(spaces.begin() + static_cast<std::ptrdiff_t>(middle));
          --end;
        }
        break;
    }
  }
  if (add_alone) spaces.insert(spaces.begin() + static_cast<std::ptrdiff_t>(begin), {member});
}

// Returns whether it found what distinguishes the address space of the process from others with
// this image.
bool AddressSpaces::Infer(Member member, const Image& image, bool add_alone) {
  const std::optional<OwnPage> own = FindOwnPage(member, image);
  if (!own) return false;
  const auto found = inferred_.find({image, *own});
  if (found == inferred_.end()) {
    if (add_alone) inferred_.emplace(std::pair(image, *own), Space{member});
    return true;
  }
  Space& space = found->second;
  if (std::ranges::find(space, member.pid, &Member::pid) != space.end()) return true;
  // Unless the other one still has the frame, it may have given it away meanwhile.
  if (FindOwnPage(space.front(), image) == own) space.push_back(member);
  return true;
}

std::optional<AddressSpaces::OwnPage> AddressSpaces::FindOwnPage(Member member,
                                                                 const Image& image) {
  constexpr uint64_t kPages = 64;
  const uint64_t stack_page = image[2] / reader_.Machine().page_size;
  const uint64_t first = stack_page + 2 - std::min(stack_page + 2, kPages);
  std::array<uint64_t, kPages> words;
  try {
    const auto pagemap = reader_.OpenWords(TaskFolder(member.pid, member.thread) + "/pagemap");
    const size_t count = pagemap->Read(first, words);
    for (size_t i = 0; i < count; ++i) {
      const PageWord word(words[i]);
      if (word.present() && word.mmap_exclusive() && word.pfn() != 0) {
        return OwnPage{first + i, word.pfn()};
      }
    }
  } catch (const ReadError&) {
    // Nobody can tell.
  }
  return std::nullopt;
}

bool AddressSpaces::HasMemory(Member member) {
  try {
    const ProcessStat now =
        ParseProcessStat(ReadWholeText(reader_, TaskFolder(member.pid, member.thread) + "/stat"));
    return VisibilityOf(now) == Visibility::kShown;
  } catch (const Error&) {
    return false;  // it is gone
  }
}

std::vector<std::vector<int32_t>> AddressSpaces::Shared() const {
  std::vector<std::vector<int32_t>> shared;
  auto add = [&shared](const Space& space) {
    if (space.size() < 2) return;
    std::vector<int32_t>& pids = shared.emplace_back();
    for (const Member& member : space) pids.push_back(member.pid);
  };
  for (const auto& [image, spaces] : spaces_) std::ranges::for_each(spaces, add);
  for (const auto& [key, space] : inferred_) add(space);
  return shared;
}

}  // namespace pagesnap
