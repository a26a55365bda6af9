// What a process that was forked still shares with its parent, and which of them copied a page.
#ifndef LIB_QUERY_CHANGE_FORK_COPY_H_
#define LIB_QUERY_CHANGE_FORK_COPY_H_

#include <cstdint>

#include "lib/codec/frame_columns.h"
#include "lib/kernel/release.h"

namespace pagesnap {

// What became of a page since the fork.
enum class ForkFate : uint8_t {
  kNothing,       // neither has private memory there
  kShared,        // both have the frame or swap slot that they had at the fork
  kFile,          // the child has a page of a file or of a shared mapping: nobody copies it
  kChildCopied,   // the child wrote it and has a copy; the parent has what there was
  kParentCopied,  // the other way round
  kDiffers,       // one of them copied it; the snapshot does not say which, or both wrote it
  kChildOnly,     // the parent has nothing there
  kParentOnly     // the child has nothing there
};
inline constexpr int kForkFateCount = static_cast<int>(ForkFate::kParentOnly) + 1;

// Returns the name in SQL: "child_copied".
const char* ForkFateName(ForkFate fate);

// Returns kChildCopied, kParentCopied or kDiffers for two frames of private memory at one address,
// by their flags. Who writes first after a fork gets a new frame, which has ANON_EXCLUSIVE; the
// frame that is left behind had it cleared by the fork and gets it back only when it is written
// (mm/memory.c, do_wp_page). So of two frames, the one without was not written. The flags of a
// large folio are those of its first frame; but a copy is always a frame by itself.
ForkFate CopierOf(const FrameFacts& child, const FrameFacts& parent, KernelRelease release);

// Who else has which of the two frames, of the processes that descend from the same parent.
struct ForkWitnesses {
  bool older_has_parents = false;   // one forked before the child, a grandparent, a grandchild
  bool sibling_has_childs = false;  // any sibling, or a grandparent
};

// Returns the same by those: what a third process has too was there when both were forked.
ForkFate CopierOf(const ForkWitnesses& witnesses);

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_FORK_COPY_H_
