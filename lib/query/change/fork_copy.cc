#include "lib/query/change/fork_copy.h"

#include "lib/kernel/frame_flags.h"

namespace pagesnap {

const char* ForkFateName(ForkFate fate) {
  static constexpr const char* kNames[kForkFateCount] = {"nothing",      "shared",        "file",
                                                         "child_copied", "parent_copied", "differs",
                                                         "child_only",   "parent_only"};
  return kNames[static_cast<int>(fate)];
}

ForkFate CopierOf(const FrameFacts& child, const FrameFacts& parent, KernelRelease release) {
  if (child.flags == kNotRead || parent.flags == kNotRead || release < kAnonExclusiveSince) {
    return ForkFate::kDiffers;
  }
  auto is_large = [](uint64_t flags) {
    return (flags & (kFrameCompoundHead | kFrameCompoundTail)) != 0;
  };
  auto is_copy = [&](uint64_t flags) {
    return !is_large(flags) && (flags & kFrameAnonExclusive) != 0;
  };
  auto is_original = [&](uint64_t flags) {
    return is_large(flags) || (flags & kFrameAnonExclusive) == 0;
  };
  if (is_copy(child.flags) && is_original(parent.flags)) return ForkFate::kChildCopied;
  if (is_copy(parent.flags) && is_original(child.flags)) return ForkFate::kParentCopied;
  return ForkFate::kDiffers;
}

ForkFate CopierOf(const ForkWitnesses& witnesses) {
  if (witnesses.older_has_parents == witnesses.sibling_has_childs) return ForkFate::kDiffers;
  return witnesses.older_has_parents ? ForkFate::kChildCopied : ForkFate::kParentCopied;
}

}  // namespace pagesnap
