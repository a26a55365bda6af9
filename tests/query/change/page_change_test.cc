// The classes of pages: each line of the table in lib/query/page_change.h, and which line comes
// first where several fit.
#include "lib/query/change/page_change.h"

#include <gmock/gmock.h>

#include <set>

#include "lib/kernel/frame_flags.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

constexpr uint64_t kPlain = 0x28;                           // UPTODATE, LRU
constexpr uint64_t kFilePage = kPlain | uint64_t{1} << 11;  // MMAP
constexpr uint64_t kAnonPage = kFilePage | kFrameAnon;
constexpr uint64_t kMlocked = uint64_t{1} << 33;
constexpr FrameFacts kOwn = {kAnonPage, 1, 1};
constexpr FrameFacts kShared = {kAnonPage, 2, 1};
constexpr FrameFacts kCache = {kFilePage, 1, 1};
constexpr FrameFacts kZero = {kFrameZeroPage, 0, 0};
constexpr FrameFacts kHugeOwn = {kAnonPage | kFrameThp, 1, 1};
constexpr FrameFacts kHugeShared = {kAnonPage | kFrameThp, 2, 1};
constexpr FrameFacts kHugeZero = {kFrameZeroPage | kFrameThp, 0, 0};
constexpr FrameFacts kSmaller = {kAnonPage | kFrameCompoundHead, 1, 1};
constexpr FrameFacts kHugetlb = {kAnonPage | kFrameHuge, 1, 1};
constexpr FrameFacts kKsmPage = {kAnonPage | kFrameKsm, 1, 1};
constexpr FrameFacts kNoFlags = {kNotRead, 1, 1};
constexpr FrameFacts kNoCount = {kAnonPage, kNotRead, 1};
constexpr FrameFacts kNoCgroup = {kAnonPage, 1, kNotRead};

constexpr uint64_t kMigration = Swapped(30, 7);
constexpr uint64_t kPoisoned = Swapped(28, 7);
constexpr uint64_t kMarker = Swapped(31, 1);

class PageChangeTest : public testing::Test {
 protected:
  static SnapshotInfo Info(bool pfn_visible = true) {
    const KernelRelease release = {6, 18};
    const SwapTypeConfig config{.memory_failure = true, .migration = true};
    return {.id = 1,
            .page_size = 4096,
            .release = release,
            .map_counts = MapCountKind::kPage,
            .decoder = PageWordDecoder(release, config, pfn_visible),
            .pfn_visible = pfn_visible,
            .flags_read = true,
            .map_count_read = true,
            .cgroup_read = true,
            .zones = std::make_shared<ZoneTable>(),
            .folio_ends_read = true};
  }

  std::string Class(uint64_t before, uint64_t after, const FrameFacts* before_facts = nullptr,
                    const FrameFacts* after_facts = nullptr) const {
    const PageClassifier classifier(before_, after_, comparability_, with_volatile_);
    const auto change = classifier.Classify(PageWord(before), PageWord(after), before_facts,
                                            after_facts, SizeOf(before_facts), SizeOf(after_facts));
    return change ? PageChangeName(*change) : "none";
  }
  // As if all folios with the flag THP were of PMD size, and whole.
  static FolioSize SizeOf(const FrameFacts* facts) {
    if (facts == nullptr || facts->flags == kNotRead || (facts->flags & kFolioFlags) == 0) {
      return FolioSize::kSingle;
    }
    const bool is_huge = (facts->flags & (kFrameThp | kFrameHuge)) != 0;
    return is_huge ? FolioSize::kHuge : FolioSize::kSmaller;
  }
  // Of a page that is present on both sides.
  std::string Stayed(const FrameFacts& before, const FrameFacts& after) const {
    return Class(Present(5), Present(5), &before, &after);
  }
  std::string Moved(const FrameFacts& before, const FrameFacts& after) const {
    return Class(Present(5), Present(6), &before, &after);
  }

  SnapshotInfo before_ = Info();
  SnapshotInfo after_ = Info();
  Comparability comparability_ = Comparability::kFrames;
  bool with_volatile_ = false;
};

TEST_F(PageChangeTest, StatesThatDiffer) {
  EXPECT_EQ(Class(0, 0), "none");
  EXPECT_EQ(Class(0, PageWord::kSoftDirty), "none");
  EXPECT_EQ(Class(0, Present(5), nullptr, &kOwn), "faulted_in");
  EXPECT_EQ(Class(0, Swapped(0, 5)), "faulted_in");
  EXPECT_EQ(Class(Present(5), 0, &kOwn), "dropped");
  EXPECT_EQ(Class(Swapped(0, 5), 0), "dropped");
  EXPECT_EQ(Class(Present(5), Swapped(0, 5), &kOwn), "swapped_out");
  EXPECT_EQ(Class(Swapped(0, 5), Present(5), nullptr, &kOwn), "swapped_in");
}

TEST_F(PageChangeTest, StatesNeedNoFrames) {
  comparability_ = Comparability::kNothing;
  EXPECT_EQ(Class(0, Present(5)), "faulted_in");
  EXPECT_EQ(Class(Present(5), 0), "dropped");
  EXPECT_EQ(Class(Present(5), Swapped(0, 5)), "swapped_out");
  EXPECT_EQ(Class(Swapped(0, 5), Present(5)), "swapped_in");
  EXPECT_EQ(Class(kGuardPage, Present(5)), "special_changed");
}

TEST_F(PageChangeTest, SwapSlots) {
  EXPECT_EQ(Class(Swapped(0, 5), Swapped(0, 5)), "unchanged");
  EXPECT_EQ(Class(Swapped(0, 5), Swapped(0, 6)), "slot_moved");
  EXPECT_EQ(Class(Swapped(0, 5), Swapped(1, 5)), "slot_moved");
  EXPECT_EQ(Class(Swapped(0, 5), Swapped(0, 5) | PageWord::kSoftDirty), "flags_changed");
  EXPECT_EQ(Class(Swapped(0, 5), Swapped(0, 6) | PageWord::kSoftDirty), "slot_moved");
  comparability_ = Comparability::kSameFrame;
  EXPECT_EQ(Class(Swapped(0, 5), Swapped(0, 5)), "unchanged");
  EXPECT_EQ(Class(Swapped(0, 5), Swapped(0, 6)), "incomparable");
  comparability_ = Comparability::kNothing;
  EXPECT_EQ(Class(Swapped(0, 5), Swapped(0, 5)), "incomparable");
}

TEST_F(PageChangeTest, SpecialEntries) {
  EXPECT_EQ(Class(kGuardPage, kGuardPage), "unchanged");
  EXPECT_EQ(Class(kGuardPage, kGuardPage | PageWord::kSoftDirty), "unchanged");
  EXPECT_EQ(Class(0, kGuardPage), "special_changed");
  EXPECT_EQ(Class(kGuardPage, 0), "special_changed");
  EXPECT_EQ(Class(Present(5), kGuardPage, &kOwn), "special_changed");
  EXPECT_EQ(Class(Swapped(0, 5), kGuardPage), "special_changed");
  EXPECT_EQ(Class(Present(5), kMigration, &kOwn), "special_changed");
  EXPECT_EQ(Class(kPoisoned, kPoisoned), "unchanged");
  EXPECT_EQ(Class(kPoisoned, Swapped(28, 8)), "special_changed");
  EXPECT_EQ(Class(kMarker, kPoisoned), "special_changed");
  comparability_ = Comparability::kNothing;
  EXPECT_EQ(Class(kGuardPage, kGuardPage), "unchanged");
  EXPECT_EQ(Class(kPoisoned, kPoisoned), "incomparable");
}

TEST_F(PageChangeTest, SameFrame) {
  EXPECT_EQ(Stayed(kOwn, kOwn), "unchanged");
  EXPECT_EQ(Stayed(kOwn, {kAnonPage | kMlocked, 1, 1}), "flags_changed");
  EXPECT_EQ(Stayed(kOwn, {kAnonPage, 1, 2}), "recharged");
  EXPECT_EQ(Stayed(kOwn, {kAnonPage | kMlocked, 1, 2}), "recharged");
  EXPECT_EQ(Class(Present(5), Present(5, PageWord::kUffdWp), &kOwn, &kOwn), "flags_changed");
  EXPECT_EQ(Class(Present(5), Present(5, PageWord::kSoftDirty), &kOwn, &kOwn), "flags_changed");
}

// How many others map a frame is their doing; that a page was written to is not seen in it.
TEST_F(PageChangeTest, OtherUsersOfAFrameAreNoChange) {
  EXPECT_EQ(Stayed(kOwn, kShared), "unchanged");
  EXPECT_EQ(Class(Present(5, PageWord::kMmapExclusive), Present(5), &kOwn, &kShared), "unchanged");
  with_volatile_ = true;
  EXPECT_EQ(Class(Present(5, PageWord::kMmapExclusive), Present(5), &kOwn, &kShared),
            "flags_changed");
}

// In a folio that others map, too, an average does not tell whether a page is one of theirs.
TEST_F(PageChangeTest, AveragesDoNotTellWhosePageItIs) {
  const FrameFacts folio = {kAnonPage | kFrameThp | kFrameCompoundHead, 1, 1};
  const FrameFacts other = {folio.flags, 2, 1};
  EXPECT_EQ(Class(Present(5), Present(6), &other, &folio), "copied_on_write");
  before_.map_counts = after_.map_counts = MapCountKind::kAverage;
  EXPECT_EQ(Class(Present(5), Present(6), &other, &folio), "incomparable");
  constexpr uint64_t kExclusive = PageWord::kMmapExclusive;
  EXPECT_EQ(Class(Present(5, kExclusive), Present(6, kExclusive), &folio, &folio), "migrated");
  EXPECT_EQ(Class(Present(5, kExclusive), Present(6), &folio, &other), "incomparable");
  // Of a page of its own the count is exact.
  EXPECT_EQ(Class(Present(5), Present(6), &kShared, &kOwn), "copied_on_write");
}

// A fork clears ANON_EXCLUSIVE of every page; of a file's page the bit is another flag.
TEST_F(PageChangeTest, AForkChangesNoFlags) {
  constexpr uint64_t kBit = uint64_t{1} << 34;
  const FrameFacts exclusive = {kOwn.flags | kBit, 1, 1};
  EXPECT_EQ(Class(Present(5, PageWord::kMmapExclusive), Present(5), &exclusive, &kShared),
            "unchanged");
  EXPECT_EQ(Stayed(kOwn, exclusive), "unchanged");
  const FrameFacts owned = {kCache.flags | kBit, kCache.map_count, kCache.cgroup};
  EXPECT_EQ(Stayed(kCache, owned), "flags_changed");
  with_volatile_ = true;
  EXPECT_EQ(Stayed(kOwn, exclusive), "flags_changed");
}

TEST_F(PageChangeTest, VolatileFlagsCountWhenAsked) {
  for (int bit = 0; bit < 64; ++bit) {
    const uint64_t flag = uint64_t{1} << bit;
    if ((flag & kFolioFlags) != 0) continue;
    const FrameFacts changed = {kOwn.flags ^ flag, 1, 1};
    const bool is_volatile = (flag & (kVolatileFrameFlags | FlagsOfOthers(kOwn.flags))) != 0;
    with_volatile_ = false;
    EXPECT_EQ(Stayed(kOwn, changed), is_volatile ? "unchanged" : "flags_changed") << bit;
    with_volatile_ = true;
    EXPECT_EQ(Stayed(kOwn, changed), "flags_changed") << bit;
  }
}

TEST_F(PageChangeTest, CgroupsThatWereNotReadChangeNothing) {
  EXPECT_EQ(Stayed(kOwn, kNoCgroup), "unchanged");
  EXPECT_EQ(Stayed(kNoCgroup, kOwn), "unchanged");
  EXPECT_EQ(Stayed(kNoCgroup, {kAnonPage | kMlocked, 1, 1}), "flags_changed");
}

TEST_F(PageChangeTest, OtherFrame) {
  EXPECT_EQ(Moved(kOwn, kOwn), "migrated");
  EXPECT_EQ(Moved(kShared, kShared), "migrated");
  EXPECT_EQ(Moved(kCache, kCache), "migrated");
  EXPECT_EQ(Moved(kOwn, {kAnonPage | kMlocked, 1, 2}), "migrated");
}

TEST_F(PageChangeTest, Merged) {
  EXPECT_EQ(Moved(kOwn, kKsmPage), "merged");
  EXPECT_EQ(Moved(kOwn, kShared), "merged");
  EXPECT_EQ(Moved(kOwn, kCache), "merged");  // given back, and the file read again
  EXPECT_EQ(Moved(kOwn, kZero), "merged");
  EXPECT_EQ(Moved(kShared, kKsmPage), "migrated");
  EXPECT_EQ(Stayed(kOwn, kShared), "unchanged");
}

TEST_F(PageChangeTest, CopiedOnWrite) {
  EXPECT_EQ(Moved(kShared, kOwn), "copied_on_write");
  EXPECT_EQ(Moved(kCache, kOwn), "copied_on_write");
  EXPECT_EQ(Moved(kZero, kOwn), "copied_on_write");
  EXPECT_EQ(Moved(kKsmPage, kOwn), "copied_on_write");
  EXPECT_EQ(Moved(kHugeZero, kHugeOwn), "copied_on_write");
  EXPECT_EQ(Moved(kShared, {kAnonPage, 0, 1}), "copied_on_write");
  EXPECT_EQ(Moved(kCache, kShared), "migrated");
  EXPECT_EQ(Moved(kZero, kCache), "migrated");
  EXPECT_EQ(Stayed(kShared, kOwn), "unchanged");
}

TEST_F(PageChangeTest, HugePages) {
  EXPECT_EQ(Moved(kOwn, kHugeOwn), "collapsed");
  EXPECT_EQ(Stayed(kOwn, kHugeOwn), "collapsed");
  EXPECT_EQ(Moved(kShared, kHugeShared), "collapsed");
  EXPECT_EQ(Moved(kOwn, kHugetlb), "collapsed");
  EXPECT_EQ(Stayed(kHugeOwn, kOwn), "split");
  EXPECT_EQ(Moved(kHugeOwn, kOwn), "split");
  EXPECT_EQ(Stayed(kHugeOwn, {kAnonPage | kMlocked, 1, 2}), "split");
  EXPECT_EQ(Moved(kHugeShared, kOwn), "copied_on_write");
  EXPECT_EQ(Moved(kHugeZero, kOwn), "copied_on_write");
  EXPECT_EQ(Moved(kZero, kHugeOwn), "copied_on_write");
  EXPECT_EQ(Moved(kShared, kHugeOwn), "copied_on_write");
  EXPECT_EQ(Moved(kOwn, kHugeShared), "merged");
  EXPECT_EQ(Moved(kHugeOwn, kZero), "merged");
  EXPECT_EQ(Moved(kHugeOwn, kHugeOwn), "migrated");
  EXPECT_EQ(Stayed(kHugetlb, kHugeOwn), "flags_changed");
}

// Huge is what a PMD maps.
TEST_F(PageChangeTest, SmallerFolios) {
  EXPECT_EQ(Moved(kOwn, kSmaller), "resized");
  EXPECT_EQ(Moved(kSmaller, kOwn), "resized");
  EXPECT_EQ(Stayed(kSmaller, kOwn), "resized");
  EXPECT_EQ(Moved(kSmaller, kSmaller), "migrated");
  EXPECT_EQ(Moved(kSmaller, kHugeOwn), "collapsed");
  EXPECT_EQ(Stayed(kHugeOwn, kSmaller), "split");
  EXPECT_EQ(Moved(kShared, kSmaller), "copied_on_write");
}

TEST_F(PageChangeTest, WithoutFlagsNothingIsKnown) {
  EXPECT_EQ(Stayed(kOwn, kNoFlags), "incomparable");
  EXPECT_EQ(Stayed(kNoFlags, kOwn), "incomparable");
  EXPECT_EQ(Stayed(kNoFlags, kNoFlags), "incomparable");
  EXPECT_EQ(Moved(kNoFlags, kNoFlags), "incomparable");
  EXPECT_EQ(Class(Present(5), Present(5), nullptr, &kOwn), "incomparable");
  EXPECT_EQ(Class(Present(5), Present(5), &kOwn, nullptr), "incomparable");
  EXPECT_EQ(Class(Present(5), Present(5)), "incomparable");
}

TEST_F(PageChangeTest, MapCountsMatterOnlyInOtherFrames) {
  EXPECT_EQ(Moved(kNoCount, kOwn), "incomparable");
  EXPECT_EQ(Moved(kShared, kNoCount), "incomparable");
  EXPECT_EQ(Moved(kCache, kNoCount), "incomparable");
  EXPECT_EQ(Moved(kNoCount, kNoCount), "incomparable");
  EXPECT_EQ(Moved(kOwn, kNoCount), "incomparable");
  EXPECT_EQ(Moved(kNoCount, kCache), "incomparable");
  EXPECT_EQ(Stayed(kNoCount, kOwn), "unchanged");
  EXPECT_EQ(Stayed(kNoCount, {kAnonPage | kFrameThp, kNotRead, 1}), "collapsed");
  EXPECT_EQ(Moved({kFilePage, kNotRead, 1}, {kFilePage, kNotRead, 1}), "migrated");
}

TEST_F(PageChangeTest, HiddenPfns) {
  before_ = Info(/*pfn_visible=*/false);
  EXPECT_EQ(Class(Present(0), Present(5), nullptr, &kOwn), "incomparable");
  EXPECT_EQ(Class(PageWord::kSwap, Swapped(0, 5)), "incomparable");
  EXPECT_EQ(Class(PageWord::kSwap, Present(5), nullptr, &kOwn), "swapped_in");
  EXPECT_EQ(Class(0, Present(5), nullptr, &kOwn), "faulted_in");
  after_ = before_;
  EXPECT_EQ(Class(Present(0), Present(0)), "incomparable");
  EXPECT_EQ(Class(PageWord::kSwap, PageWord::kSwap), "incomparable");
}

TEST_F(PageChangeTest, AnotherBoot) {
  comparability_ = Comparability::kNothing;
  EXPECT_EQ(Stayed(kOwn, kOwn), "incomparable");
  EXPECT_EQ(Moved(kShared, kOwn), "incomparable");
  EXPECT_EQ(Stayed(kOwn, {kAnonPage, 1, 2}), "incomparable");
  EXPECT_EQ(Moved(kOwn, kHugeOwn), "collapsed");
  EXPECT_EQ(Stayed(kHugeShared, kOwn), "split");
}

TEST_F(PageChangeTest, OtherProcesses) {
  comparability_ = Comparability::kSameFrame;
  EXPECT_EQ(Stayed(kCache, kCache), "unchanged");
  EXPECT_EQ(Stayed(kCache, {kFilePage | kMlocked, 1, 1}), "flags_changed");
  EXPECT_EQ(Stayed(kCache, {kFilePage, 1, 2}), "recharged");
  EXPECT_EQ(Moved(kCache, kCache), "incomparable");
  EXPECT_EQ(Moved(kShared, kOwn), "incomparable");
  EXPECT_EQ(Moved(kHugeOwn, kOwn), "split");
}

// The same facts must never hide a change: whatever SameFacts() admits is unchanged.
TEST_F(PageChangeTest, SameFactsAreUnchanged) {
  const FrameFacts all[] = {
      kOwn,     kShared,  kCache,   kZero,    kHugeOwn,  kHugeZero, kHugeShared,
      kHugetlb, kKsmPage, kNoFlags, kNoCount, kNoCgroup, {0, 1, 1}, {~kVolatileFrameFlags, 1, 1}};
  for (const bool with_volatile : {false, true}) {
    with_volatile_ = with_volatile;
    const PageClassifier classifier(before_, after_, comparability_, with_volatile_);
    for (const FrameFacts& before : all) {
      for (const FrameFacts& after : all) {
        if (classifier.SameFacts(before, after)) {
          EXPECT_EQ(Stayed(before, after), "unchanged");
        }
        if (&before == &after && before.flags != kNotRead) {
          EXPECT_TRUE(classifier.SameFacts(before, after));
        }
      }
    }
  }
  EXPECT_FALSE(PageClassifier(before_, after_, comparability_, false).SameFacts(kOwn, kShared));
}

// Compared the other way round, a page is in the mirror of its class.
TEST_F(PageChangeTest, TheReverseIsTheMirror) {
  const FrameFacts all[] = {kOwn,      kShared,           kCache,   kZero,    kHugeOwn,
                            kHugeZero, kHugeShared,       kHugetlb, kKsmPage, kNoFlags,
                            kNoCount,  {kAnonPage, 1, 2}, kSmaller};
  const uint64_t words[] = {
      0,          Present(5), Present(6), Swapped(0, 5), Swapped(0, 5) | PageWord::kSoftDirty,
      kGuardPage, kMigration, kMarker,    kPoisoned,     Swapped(0, 6)};
  std::set<PageChange> seen;
  for (const Comparability comparability :
       {Comparability::kNothing, Comparability::kSameFrame, Comparability::kFrames}) {
    const PageClassifier there(before_, after_, comparability, false);
    const PageClassifier back(after_, before_, comparability, false);
    for (const uint64_t from : words) {
      for (const uint64_t to : words) {
        for (const FrameFacts& a : all) {
          for (const FrameFacts& b : all) {
            const auto change =
                there.Classify(PageWord(from), PageWord(to), &a, &b, SizeOf(&a), SizeOf(&b));
            const auto reverse =
                back.Classify(PageWord(to), PageWord(from), &b, &a, SizeOf(&b), SizeOf(&a));
            ASSERT_EQ(change.has_value(), reverse.has_value());
            if (!change) continue;
            seen.insert(*change);
            EXPECT_STREQ(PageChangeName(*reverse), PageChangeName(MirrorOf(*change)));
          }
        }
      }
    }
  }
  EXPECT_EQ(seen.size(), kPageChangeCount - 5) << "all but unread and those of PageComparison";
}

}  // namespace
}  // namespace pagesnap
