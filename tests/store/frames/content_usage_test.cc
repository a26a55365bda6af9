// What the file says that the pages of a content amount to: when it says so, that it is right, and
// that nobody depends on it.
#include "lib/store/frames/content_usage.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <functional>
#include <map>

#include "lib/store/schema.h"
#include "lib/store/write/snapshot_writer.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kAnon = 0x5828;  // UPTODATE,LRU,MMAP,ANON,SWAPBACKED
constexpr uint64_t kFile = 0x828;
constexpr FrameFacts kOwn = {kAnon, 1, 4242};

int64_t HashOf(const std::vector<FrameFacts>& pages) {
  FactsHash hash;
  for (size_t i = 0; i < pages.size(); ++i) hash.Add(i, &pages[i]);
  return hash.Finish();
}

std::vector<FrameFacts> Repeat(size_t count, const FrameFacts& facts) {
  return std::vector<FrameFacts>(count, facts);
}

TEST(FactsHashTest, ExampleOfTheDocument) {
  EXPECT_EQ(HashOf(Repeat(64, kOwn)), 3938217157704160384);
}

TEST(FactsHashTest, FlagsThatChangeByThemselvesMakeNoDifference) {
  std::vector<FrameFacts> pages = Repeat(64, kOwn);
  for (size_t i = 20; i < 40; ++i) pages[i].flags ^= kVolatileFrameFlags;
  EXPECT_EQ(HashOf(pages), HashOf(Repeat(64, kOwn)));
}

TEST(FactsHashTest, EverythingElseDoes) {
  const int64_t own = HashOf(Repeat(64, kOwn));
  for (int bit = 0; bit < 64; ++bit) {
    std::vector<FrameFacts> pages = Repeat(64, kOwn);
    pages[63].flags ^= uint64_t{1} << bit;
    EXPECT_EQ(HashOf(pages) == own, (kVolatileFrameFlags >> bit & 1) != 0) << bit;
  }
  std::vector<FrameFacts> pages = Repeat(64, kOwn);
  pages[0].map_count = 2;
  const int64_t first_is_shared = HashOf(pages);
  EXPECT_NE(first_is_shared, own);
  std::swap(pages[0], pages[1]);
  EXPECT_NE(HashOf(pages), first_is_shared);
  pages[1] = {kAnon, 1, 4243};
  EXPECT_NE(HashOf(pages), own);
  EXPECT_NE(HashOf(Repeat(63, kOwn)), own);
}

// In sums with factors that have a pattern, as 1, 2, 3, ..., such changes cancel out.
TEST(FactsHashTest, ChangesDoNotCancelOut) {
  std::vector<FrameFacts> pages = Repeat(64, kOwn);
  const int64_t own = HashOf(pages);
  FrameFacts shared = kOwn;
  shared.map_count = 2;
  pages[10] = pages[13] = shared;
  const int64_t one = HashOf(pages);
  std::swap(pages[10], pages[11]);
  std::swap(pages[13], pages[12]);
  EXPECT_NE(HashOf(pages), one);
  EXPECT_NE(one, own);
}

TEST(FactsHashTest, PartsAddUp) {
  std::vector<FrameFacts> pages = Repeat(64, kOwn);
  for (size_t i = 0; i < 64; i += 3) pages[i].map_count = i;
  FactsHash even;
  FactsHash odd;
  for (size_t i = 0; i < 64; ++i) (i % 2 == 0 ? even : odd).Add(i, &pages[i]);
  EXPECT_EQ(FactsHash::Sum(even.Finish(), odd.Finish()), HashOf(pages));
}

TEST(FactsHashTest, ExampleOfOlderFormats) {
  FactsRunHash hash;
  for (size_t i = 0; i < 64; ++i) hash.Add(i, &kOwn);
  EXPECT_EQ(hash.Finish(), -8351448274263049555);
}

TEST(FactsHashTest, StartsOver) {
  FactsHash hash;
  hash.Add(0, nullptr);
  hash.Finish();
  hash.Add(0, &kOwn);
  EXPECT_EQ(hash.Finish(), HashOf({kOwn}));
}

class ContentUsageTest : public testing::Test {
 protected:
  using FactsOf = std::function<FrameFacts(uint64_t pfn)>;

  // Writes a snapshot of one process with a mapping for each of `mappings`.
  static void AddSnapshot(SnapshotWriter& writer,
                          const std::vector<std::vector<uint64_t>>& mappings,
                          const FactsOf& facts_of, bool pfn_visible = true) {
    SnapshotFacts facts;
    facts.boot_id = "7c7ad1c3";
    facts.kernel_release = "6.18.0";
    facts.pfn_visible = pfn_visible;
    writer.BeginSnapshot(facts);
    const int64_t process = writer.AddProcess({.pid = 100, .name = "server", .state = "S"});
    writer.SetMappingCount(process, static_cast<int64_t>(mappings.size()));
    std::map<uint64_t, FrameFacts> frames;
    uint64_t first_page = 16;
    for (const std::vector<uint64_t>& words : mappings) {
      MappingFacts mapping;
      mapping.first_page = first_page;
      mapping.page_count = words.size();
      mapping.perms = "rw-p";
      mapping.device = "0:0";
      mapping.vm_flags = "rd wr";
      first_page += words.size() + 1;
      writer.AddPages(writer.AddMapping(process, mapping), 0, words);
      for (const uint64_t word : words) {
        const PageWord page(word);
        if (page.present() && page.pfn() != 0) frames[page.pfn()] = facts_of(page.pfn());
      }
    }
    AddFrames(writer, frames);
    const SourceState state = pfn_visible ? SourceState::kRead : SourceState::kHidden;
    writer.SetFrameSources(state, state, state);
    writer.AddUsages();
    writer.Commit();
  }
  static void AddFrames(SnapshotWriter& writer, const std::map<uint64_t, FrameFacts>& frames) {
    std::map<uint64_t, FrameColumns> chunks;
    for (const auto& [pfn, facts] : frames) {
      FrameColumns& columns = chunks[pfn / kFramesPerChunk];
      const uint64_t frame = pfn % kFramesPerChunk;
      columns.referenced[frame / 64] |= uint64_t{1} << frame % 64;
      columns.flags.Append(facts.flags);
      columns.map_count.Append(facts.map_count);
      columns.cgroup.Append(facts.cgroup);
    }
    for (const auto& [number, columns] : chunks) {
      writer.AddFrames(number * kFramesPerChunk, columns);
    }
  }
  void Write(const std::function<void(SnapshotWriter&)>& fill) { WriteSnapshotFile(path_, fill); }
  // Writes a file with a content that is worth a row, mapped by two mappings.
  void WriteSound() {
    Write([](SnapshotWriter& writer) {
      const std::vector<uint64_t> words = PresentRun(1000, 128);
      AddSnapshot(writer, {words, words}, [](uint64_t) { return kOwn; });
    });
  }
  std::vector<std::string> Rows(const std::string& sql) const {
    return QueryRows(Session(path_).database(), sql);
  }
  // Returns all rows, without the hash.
  std::vector<std::string> Usages() const {
    return Rows(
        "SELECT snapshot_id, content_id, rss_count, uss_count, hugetlb_count, anonymous_count, "
        "shmem_count, thp_count, torn_count, pss FROM content_usage ORDER BY 1, 2");
  }

  TestFolder folder_;
  std::string path_ = folder_.File("a");
};

TEST_F(ContentUsageTest, LargeContentsHaveARow) {
  Write([](SnapshotWriter& writer) {
    std::vector<uint64_t> large = PresentRun(1000, 128);
    large.push_back(Swapped(0, 5));
    std::vector<uint64_t> small = PresentRun(2000, 127);
    small.push_back(Swapped(0, 6));
    AddSnapshot(writer, {small, large}, [](uint64_t) { return kOwn; });
  });
  EXPECT_THAT(Usages(), ElementsAre(fmt::format("1|2|128|128|0|128|0|0|0|{}", int64_t{128} << 24)));
}

TEST_F(ContentUsageTest, CountsAsTheKernelDoes) {
  Write([](SnapshotWriter& writer) {
    AddSnapshot(writer, {PresentRun(1000, 160)}, [](uint64_t pfn) -> FrameFacts {
      if (pfn < 1010) return {kFrameHuge, 1, 1};
      if (pfn < 1030) return {kFile, 3, 1};
      if (pfn < 1035) return {kFile | uint64_t{1} << 14, 1, 1};  // SWAPBACKED
      if (pfn < 1037) return {kFrameZeroPage, 9, 1};
      return kOwn;
    });
  });
  const int64_t pss = (int64_t{5 + 123} << 24) + 20 * ((int64_t{1} << 24) / 3);
  EXPECT_THAT(Usages(), ElementsAre(fmt::format("1|1|148|128|10|123|5|0|0|{}", pss)));
}

// Their frames' flags are others' by now; the page word says what they were.
TEST_F(ContentUsageTest, TornPagesAreOfTheKindThatTheirWordsSay) {
  Write([](SnapshotWriter& writer) {
    std::vector<uint64_t> words = PresentRun(1000, 128);
    for (size_t i = 60; i < 128; ++i) words[i] |= PageWord::kFile;
    AddSnapshot(writer, {words}, [](uint64_t pfn) -> FrameFacts {
      if (pfn < 1004) return {kFrameBuddy, 0, 1};  // anonymous, free now
      if (pfn < 1009) return {kFile, 0, 1};        // anonymous, somebody's file now
      if (pfn < 1060) return kOwn;
      if (pfn < 1063) return {kFrameSlab, 0, 1};                // a file, the kernel's now
      if (pfn < 1065) return kOwn;                              // a file, anonymous now
      if (pfn < 1068) return {kFile | kFrameSwapBacked, 0, 1};  // shared memory, given up
      return {kFile, 1, 1};
    });
  });
  EXPECT_THAT(Rows("SELECT rss_kib, anonymous_kib, file_kib, shmem_kib, torn_count "
                   "FROM mapping_usage"),
              ElementsAre("512|240|260|12|17"));
  EXPECT_THAT(Usages(), IsEmpty());
}

// An older capture had another rule for the kind of torn pages, and stored the result.
TEST_F(ContentUsageTest, StoredKindsOfTornPagesAreNotUsed) {
  WriteSound();
  ChangeFile(path_, "UPDATE content_usage SET torn_count = 2, anonymous_count = 100");
  EXPECT_THAT(Rows("SELECT DISTINCT anonymous_kib, torn_count FROM mapping_usage"),
              ElementsAre("512|0"));
}

TEST_F(ContentUsageTest, OncePerSnapshotHoweverManyMappingsHaveIt) {
  Write([](SnapshotWriter& writer) {
    const std::vector<uint64_t> words = PresentRun(1000, 128);
    AddSnapshot(writer, {words, words}, [](uint64_t) { return kOwn; });
    AddSnapshot(writer, {words}, [](uint64_t pfn) {
      return FrameFacts{kAnon, pfn == 1001 ? uint64_t{2} : uint64_t{1}, 4242};
    });
  });
  EXPECT_THAT(Usages(), ElementsAre(fmt::format("1|1|128|128|0|128|0|0|0|{}", int64_t{128} << 24),
                                    fmt::format("2|1|128|127|0|128|0|0|0|{}",
                                                (int64_t{128} << 24) - (1 << 23))));
  EXPECT_THAT(Rows("SELECT COUNT(DISTINCT facts_hash) FROM content_usage"), ElementsAre("2"));
}

TEST_F(ContentUsageTest, NoneWhereSomethingIsUnknown) {
  Write([](SnapshotWriter& writer) {
    AddSnapshot(writer, {PresentRun(1000, 128), PresentRun(2000, 128), PresentRun(3000, 128)},
                [](uint64_t pfn) -> FrameFacts {
                  if (pfn == 1007) return {kNotRead, 1, 1};
                  if (pfn == 2007) return {kAnon, kNotRead, 1};
                  return {kAnon, 1, kNotRead};
                });
  });
  EXPECT_THAT(Rows("SELECT content_id FROM content_usage"), ElementsAre("3"));
}

TEST_F(ContentUsageTest, NoneWithoutPfns) {
  Write([](SnapshotWriter& writer) {
    AddSnapshot(
        writer, {std::vector<uint64_t>(128, PageWord::kPresent)}, [](uint64_t) { return kOwn; },
        false);
  });
  EXPECT_THAT(Usages(), IsEmpty());
}

// The frames of a large machine are counted in parts: the rows are the same.
TEST_F(ContentUsageTest, PartsOfTheFramesAddUp) {
  Write([](SnapshotWriter& writer) {
    std::vector<uint64_t> all_over;
    std::vector<uint64_t> unread;
    std::vector<uint64_t> torn;
    for (uint64_t i = 0; i < 200; ++i) {
      all_over.push_back(Present(i % 5 * kFramesPerChunk + 1000 + i));
      unread.push_back(Present(i % 5 * kFramesPerChunk + 2000 + i));
      torn.push_back(Present(i % 5 * kFramesPerChunk + 3000 + i));
    }
    const std::vector<uint64_t> second = PresentRun(kFramesPerChunk + 4000, 128);
    AddSnapshot(writer, {all_over, unread, torn, second}, [](uint64_t pfn) -> FrameFacts {
      const uint64_t index = pfn % kFramesPerChunk;
      if (index == 2001 || index == 2194) return {kAnon, kNotRead, 1};
      if (index == 3003) return {kFrameBuddy, 0, 1};
      if (index % 7 == 0) return {kFile | kFrameSwapBacked, 1 + index % 3, 1};
      return {kAnon, 1 + index % 4, pfn};
    });
  });
  const auto rows = [&] { return Rows("SELECT * FROM content_usage ORDER BY 1, 2"); };
  const std::vector<std::string> whole = rows();
  EXPECT_EQ(whole.size(), 2u);
  for (const size_t max_chunks : {1, 2, 3, 4, 5}) {
    ChangeFile(path_, "DELETE FROM content_usage");
    Database database = Database::CreateFile(path_);
    AddContentUsages(database, 1, {6, 18}, MapCountKind::kPage, 4096, {4, 3, 2, 1, 1}, 2,
                     max_chunks);
    database.Close();
    EXPECT_EQ(rows(), whole) << max_chunks;
  }
}

TEST_F(ContentUsageTest, FiguresNeedNoPageWords) {
  WriteSound();
  FlipBit(path_, "page_content", "words", 1);
  EXPECT_THAT(Rows("SELECT rss_kib, pss_kib, missing FROM mapping_usage"),
              ElementsAre("512|512|NULL", "512|512|NULL"));
}

TEST_F(ContentUsageTest, CheckAddsThemUpAgain) {
  WriteSound();
  const ReportResult sound = RunReport({"check", path_, "--format", "csv"});
  EXPECT_THAT(sound.out, HasSubstr("\nsums,content_usage,ok,1 rows\r\n"));
  for (const char* column : {"facts_hash", "rss_count", "uss_count", "hugetlb_count",
                             "anonymous_count", "shmem_count", "thp_count", "torn_count", "pss"}) {
    const std::string lie = folder_.File("lie");
    std::filesystem::copy_file(path_, lie, std::filesystem::copy_options::overwrite_existing);
    ChangeFile(lie, fmt::format("UPDATE content_usage SET {0} = {0} + IIF({0} = 128, -1, 1) "
                                "WHERE '{0}' <> 'pss'; UPDATE content_usage SET pss = pss - 1 "
                                "WHERE '{0}' IN ('pss', 'rss_count')",
                                column));
    if (column == std::string("rss_count")) {
      ChangeFile(lie, "UPDATE content_usage SET pss = rss_count << 24");
    }
    const ReportResult check = RunReport({"check", lie, "--format", "csv"});
    EXPECT_EQ(check.code, kExitFailed) << column;
    EXPECT_THAT(check.out, HasSubstr("\nsums,content_usage,damaged,\"1 rows, 1 damaged\"\r\n"))
        << column;
    EXPECT_THAT(check.out, HasSubstr("\nsum,content_usage snapshot_id 1 content_id 1,damaged,"
                                     "it is not what page words and frame facts add up to\r\n"))
        << column;
  }
}

TEST_F(ContentUsageTest, CheckSaysWhatCannotBeAddedUp) {
  WriteSound();
  FlipBit(path_, "page_content", "words", 1);
  EXPECT_THAT(Rows("SELECT content_id, problem FROM usage_check"),
              ElementsAre("1|what it is the sum of is damaged"));
}

TEST_F(ContentUsageTest, ImpossibleFiguresEndInASentence) {
  WriteSound();
  const std::string sound = folder_.File("sound");
  std::filesystem::copy_file(path_, sound);
  for (const char* lie : {"rss_count = -1", "torn_count = 4097", "pss = -1",
                          "pss = (rss_count << 24) + 1", "hugetlb_count = 1 << 62"}) {
    std::filesystem::copy_file(sound, path_, std::filesystem::copy_options::overwrite_existing);
    ChangeFile(path_, std::string("UPDATE content_usage SET ") + lie);
    EXPECT_THAT(ErrorOf([&] { Rows("SELECT * FROM mapping_usage"); }),
                HasSubstr("the content_usage of content 1 is impossible"))
        << lie;
    EXPECT_THAT(Rows("SELECT snapshot_id, content_id, problem FROM usage_check"),
                ElementsAre(HasSubstr("1|NULL|" + path_ + " is damaged")));
  }
}

// A file of version 1 has no such table, and all figures.
TEST_F(ContentUsageTest, OlderFile) {
  WriteSound();
  const std::string older = folder_.File("older");
  std::filesystem::copy_file(path_, older);
  MakeOlder(older, 1);
  const std::string figures = "SELECT * FROM mapping_usage";
  const std::string rows = "SELECT snapshot_id, content_id FROM content_usage";
  EXPECT_EQ(QueryRows(Session(older).database(), figures), Rows(figures));
  EXPECT_THAT(QueryRows(Session(older).database(), rows), IsEmpty());
  EXPECT_THAT(QueryRows(Session({older, path_}).database(), rows), ElementsAre("2|2"));
  EXPECT_THAT(QueryRows(Session({path_, older}).database(), rows), ElementsAre("1|1"));
  EXPECT_THAT(RunReport({"check", older}).out, testing::Not(HasSubstr("content_usage")));
}

TEST_F(ContentUsageTest, EachVersionHasItsTables) {
  WriteSound();
  ChangeFile(path_, "PRAGMA user_version = 1");
  EXPECT_THAT(ErrorOf([&] { Session{path_}; }), HasSubstr("table content_usage"));
  ChangeFile(path_,
             fmt::format("PRAGMA user_version = {}; DROP TABLE content_usage", kFormatVersion));
  EXPECT_THAT(ErrorOf([&] { Session{path_}; }), HasSubstr("table content_usage"));
}

}  // namespace
}  // namespace pagesnap
