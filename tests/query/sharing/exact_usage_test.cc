// Exact PSS and USS: against a count of all page table entries, and what makes them known.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "lib/kernel/frame_flags.h"
#include "tests/query/random_snapshot.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

constexpr uint64_t kAnon = kFrameUptodate | kFrameLru | kFrameMmap | kFrameAnon | kFrameSwapBacked;

// Who has a frame, found by looking at every page.
struct Users {
  uint64_t count = 0;
  bool exclusive = false;  // bit 56 of one of the pages
  std::set<int64_t> processes = {};
  int64_t first_mapping = 0;
};

// The exact figures of a snapshot as schema/README.md defines them, page by page.
class BruteForce {
 public:
  BruteForce(Session& session, int64_t snapshot_id)
      : session_(session), snapshot_(session.reader().snapshot(snapshot_id)) {
    has_all_ = Ask(fmt::format(
        "SELECT EXISTS (SELECT 1 FROM snapshot_system_fact WHERE snapshot_id = {0} AND "
        "name = 'capture.all_processes') AND NOT EXISTS (SELECT 1 FROM snapshot_system_fact WHERE "
        "snapshot_id = {0} AND name = 'capture.started_meanwhile') AND NOT EXISTS "
        "(SELECT 1 FROM gap WHERE snapshot_id = {0})",
        snapshot_id));
    for (const int64_t process : session.reader().Processes({.snapshot_id = snapshot_id})) {
      for (const MappingInfo& mapping : session.reader().Mappings(process, {})) {
        ForEachFrame(mapping, [&](PageWord word) {
          Users& users = users_[word.pfn()];
          if (users.count++ == 0) users.first_mapping = mapping.id;
          users.exclusive |= (word.raw() & PageWord::kMmapExclusive) != 0;
          users.processes.insert(process);
        });
      }
    }
  }

  // Returns "PSS in 1/4096 bytes|PSS in KiB|USS in KiB", or NULLs.
  std::string Of(const MappingInfo& mapping) {
    if (Ask(fmt::format("SELECT EXISTS (SELECT 1 FROM gap WHERE mapping_id = {})", mapping.id)) ||
        !snapshot_.pfn_visible) {
      return "NULL|NULL|NULL";
    }
    uint64_t pss = 0;
    std::set<uint64_t> own;
    bool known = true;
    ForEachFrame(mapping, [&](PageWord word) {
      if (mapping.pfn_map) return;
      const FrameFacts* facts = session_.reader().Frames(snapshot_.id)->Find(word.pfn());
      const uint64_t flags = facts != nullptr ? facts->flags : kNotRead;
      if (flags == kNotRead) {
        known = false;
      } else if ((flags & (kFrameHuge | kFrameZeroPage | kFrameNoPage)) == 0) {
        const Users& users = users_.at(word.pfn());
        pss += (snapshot_.page_size << 12) / users.count;
        if (users.processes.size() == 1 && users.first_mapping == mapping.id)
          own.insert(word.pfn());
        known = known && (has_all_ || IsProven(*facts, users));
      }
    });
    if (!known) return "NULL|NULL|NULL";
    known_count_ += pss > 0;
    return fmt::format("{}|{}|{}", pss, pss >> 22, own.size() * snapshot_.page_size / 1024);
  }

  // How many mappings with memory had known figures.
  [[nodiscard]] size_t known_count() const { return known_count_; }

 private:
  bool Ask(const std::string& sql) {
    return QueryRows(session_.database(), sql) == std::vector<std::string>{"1"};
  }
  template <typename Visit>
  void ForEachFrame(const MappingInfo& mapping, const Visit& visit) {
    for (const ChunkInfo& chunk : session_.reader().Chunks(mapping)) {
      const auto words = session_.reader().SharedWords(chunk.content_id);
      for (const uint64_t raw : *words) {
        if (PageWord(raw).present() && PageWord(raw).pfn() != 0) visit(PageWord(raw));
      }
    }
  }
  bool IsProven(const FrameFacts& facts, const Users& users) {
    const bool large = (facts.flags & (kFrameCompoundHead | kFrameCompoundTail)) != 0;
    if (facts.map_count == kNotRead) return false;
    if (snapshot_.map_counts == MapCountKind::kPage || !large)
      return facts.map_count == users.count;
    return users.exclusive && users.processes.size() == 1 &&
           !Ask(fmt::format("SELECT EXISTS (SELECT 1 FROM gap WHERE process_id = {})",
                            *users.processes.begin()));
  }

  Session& session_;
  const SnapshotInfo& snapshot_;
  bool has_all_ = false;
  std::map<uint64_t, Users> users_;  // by PFN
  size_t known_count_ = 0;
};

TEST(ExactUsageTest, EqualsACountOfAllEntries) {
  size_t known_count = 0;
  for (uint64_t seed = 0; seed < 24; ++seed) {
    const TestFolder folder;
    WriteRandomSnapshots(folder.File("a"), seed,
                         seed % 3 == 0 ? RandomMemory::kRuns : RandomMemory::kScattered);
    Session session(folder.File("a"));
    for (const SnapshotInfo& snapshot : session.reader().snapshots()) {
      BruteForce brute_force(session, snapshot.id);
      for (const int64_t process : session.reader().Processes({.snapshot_id = snapshot.id})) {
        for (const MappingInfo& mapping : session.reader().Mappings(process, {})) {
          EXPECT_THAT(QueryRows(session.database(),
                                fmt::format("SELECT exact_pss, exact_pss_kib, exact_uss_kib "
                                            "FROM mapping_sharing WHERE mapping_id = {}",
                                            mapping.id)),
                      ElementsAre(brute_force.Of(mapping)))
              << seed << ' ' << mapping.id;
        }
      }
      known_count += brute_force.known_count();
    }
  }
  EXPECT_GT(known_count, 30u);
}

// ---- A kernel with CONFIG_NO_PAGE_MAPCOUNT ----

// As that kernel shows three folios of four frames each: one that the parent maps whole and the
// child by one page; one of which the parent maps two pages; one that both map whole. The child
// also has a page of its own.
class AverageTest : public testing::Test {
 protected:
  static constexpr uint64_t kOwn = PageWord::kMmapExclusive;

  AverageTest() {
    machine_.reader().AddText("boot/config-6.18.5", "CONFIG_NO_PAGE_MAPCOUNT=y\n");
    AddFolio(0x100, 1);  // 5 entries
    AddFolio(0x200, 1);  // 2 entries
    AddFolio(0x300, 2);  // 8 entries
    machine_.AddFrames(0x400, 1, kAnon, 1, 1);
    parent_.mappings = {
        Mapping(0x100000, PresentRun(0x100, 4), {16, 16, 0}),
        Mapping(0x200000, PresentRun(0x200, 2, kOwn), {8, 8, 8}),
        Mapping(0x300000, PresentRun(0x300, 4), {16, 8, 0}),
    };
    child_.mappings = {
        Mapping(0x100000, PresentRun(0x100, 1), {4, 4, 0}),
        Mapping(0x300000, PresentRun(0x300, 4), {16, 8, 0}),
        Mapping(0x400000, PresentRun(0x400, 1, kOwn), {4, 4, 4}),
    };
    machine_.AddProcess(parent_);
    machine_.AddProcess(child_);
  }

  void AddFolio(uint64_t pfn, uint64_t average) {
    machine_.AddFrames(pfn, 1, kAnon | kFrameThp | kFrameCompoundHead, average, 1);
    machine_.AddFrames(pfn + 1, 3, kAnon | kFrameThp | kFrameCompoundTail, average, 1);
  }
  struct Figures {
    uint64_t rss, pss, uss;  // KiB
  };
  static TreeMapping Mapping(uint64_t start, std::vector<uint64_t> pages, Figures smaps) {
    return {.start = start,
            .pages = std::move(pages),
            .figures = {{"Rss", smaps.rss},
                        {"Pss", smaps.pss},
                        {"Shared_Dirty", smaps.rss - smaps.uss},
                        {"Private_Clean", 0},
                        {"Private_Dirty", smaps.uss},
                        {"Private_Hugetlb", 0},
                        {"Shared_Hugetlb", 0},
                        {"Swap", 0}}};
  }
  static constexpr char kExact[] =
      "SELECT pid, start, exact_pss_kib, exact_uss_kib, exact_missing FROM mapping_sharing h "
      "JOIN mapping_detail d ON d.process_id = h.process_id AND d.mapping_id = h.mapping_id";

  MachineTree machine_;
  TreeProcess parent_{.pid = 100};
  TreeProcess child_{.pid = 101};
};

TEST_F(AverageTest, FiguresAreThoseOfThatKernel) {
  CapturedSnapshot file(machine_.reader());
  EXPECT_THAT(file.Rows("SELECT rss_kib, pss_kib, uss_kib FROM mapping_usage"),
              ElementsAre("16|16|0", "8|8|8", "16|8|0", "4|4|0", "16|8|0", "4|4|4"));
  const ReportResult check = RunReport({"check", file.path(), "--strict", "--format", "csv"});
  EXPECT_EQ(check.code, kExitOk) << check.out;
  EXPECT_THAT(check.out, testing::HasSubstr("accounting,pss,ok,6 mappings"));
  // What the map counts alone would make of it.
  ChangeFile(file.path(), "UPDATE snapshot SET map_count_kind = 'page'");
  EXPECT_EQ(RunReport({"check", file.path(), "--strict"}).code, kExitWithGaps);
}

TEST_F(AverageTest, ExactFiguresAreCounted) {
  CapturedSnapshot file(machine_.reader());
  EXPECT_THAT(file.Rows(kExact), ElementsAre("100|0x100000|14|12|NULL", "100|0x200000|8|8|NULL",
                                             "100|0x300000|8|0|NULL", "101|0x100000|2|0|NULL",
                                             "101|0x300000|8|0|NULL", "101|0x400000|4|4|NULL"));
  const ReportResult processes = RunReport({"processes", file.path(), "--format", "csv"});
  EXPECT_THAT(processes.out,
              testing::HasSubstr(",30,20,,0,0,"));  // the parent's, the last columns
  EXPECT_THAT(processes.out, testing::HasSubstr(",14,4,,0,0,"));
}

// What may be shared is drawn as shared.
TEST_F(AverageTest, SharedIsWhatIsNotPrivate) {
  CapturedSnapshot file(machine_.reader());
  EXPECT_THAT(file.Rows("SELECT shared_count FROM mapping_span(16)"),
              ElementsAre("4", "0", "4", "1", "4", "0"));
}

// Alone, the parent does not know of the child, and the averages do not tell of it.
TEST_F(AverageTest, AnAverageProvesNothing) {
  CapturedSnapshot file(machine_.reader(), ProcessesWithPid({100}));
  constexpr char kMissing[] = "processes that were not captured may map some of the frames";
  EXPECT_THAT(file.Rows(kExact), ElementsAre(fmt::format("100|0x100000|NULL|NULL|{}", kMissing),
                                             "100|0x200000|8|8|NULL",
                                             fmt::format("100|0x300000|NULL|NULL|{}", kMissing)));
  EXPECT_THAT(file.Rows("SELECT outside_page_count, outside_map_count FROM mapping_sharing"),
              ElementsAre("NULL|NULL", "0|0", "NULL|NULL"));
  EXPECT_THAT(file.Rows("SELECT at_exit, frame_count FROM frame_fate"),
              ElementsAre("unknown|4", "freed|2", "unknown|4"));
}

// With map counts of pages, the same ones say who else maps them.
TEST_F(AverageTest, MapCountsOfPagesDo) {
  machine_.reader().AddText("boot/config-6.18.5", "# CONFIG_NO_PAGE_MAPCOUNT is not set\n");
  CapturedSnapshot file(machine_.reader(), ProcessesWithPid({100}));
  EXPECT_THAT(file.Rows("SELECT exact_pss_kib, outside_page_count FROM mapping_sharing"),
              ElementsAre("16|0", "8|0", "NULL|4"));
  EXPECT_THAT(file.Rows("SELECT at_exit, frame_count FROM frame_fate"),
              ElementsAre("freed|4", "freed|2", "kept|4"));
}

// After vfork the child's entries are the parent's: no second user of a frame.
TEST(ExactUsageTest, ASharedAddressSpaceCountsOnce) {
  MachineTree machine;
  machine.AddFrames(0x100, 4, kAnon, 1, 1);
  const TreeMapping mapping = {.start = 0x200000, .pages = PresentRun(0x100, 4)};
  machine.AddProcess({.pid = 100, .mappings = {mapping}});
  machine.AddProcess({.pid = 101, .start_time_ticks = 6000, .mappings = {mapping}});
  constexpr char kFigures[] =
      "SELECT pid, exact_pss, exact_uss_kib FROM process_exact_usage x JOIN process p "
      "ON p.id = x.process_id ORDER BY pid";
  CapturedSnapshot apart(machine.reader());
  EXPECT_THAT(apart.Rows(kFigures), ElementsAre("100|33554432|0", "101|33554432|0"));
  for (const int32_t pid : {100, 101}) machine.reader().SetSpace(pid, 7);
  CapturedSnapshot shared(machine.reader());
  EXPECT_THAT(shared.Rows(kFigures), ElementsAre("100|67108864|16"));
}

// ---- What makes a capture one of all processes ----

class ScopeTest : public AverageTest {
 protected:
  // Returns whether the figures of folios that others may map are known.
  bool AreKnown(const CaptureRequest& request = AllProcesses()) {
    CapturedSnapshot file(machine_.reader(), request);
    return file.Rows("SELECT 1 FROM mapping_sharing WHERE exact_pss IS NULL") ==
           std::vector<std::string>{};
  }
};

TEST_F(ScopeTest, AllProcessesOfTheInitialNamespace) {
  EXPECT_TRUE(AreKnown());
  // The same, but nothing says so.
  EXPECT_FALSE(AreKnown(ProcessesWithPid({100, 101})));
  machine_.reader().AddLink("proc/1/ns/pid", "pid:[4026531836]");
  EXPECT_TRUE(AreKnown());
  machine_.reader().AddLink("proc/1/ns/pid", "pid:[4026532201]");
  EXPECT_FALSE(AreKnown());
}

TEST_F(ScopeTest, HiddenProcesses) {
  machine_.reader().AddText("proc/self/mounts", "proc /proc proc rw,hidepid=invisible 0 0\n");
  EXPECT_FALSE(AreKnown());
  machine_.reader().AddLink("proc/1/ns/pid", "pid:[4026531836]");
  EXPECT_TRUE(AreKnown());
}

TEST_F(ScopeTest, AGapAnywhereLeavesItOpen) {
  CapturedSnapshot file(machine_.reader());
  ChangeFile(file.path(),
             "INSERT INTO gap (snapshot_id, process_id, source, reason) "
             "SELECT 1, id, 'maps', 'denied' FROM process WHERE pid = 101");
  EXPECT_THAT(file.Rows("SELECT exact_pss_kib FROM mapping_sharing LIMIT 3"),
              ElementsAre("NULL", "8", "NULL"));
}

TEST_F(ScopeTest, AProcessThatStartedMeanwhile) {
  CapturedSnapshot file(machine_.reader());
  ChangeFile(file.path(), "INSERT INTO system_fact VALUES (1, 'capture.started_meanwhile', '102')");
  EXPECT_THAT(file.Rows("SELECT exact_pss_kib FROM mapping_sharing LIMIT 3"),
              ElementsAre("NULL", "8", "NULL"));
}

// Damage leaves the reports that also have these figures what they were.
TEST_F(ScopeTest, DamageMakesThemUnknown) {
  CapturedSnapshot file(machine_.reader());
  FlipBit(file.path(), "page_content", "words", 1);
  EXPECT_THAT(file.Rows("SELECT DISTINCT exact_pss_kib, exact_missing FROM mapping_sharing"),
              ElementsAre("NULL|a blob is damaged, see 'analyze check'"));
  EXPECT_THAT(RunReport({"processes", file.path()}).out, Not(IsEmpty()));
}

}  // namespace
}  // namespace pagesnap
