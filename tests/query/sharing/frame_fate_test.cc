// What becomes of frames, by their flags and their file.
#include "lib/query/scan/frame_fate.h"

#include <gtest/gtest.h>

#include "lib/kernel/frame_flags.h"

namespace pagesnap {
namespace {

constexpr KernelRelease kNewKernel = {6, 18};
constexpr uint64_t kFilePage = kFrameUptodate | kFrameLru | kFrameMmap;
constexpr uint64_t kShmemPage = kFilePage | kFrameSwapBacked;
constexpr uint64_t kAnonPage = kShmemPage | kFrameAnon;

TEST(FileNameTest, OfPaths) {
  struct Case {
    const char* path;
    FileName name;
  };
  for (const Case& one : {Case{"/usr/lib/libc.so.6", FileName::kNamed},
                          {"/dev/shm/a", FileName::kNamed},
                          {"/tmp/a (deleted)", FileName::kNone},
                          {"/memfd:a (deleted)", FileName::kNone},
                          {"/dev/zero (deleted)", FileName::kNone},
                          {"/anon_hugepage (deleted)", FileName::kNone},
                          {"/SYSV00000000 (deleted)", FileName::kUnknown},
                          {"/SYSV0052e2c1 (deleted)", FileName::kUnknown},
                          {"[anon_shmem:a]", FileName::kNone},
                          {"socket:[7]", FileName::kNone},
                          {"anon_inode:[io_uring]", FileName::kNone},
                          {"[vdso]", FileName::kUnknown}}) {
    EXPECT_EQ(FileNameOf(one.path, std::nullopt), one.name) << one.path;
    // What the file itself says is worth more.
    EXPECT_EQ(FileNameOf(one.path, 1), FileName::kNamed) << one.path;
    EXPECT_EQ(FileNameOf(one.path, 0), FileName::kNone) << one.path;
  }
}

TEST(FrameFateTest, AtExit) {
  struct Case {
    uint64_t flags;
    FileName name;
    ExitFate fate;
  };
  constexpr uint64_t kCached = kAnonPage | kFrameSwapCache;
  for (const Case& one :
       {Case{kAnonPage, FileName::kNamed, ExitFate::kFreed},
        {kAnonPage, FileName::kUnknown, ExitFate::kFreed},
        {kAnonPage, FileName::kHeld, ExitFate::kFreed},
        {kCached | kFrameAnonExclusive, FileName::kNone, ExitFate::kFreed},
        {kCached, FileName::kNone, ExitFate::kUnknown},
        {kShmemPage, FileName::kNone, ExitFate::kFreed},
        {kShmemPage, FileName::kNamed, ExitFate::kCached},
        {kShmemPage, FileName::kHeld, ExitFate::kKept},
        {kShmemPage, FileName::kUnknown, ExitFate::kUnknown},
        {kFilePage, FileName::kNone, ExitFate::kFreed},
        {kFilePage, FileName::kNamed, ExitFate::kCached},
        {kFrameUptodate, FileName::kNamed, ExitFate::kCached},  // not on a list yet
        {kFrameMmap, FileName::kNone, ExitFate::kFreed},        // a driver's
        {kFrameMmap, FileName::kNamed, ExitFate::kUnknown},     // /dev/...
        {kFrameMmap | kFrameReserved, FileName::kNone, ExitFate::kKept},
        {kFrameHuge | kFrameAnon, FileName::kNamed, ExitFate::kPool},
        {kFrameHuge, FileName::kNone, ExitFate::kPool},
        {kFrameHuge, FileName::kNamed, ExitFate::kCached},
        {kFrameHuge, FileName::kHeld, ExitFate::kKept},
        {kFrameHuge, FileName::kUnknown, ExitFate::kUnknown}}) {
    EXPECT_EQ(FateAtExit(one.flags, kNewKernel, true, one.name), one.fate)
        << FrameFlagNames(one.flags, kNewKernel) << " " << static_cast<int>(one.name);
    EXPECT_EQ(FateAtExit(one.flags, kNewKernel, false, one.name), ExitFate::kKept);
  }
  // Before 5.19 nothing tells that a frame was shared, and before 6.10 tails have no flags.
  EXPECT_EQ(FateAtExit(kCached, {5, 15}, true, FileName::kNone), ExitFate::kFreed);
  EXPECT_EQ(FateAtExit(kFrameCompoundTail | kFrameMmap, {6, 1}, true, FileName::kNamed),
            ExitFate::kCached);
}

TEST(FrameFateTest, ReclaimPrice) {
  struct Case {
    uint64_t flags;
    ReclaimPrice price;
    bool is_cold;
  };
  for (const Case& one :
       {Case{kFilePage, ReclaimPrice::kClean, true},
        {kFilePage | kFrameReferenced, ReclaimPrice::kClean, false},
        {kFilePage | kFrameActive, ReclaimPrice::kClean, false},
        {kFilePage | kFrameDirty, ReclaimPrice::kDirty, true},
        {kFilePage | kFrameWriteback, ReclaimPrice::kDirty, true},
        {kAnonPage, ReclaimPrice::kSwap, true},
        {kShmemPage | kFrameDirty, ReclaimPrice::kSwap, true},
        {kAnonPage & ~kFrameSwapBacked, ReclaimPrice::kLazyFree, true},
        {kAnonPage | kFrameSwapCache, ReclaimPrice::kClean, true},
        {kAnonPage | kFrameSwapCache | kFrameDirty, ReclaimPrice::kSwap, true},
        {kFilePage | kFrameUnevictable | kFrameMlocked, ReclaimPrice::kLocked, false},
        {kFrameHuge, ReclaimPrice::kLocked, false},
        // On no LRU list: a packet ring, its tails, vdso, and what is on its way.
        {kFrameMmap, ReclaimPrice::kUnreclaimable, false},
        {kFrameMmap | kFrameCompoundTail, ReclaimPrice::kUnreclaimable, false},
        {kFrameMmap | kFrameReserved, ReclaimPrice::kUnreclaimable, false},
        {kFrameUptodate | kFrameMmap, ReclaimPrice::kUnreclaimable, false},
        {kAnonPage & ~kFrameLru, ReclaimPrice::kSwap, false},
        {(kAnonPage & ~kFrameLru) | kFrameSwapCache, ReclaimPrice::kSwap, false}}) {
    EXPECT_EQ(ReclaimPriceOf(one.flags, kNewKernel), one.price)
        << FrameFlagNames(one.flags, kNewKernel);
    EXPECT_EQ(IsCold(one.flags, one.price), one.is_cold) << FrameFlagNames(one.flags, kNewKernel);
  }
  EXPECT_EQ(ReclaimPriceOf(kFrameMmap | kFrameCompoundTail, {6, 1}), ReclaimPrice::kRest);
}

}  // namespace
}  // namespace pagesnap
