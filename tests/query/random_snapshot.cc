#include "tests/query/random_snapshot.h"

#include <map>
#include <random>
#include <set>

#include "lib/codec/frame_columns.h"
#include "lib/codec/page_words.h"
#include "lib/kernel/frame_flags.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

constexpr uint64_t kAnon = 0x5828;  // UPTODATE,LRU,MMAP,ANON,SWAPBACKED
constexpr uint64_t kHwPoison = uint64_t{1} << 19;
// Anonymous, in the swap cache, some of them exclusive; shared memory; of a driver; the kernel's;
// hugetlb.
constexpr uint64_t kSomeFlags[] = {kAnon | kFrameSwapCache,
                                   kAnon | kFrameSwapCache | kFrameAnonExclusive,
                                   kFrameUptodate | kFrameLru | kFrameMmap | kFrameSwapBacked,
                                   kFrameMmap,
                                   kFrameMmap | kFrameReserved,
                                   kFrameHuge,
                                   kFrameHuge | kFrameAnon,
                                   kAnon | kFrameUnevictable | kFrameMlocked,
                                   kFrameUptodate | kFrameLru | kFrameDirty | kFrameReferenced};
// Names as maps has them.
constexpr const char* kPaths[] = {"",
                                  "/lib/a",
                                  "/memfd:a (deleted)",
                                  "/SYSV00000000 (deleted)",
                                  "/dev/zero (deleted)",
                                  "[anon_shmem:a]",
                                  "socket:[1]",
                                  "[vdso]",
                                  "/dev/a"};

class Generator {
 public:
  Generator(uint64_t seed, bool in_runs, bool any_lives, SnapshotWriter& writer)
      : random_(seed),
        choices_(seed),
        lives_(seed),
        in_runs_(in_runs),
        any_lives_(any_lives),
        has_folio_ends_(seed % 2 != 0),
        writer_(writer) {}

  void AddSnapshot(bool pfn_visible) {
    all_read_ = Chance(2);
    frames_.clear();
    run_words_.clear();
    shared_.clear();
    SnapshotFacts facts;
    facts.kernel_release = "6.18.0";
    facts.pfn_visible = pfn_visible;
    facts.page_size = Chance(3) ? 16384 : 4096;
    facts.swap_types = SwapTypeConfig{.memory_failure = true, .migration = true};
    constexpr MapCountKind kKinds[] = {MapCountKind::kPage, MapCountKind::kAverage,
                                       MapCountKind::kUnknown};
    facts.map_counts = kKinds[choices_() % 3];
    counts_are_true_ = choices_() % 2 == 0;
    has_gaps_ = choices_() % 2 == 0;
    user_counts_.clear();
    pids_.clear();
    writer_.BeginSnapshot(facts);
    if (choices_() % 2 == 0) writer_.AddSystemFact("capture.all_processes", "yes");
    if (choices_() % 8 == 0) writer_.AddSystemFact("capture.started_meanwhile", "7");
    for (uint64_t i = 0; i < 2 + Below(3); ++i) AddProcess(pfn_visible);
    if (any_lives_) AddOtherLives();
    if (pfn_visible) AddFrames();
    if (pfn_visible && has_folio_ends_) writer_.AddSystemFact(kFolioEndsFact, "yes");
    writer_.AddUsages();
    writer_.AddCgroup(1, "/a");
    if (lives_() % 2 == 0) writer_.AddCgroup(2, "/b");
    writer_.AddSwapDevice(0, "/swap", "file", 4096, 64, -2);
    writer_.AddMemoryZone(0, "DMA32", 0, 0x300, 0x300, 0x300);
    writer_.AddMemoryZone(1, "Normal", 0x300, 0x20000, 0x20000, 0x20000);
    const SourceState state = pfn_visible ? SourceState::kRead : SourceState::kHidden;
    writer_.SetFrameSources(state, state, state);
    writer_.Commit();
  }

 private:
  // Kinds of frames beyond the random ones.
  static constexpr uint64_t kSingle = 8;
  static constexpr uint64_t kHead = 9;
  static constexpr uint64_t kTail = 10;

  uint64_t Below(uint64_t end) { return random_() % end; }
  bool Chance(uint64_t one_in) { return Below(one_in) == 0; }

  void AddProcess(bool pfn_visible) {
    auto pid = static_cast<int64_t>(100 + Below(5));
    while (!pids_.insert(pid).second) ++pid;
    const int64_t process =
        writer_.AddProcess({.pid = pid, .name = "p", .state = "S", .cgroup = "/a"});
    uint64_t first_page = Below(50);
    int64_t mapping_count = 0;
    for (uint64_t i = 0; i < Below(6); ++i, ++mapping_count) {
      MappingFacts facts;
      facts.first_page = first_page;
      facts.page_count = Chance(4) ? 5000 + Below(5000) : 1 + Below(in_runs_ ? 3000 : 40);
      facts.perms = "rw-p";
      facts.device = "0:0";
      facts.inode = Below(std::size(kPaths));
      facts.path = kPaths[facts.inode];
      facts.vm_flags = Chance(6) ? "rd io pf" : "rd wr";
      first_page += facts.page_count + Below(3) * 10;
      const int64_t mapping = writer_.AddMapping(process, facts);
      if (in_runs_ || (facts.page_count < 100 && Chance(3))) {
        AddRuns(mapping, facts, pfn_visible);
      } else {
        AddPages(mapping, facts.page_count, pfn_visible);
      }
      if (Chance(8) && has_gaps_) {
        writer_.AddGap({.process_id = process,
                        .mapping_id = mapping,
                        .source = "pagemap",
                        .first = 0,
                        .count = 1,
                        .reason = "lost"});
      }
    }
    writer_.SetMappingCount(process, mapping_count);
    if (any_lives_ && lives_() % 8 == 0) writer_.SetEnded(process);
    if (any_lives_ && has_gaps_ && lives_() % 3 == 0) {
      writer_.AddGap({.process_id = process, .source = "maps", .reason = "lost"});
    }
  }

  // Processes without mappings of their own: one that has another's memory, one that ended before
  // its maps were read, a kernel thread.
  void AddOtherLives() {
    if (lives_() % 2 == 0) {
      writer_.AddProcess({.pid = 200, .name = "s", .state = "S"});
      writer_.SetMemoryOf(200, *pids_.begin());
    }
    if (lives_() % 4 == 0) {
      writer_.SetEnded(writer_.AddProcess({.pid = 201, .name = "e", .state = "S"}));
    }
    if (lives_() % 4 == 0) {
      writer_.AddProcess({.pid = 2, .name = "k", .state = "S", .kernel_thread = true});
    }
  }

  void AddPages(int64_t mapping, uint64_t page_count, bool pfn_visible) {
    const uint64_t density = 1 + Below(20);
    for (uint64_t first = 0; first < page_count; first += kPagesPerChunk) {
      const uint64_t count = std::min<uint64_t>(kPagesPerChunk, page_count - first);
      // Some mappings map what others do.
      if (Chance(4) && !shared_.empty() && shared_.size() <= count) {
        Write(mapping, first, shared_);
        continue;
      }
      std::vector<uint64_t> words(count);
      for (uint64_t& word : words) {
        if (!Chance(density)) continue;
        word = Word();
        // Without permission the kernel clears the field.
        if (!pfn_visible) word &= ~PageWord::kFieldMask;
      }
      if (Chance(3)) shared_ = words;
      Write(mapping, first, words);
    }
  }

  // Runs of frames and whole and partial folios, in chunks of any size: they go over the chunks'
  // borders. What a mapping has another one may have too, in part, and at another address.
  void AddRuns(int64_t mapping, const MappingFacts& facts, bool pfn_visible) {
    std::vector<uint64_t> words = Chance(2) ? run_words_ : std::vector<uint64_t>();
    while (words.size() < facts.page_count) AppendRun(facts.first_page, &words);
    words.resize(facts.page_count);
    run_words_ = words;
    for (const uint64_t word : words) {
      if (PageWord(word).present()) frames_.try_emplace(PageWord(word).pfn(), run_frames_[word]);
    }
    const uint64_t step = Chance(2) ? kPagesPerChunk : 100 + Below(1500);
    for (uint64_t first = 0; first < words.size(); first += step) {
      const size_t count = std::min<uint64_t>(step, words.size() - first);
      std::vector<uint64_t> chunk(words.begin() + first, words.begin() + first + count);
      if (!pfn_visible) {
        for (uint64_t& word : chunk) word &= ~PageWord::kFieldMask;
      }
      Write(mapping, first, chunk);
    }
  }

  void Write(int64_t mapping, uint64_t first, const std::vector<uint64_t>& words) {
    for (const uint64_t word : words) {
      if (PageWord(word).present()) ++user_counts_[PageWord(word).pfn()];
    }
    writer_.AddPages(mapping, first, words);
  }

  void AppendRun(uint64_t first_page, std::vector<uint64_t>* words) {
    const uint64_t size = uint64_t{1} << (Chance(3) ? 9 + 2 * Below(2) : Below(5));
    const uint64_t first = 0x8000 + Below(1000) * 16 / size * size;
    // Sometimes aligned, sometimes without a hole to the one before.
    if (Chance(2)) words->resize(words->size() + (size - (first_page + words->size()) % size));
    const bool single = Chance(4);
    const uint64_t exclusive = choices_() % 2 == 0 ? PageWord::kMmapExclusive : 0;
    const uint64_t end = Chance(4) ? Below(size + 1) : size;
    for (uint64_t i = Chance(8) ? Below(size) : 0; i < end; ++i) {
      words->push_back(Present(first + i, exclusive));
      run_frames_[words->back()] = single ? kSingle : i == 0 ? kHead : kTail;
    }
    if (Chance(8)) words->push_back(Swapped(0, Below(1000)));
  }

  uint64_t Word() {
    if (Chance(5)) return Swapped(Below(32), Below(1000));
    if (Chance(30)) return kGuardPage;
    const uint64_t near = 1 + Below(Chance(20) ? 3 * kFramesPerChunk : 0x600);
    const uint64_t pfn = Chance(20) ? (uint64_t{1} << 45) + Below(10) : near;
    if (frames_.count(pfn) == 0) frames_[pfn] = Below(8);
    return Present(pfn, Chance(2) ? PageWord::kFile : PageWord::kSoftDirty);
  }

  void AddFrames() {
    std::map<uint64_t, FrameColumns> chunks;
    for (const auto& [pfn, kind] : frames_) {
      FrameColumns& columns = chunks[pfn / kFramesPerChunk];
      const uint64_t index = pfn % kFramesPerChunk;
      columns.referenced[index / 64] |= uint64_t{1} << index % 64;
      static constexpr uint64_t kFlags[] = {kFrameHuge, kFrameZeroPage, kFrameNoPage, kNotRead};
      uint64_t flags = 0;
      if (kind >= kSingle && !Chance(400)) {
        constexpr uint64_t kThp = 0x28 | kFrameThp;
        static constexpr uint64_t kRunFlags[] = {0x28, kThp | kFrameCompoundHead,
                                                 kThp | kFrameCompoundTail};
        flags = kRunFlags[kind - kSingle];
      } else {
        flags = kind < (all_read_ ? 3 : 4) && Chance(4) ? kFlags[kind]
                : Chance(3)                             ? kSomeFlags[Below(std::size(kSomeFlags))]
                : Chance(2)                             ? 0x28
                                                        : kAnon;
      }
      if (any_lives_ && flags != kNotRead && lives_() % 20 == 0) {
        flags |= lives_() % 2 == 0 ? kFrameKsm : kHwPoison;
      }
      columns.flags.Append(flags);
      const uint64_t count = !all_read_ && Chance(200) ? kNotRead : Below(7);
      const bool is_true = counts_are_true_ && count != kNotRead && choices_() % 50 != 0;
      columns.map_count.Append(is_true ? user_counts_[pfn] : count);
      columns.cgroup.Append(Chance(50) ? kNotRead : Below(3));
      if (has_folio_ends_ && flags != kNotRead &&
          (flags & (kFrameCompoundHead | kFrameCompoundTail)) != 0 && !frames_.contains(pfn + 1) &&
          index + 1 < kFramesPerChunk) {
        columns.referenced[(index + 1) / 64] |= uint64_t{1} << (index + 1) % 64;
        columns.flags.Append(IsTailBehind(pfn + 1) ? kFrameCompoundTail : 0);
        columns.map_count.Append(kNotRead);
        columns.cgroup.Append(kNotRead);
        ++columns.behind_count;
      }
    }
    for (const auto& [number, columns] : chunks) {
      writer_.AddFrames(number * kFramesPerChunk, columns);
    }
  }

  std::mt19937_64 random_;
  std::mt19937_64 choices_;  // about how much is known
  std::mt19937_64 lives_;    // about processes
  bool in_runs_;
  bool any_lives_;
  bool has_folio_ends_;
  SnapshotWriter& writer_;
  bool all_read_ = false;         // the facts of all frames of the snapshot
  bool counts_are_true_ = false;  // map counts are those of the pages
  bool has_gaps_ = false;
  std::set<int64_t> pids_;  // of the snapshot's processes with mappings of their own
  std::map<uint64_t, uint64_t> user_counts_;  // of the snapshot's frames: pages
  std::map<uint64_t, uint64_t> frames_;       // of the snapshot, each with a kind
  std::vector<uint64_t> run_words_;           // of the last mapping with runs
  std::map<uint64_t, uint64_t> run_frames_;   // the kinds of the frames in them, by page word
  std::vector<uint64_t> shared_;              // words of an earlier mapping
};

}  // namespace

void WriteRandomSnapshots(const std::string& path, uint64_t seed, RandomMemory memory,
                          RandomLives lives) {
  WriteSnapshotFile(path, [&](SnapshotWriter& writer) {
    Generator generator(seed, memory == RandomMemory::kRuns, lives == RandomLives::kAny, writer);
    generator.AddSnapshot(true);
    generator.AddSnapshot(seed % 3 != 0);
  });
}

}  // namespace pagesnap
