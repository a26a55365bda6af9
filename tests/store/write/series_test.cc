// Contents and frames that are coded against those of a moment ago.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <barrier>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "lib/codec/similar_words.h"
#include "lib/store/read/snapshot_reader.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kSnapshots = 40;  // more than two ways of kMaxBaseSteps

// The pages of a process that gets another frame for a few of its pages in every snapshot. The
// frames are so far apart that no coding but one against a base is small.
std::vector<uint64_t> Words(int snapshot) {
  std::vector<uint64_t> words;
  for (uint64_t page = 0; page < 4096; ++page) {
    uint64_t version = page % 100 <= static_cast<uint64_t>(snapshot % 10) ? snapshot : 0;
    words.push_back(Present((page * 7919 + version * 104729) % 1'000'003 + 1));
  }
  return words;
}

// The flags of a frame of chunk 0, which change for one frame in every snapshot.
uint64_t FlagsOf(uint64_t pfn, int snapshot) {
  return pfn % 997 == static_cast<uint64_t>(snapshot) ? 99 : pfn * 2654435761U >> 8 & 7;
}

// The frames of the words, by chunk.
std::map<uint64_t, FrameColumns> Frames(int snapshot) {
  std::set<uint64_t> pfns;
  for (uint64_t word : Words(snapshot)) pfns.insert(PageWord(word).pfn());
  std::map<uint64_t, FrameColumns> chunks;
  for (uint64_t pfn : pfns) {
    FrameColumns& columns = chunks[pfn / kFramesPerChunk];
    const uint64_t frame = pfn % kFramesPerChunk;
    columns.referenced[frame / 64] |= uint64_t{1} << (frame % 64);
    columns.flags.Append(FlagsOf(pfn, snapshot));
    columns.map_count.Append(1);
    columns.cgroup.Append(7);
  }
  return chunks;
}

class SeriesTest : public testing::Test {
 protected:
  SeriesTest() {
    WriteSnapshotFile(path_, [](SnapshotWriter& writer) {
      for (int i = 0; i < kSnapshots; ++i) {
        SnapshotFacts facts;
        facts.kernel_release = "6.18.0";
        facts.pfn_visible = true;
        writer.BeginSnapshot(facts);
        int64_t process = writer.AddProcess({.pid = 5, .name = "a"});
        MappingFacts mapping;
        mapping.first_page = 4096;
        mapping.page_count = 4096;
        mapping.perms = "rw-p";
        mapping.device = "0:0";
        int64_t mapping_id = writer.AddMapping(process, mapping);
        writer.AddPages(mapping_id, 0, Words(i), {.process_key = 77});
        for (const auto& [number, columns] : Frames(i)) {
          writer.AddFrames(number * kFramesPerChunk, columns, /*series=*/true);
        }
        writer.Commit();
      }
    });
  }

  TestFolder folder_;
  std::string path_ = folder_.File("series");
};

TEST_F(SeriesTest, EverySnapshotReadsBackAsItWas) {
  Session session(path_);
  for (int i = 0; i < kSnapshots; ++i) {
    auto id = static_cast<int64_t>(i + 1);
    std::span<const uint64_t> words = session.reader().Words(id);
    EXPECT_EQ(std::vector<uint64_t>(words.begin(), words.end()), Words(i)) << i;
    FrameTable& frames = *session.reader().Frames(id);
    const FrameOrdinals ordinals = frames.LoadOrdinals();
    uint32_t count = 0;
    for (const auto& [number, columns] : Frames(i)) count += columns.flags.size();
    EXPECT_EQ(frames.frame_count(), count);
    for (uint64_t word : words) {
      const uint64_t pfn = PageWord(word).pfn();
      uint32_t ordinal = count;
      ASSERT_TRUE(ordinals.Find(pfn, &ordinal));
      ASSERT_LT(ordinal, count);
      ASSERT_EQ(frames.Find(pfn)->flags, FlagsOf(pfn, i)) << i << " " << pfn;
    }
  }
}

TEST_F(SeriesTest, StandsAloneAgainAfterSixteenSteps) {
  Session session(path_);
  EXPECT_THAT(QueryRows(session.database(), "SELECT id FROM page_content WHERE base_id IS NULL"),
              ElementsAre("1", "18", "35"));
  EXPECT_THAT(QueryRows(session.database(),
                        "SELECT snapshot_id FROM frame_chunk JOIN frame_content f "
                        "ON f.id = frame_content_id WHERE base_id IS NULL AND first_pfn = 0"),
              ElementsAre("1", "18", "35"));
}

TEST_F(SeriesTest, WhatDependsOnADamagedBaseIsDamagedToo) {
  FlipBit(path_, "page_content", "words", 18);
  Session session(path_);
  auto error_of = [&](int64_t id) { return ErrorOf([&] { session.reader().Words(id); }); };
  EXPECT_EQ(error_of(17), "no error");
  EXPECT_THAT(error_of(18), HasSubstr("page_content 18 does not match its checksum"));
  EXPECT_THAT(error_of(20), HasSubstr("page_content 18 does not match its checksum"));
  EXPECT_EQ(error_of(35), "no error");
  EXPECT_THAT(
      QueryRows(session.database(), "SELECT COUNT(*) FROM blob_check WHERE problem IS NOT NULL"),
      ElementsAre("17"));
}

TEST_F(SeriesTest, NoFileLeadsInCircles) {
  ChangeFile(path_, "UPDATE page_content SET base_id = 30 WHERE id = 20");
  ChangeFile(path_, "UPDATE page_content SET base_id = 3 WHERE id = 18");
  ChangeFile(path_,
             "UPDATE frame_content SET base_id = id WHERE id = (SELECT frame_content_id "
             "FROM frame_chunk WHERE snapshot_id = 7 AND first_pfn = 0)");
  Session session(path_);
  auto words = [&](int64_t id) { return ErrorOf([&] { session.reader().Words(id); }); };
  EXPECT_THAT(words(20), HasSubstr("page_content 20 has an impossible base"));
  EXPECT_THAT(words(34), HasSubstr("has an impossible base"));  // more than 16 steps
  EXPECT_THAT(ErrorOf([&] { session.reader().Frames(7)->Find(0); }),
              AllOf(HasSubstr("frame_content "), HasSubstr("has an impossible base")));
}

TEST(SimilarContentTest, AnotherProcessIsCodedAgainstTheFirstThatMapsTheFile) {
  TestFolder folder;
  std::string path = folder.File("file");
  WriteSnapshotFile(path, [](SnapshotWriter& writer) {
    writer.BeginSnapshot({});
    for (int i = 0; i < 4; ++i) {
      int64_t process = writer.AddProcess({.pid = i + 1, .name = "a"});
      MappingFacts mapping;
      mapping.first_page = 4096 * (i + 1);
      mapping.page_count = 4096;
      int64_t mapping_id = writer.AddMapping(process, mapping);
      std::vector<uint64_t> words = Words(i);
      // Each has touched another part of the file.
      std::span<const uint64_t> part = std::span(words).subspan(i * 100, 3000);
      writer.AddPages(mapping_id, i * 100, part,
                      {.file_key = 9, .into_chunk = static_cast<uint32_t>(i * 100)});
    }
    writer.Commit();
  });
  Session session(path);
  EXPECT_THAT(QueryRows(session.database(), "SELECT id, base_id FROM page_content"),
              ElementsAre("1|NULL", "2|1", "3|1", "4|1"));
  for (int i = 0; i < 4; ++i) {
    std::vector<uint64_t> words = Words(i);
    std::span<const uint64_t> read = session.reader().Words(i + 1);
    EXPECT_TRUE(std::equal(read.begin(), read.end(), words.begin() + i * 100)) << i;
  }
}

// Writes a process with one mapping that has these pages at page 4096.
void AddRelative(SnapshotWriter& writer, int64_t pid, std::span<const uint64_t> words,
                 uint64_t address_key = 5) {
  const int64_t process = writer.AddProcess({.pid = pid, .name = "a"});
  MappingFacts mapping;
  mapping.first_page = 4096;
  mapping.page_count = 4096;
  writer.AddPages(writer.AddMapping(process, mapping), 0, words, {.address_key = address_key});
}

// Returns words[i] with every `step`th page in another frame.
std::vector<uint64_t> Changed(std::vector<uint64_t> words, size_t step, uint64_t seed) {
  for (size_t i = seed % step; i < words.size(); i += step) {
    words[i] = Present((i * 104729 + seed * 7919) % 999'983 + 1);
  }
  return words;
}

TEST(SimilarContentTest, ARelativeIsCodedAgainstTheNearestThatHadTheAddress) {
  TestFolder folder;
  const std::string path = folder.File("file");
  std::vector<std::vector<uint64_t>> contents;
  WriteSnapshotFile(path, [&](SnapshotWriter& writer) {
    writer.BeginSnapshot({});
    const std::vector<uint64_t> parent = Words(0);
    contents = {parent,
                Changed(parent, 50, 1),                 // a child
                Changed(parent, 4, 2),                  // one that changed much, and
                Changed(Changed(parent, 4, 2), 60, 3),  // its own child, three steps deep,
                Changed(parent, 70, 4),                 // another child of the first
                Changed(Changed(parent, 4, 2), 80, 5),  // and another grandchild
                Words(7)};
    for (uint64_t& word : contents.back()) word ^= 0x5555;  // no relative
    for (size_t i = 0; i < contents.size(); ++i) {
      AddRelative(writer, static_cast<int64_t>(i + 1), contents[i]);
    }
    writer.Commit();
    // Addresses say nothing of the processes of another snapshot.
    writer.BeginSnapshot({});
    contents.push_back(Changed(parent, 90, 9));
    AddRelative(writer, 1, contents.back());
    writer.Commit();
  });
  Session session(path);
  EXPECT_THAT(QueryRows(session.database(), "SELECT id, base_id FROM page_content"),
              ElementsAre("1|NULL", "2|1", "3|1", "4|3", "5|1", "6|3", "7|NULL", "8|NULL"));
  for (size_t i = 0; i < contents.size(); ++i) {
    const std::span<const uint64_t> read = session.reader().Words(static_cast<int64_t>(i + 1));
    EXPECT_TRUE(std::ranges::equal(read, contents[i])) << i;
  }
}

// Frames that lie side by side take less than what differs from a relative's.
TEST(SimilarContentTest, WhatIsSmallAloneStandsAlone) {
  TestFolder folder;
  const std::string path = folder.File("file");
  WriteSnapshotFile(path, [&](SnapshotWriter& writer) {
    writer.BeginSnapshot({});
    AddRelative(writer, 1, Changed(PresentRun(5000, 4096), 4, 1));
    AddRelative(writer, 2, PresentRun(5000, 4096));
    writer.Commit();
  });
  Session session(path);
  EXPECT_THAT(QueryRows(session.database(), "SELECT id, base_id FROM page_content"),
              ElementsAre("1|NULL", "2|NULL"));
}

// Which pages a process has touched of what others have is a bit each; their frames are known.
TEST(SimilarContentTest, APartOfWhatAnotherHasNeedsOnlyItsPlaces) {
  TestFolder folder;
  const std::string path = folder.File("file");
  std::vector<uint64_t> part = Words(0);
  for (size_t i = 0; i < part.size(); ++i) {
    if (i * 2654435761U % 97 > 20) part[i] = 0;
  }
  WriteSnapshotFile(path, [&](SnapshotWriter& writer) {
    writer.BeginSnapshot({});
    AddRelative(writer, 1, Words(0));
    AddRelative(writer, 2, part);
    writer.Commit();
  });
  Session session(path);
  EXPECT_THAT(QueryRows(session.database(), "SELECT id, base_id FROM page_content"),
              ElementsAre("1|NULL", "2|1"));
  const std::span<const uint64_t> read = session.reader().Words(2);
  EXPECT_TRUE(std::ranges::equal(read, std::span(part).first(read.size())));
}

// Whatever number of threads adds them at once, all but one have a base.
TEST(SimilarContentTest, RelativesThatComeAtOnceHaveOneBase) {
  TestFolder folder;
  const std::string path = folder.File("file");
  constexpr int kThreads = 4;
  constexpr int kRounds = 100;
  WriteSnapshotFile(path, [&](SnapshotWriter& writer) {
    writer.BeginSnapshot({});
    std::barrier together(kThreads);
    auto add_all = [&](int number) {
      for (int round = 0; round < kRounds; ++round) {
        std::vector<uint64_t> words = Changed(Words(0), 100, static_cast<uint64_t>(number));
        words[0] = Present(static_cast<uint64_t>(round) + 1);
        together.arrive_and_wait();
        AddRelative(writer, number + 1, words, static_cast<uint64_t>(round) + 1);
      }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(add_all, i);
    for (std::thread& thread : threads) thread.join();
    writer.Commit();
  });
  Session session(path);
  EXPECT_THAT(
      QueryRows(session.database(), "SELECT COUNT(*), SUM(base_id IS NULL) FROM page_content"),
      ElementsAre(fmt::format("{}|{}", kThreads * kRounds, kRounds)));
}

}  // namespace
}  // namespace pagesnap
