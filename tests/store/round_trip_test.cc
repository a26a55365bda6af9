// What SnapshotWriter writes, SnapshotReader reads.
#include <gmock/gmock.h>

#include "lib/codec/frame_columns.h"
#include "lib/store/read/snapshot_reader.h"
#include "lib/store/schema.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

SnapshotFacts Facts() {
  SnapshotFacts facts;
  facts.kernel_release = "6.18.0";
  facts.pfn_visible = true;
  facts.swap_types = SwapTypeConfig{.migration = true};
  return facts;
}

MappingFacts Mapping(uint64_t first_page, uint64_t page_count) {
  MappingFacts facts;
  facts.first_page = first_page;
  facts.page_count = page_count;
  facts.perms = "rw-p";
  facts.device = "0:0";
  facts.vm_flags = "rd wr";
  return facts;
}

constexpr uint64_t kFarPfn = (uint64_t{1} << 50) + 70;

// Frames of the chunk that starts at `first_pfn`; the first of them has other facts than the rest.
void AddFrames(SnapshotWriter& writer, uint64_t first_pfn, const std::vector<uint32_t>& frames,
               uint64_t flags) {
  FrameColumns columns;
  for (uint32_t frame : frames) {
    columns.referenced[frame / 64] |= uint64_t{1} << frame % 64;
    const bool is_first = columns.flags.size() == 0;
    columns.flags.Append(is_first ? flags : flags + 1);
    columns.map_count.Append(is_first ? 3 : kNotRead);
    columns.cgroup.Append(7);
  }
  writer.AddFrames(first_pfn, columns);
}

// Frame 9, and 4096 from 50 on.
std::vector<uint32_t> NearFrames() {
  std::vector<uint32_t> frames = {9};
  for (uint32_t i = 0; i < 4096; ++i) frames.push_back(50 + i);
  return frames;
}

// Two snapshots: the first with two processes, the second with one that has the same pages.
void Fill(SnapshotWriter& writer) {
  writer.BeginSnapshot(Facts());
  const int64_t first = writer.AddProcess({.pid = 5, .name = "a"});
  const int64_t mapping = writer.AddMapping(first, Mapping(100, 10000));
  writer.AddPages(mapping, 4, std::vector<uint64_t>{0, Present(9), 0, Swapped(31, 1), 0});
  writer.AddPages(mapping, 4096, PresentRun(50, 4096));
  writer.AddMapping(first, Mapping(20000, 1));
  MappingFacts device = Mapping(30000, 8);
  device.vm_flags = "rd io pf dd";
  const int64_t second = writer.AddProcess({.pid = 6, .name = "b"});
  writer.AddPages(writer.AddMapping(second, device), 3, std::vector<uint64_t>{Present(kFarPfn)});
  AccountingTableBuilder figures;
  figures.BeginRow();
  figures.Set("Rss", 12);
  writer.AddAccounting(second, figures);
  AddFrames(writer, 0, NearFrames(), 40);
  AddFrames(writer, uint64_t{1} << 50, {70}, 60);
  writer.AddMemoryZone(0, "Normal", 10, 90, 80, 70);
  writer.SetFrameSources(SourceState::kRead, SourceState::kPartly, SourceState::kMissing);
  writer.Commit();

  SnapshotFacts hidden = Facts();
  hidden.pfn_visible = false;
  hidden.swap_types.reset();
  hidden.page_size = 16384;
  writer.BeginSnapshot(hidden);
  const int64_t third = writer.AddProcess({.pid = 5, .name = "a"});
  writer.AddPages(writer.AddMapping(third, Mapping(100, 4096)), 0, PresentRun(50, 4096));
  writer.SetFrameSources(SourceState::kHidden, SourceState::kHidden, SourceState::kHidden);
  writer.Commit();
}

class RoundTripTest : public testing::Test {
 protected:
  RoundTripTest() {
    WriteSnapshotFile(folder_.File("a"), Fill);
    database_.emplace(OpenSnapshotFile(folder_.File("a")));
    reader_.emplace(*database_);
  }
  TestFolder folder_;
  std::optional<Database> database_;
  std::optional<SnapshotReader> reader_;
};

TEST_F(RoundTripTest, Snapshots) {
  ASSERT_THAT(reader_->snapshots(), SizeIs(2));
  const SnapshotInfo& first = reader_->snapshot(1);
  EXPECT_EQ(first.page_size, 4096);
  EXPECT_EQ(first.release.major, 6);
  EXPECT_TRUE(first.pfn_visible);
  EXPECT_TRUE(first.flags_read);
  EXPECT_TRUE(first.map_count_read);
  EXPECT_EQ(first.decoder.State(PageWord(Swapped(30, 0))), PageState::kMigration);
  const SnapshotInfo& second = reader_->snapshot(2);
  EXPECT_EQ(second.page_size, 16384);
  EXPECT_FALSE(second.pfn_visible);
  EXPECT_FALSE(second.flags_read);
  EXPECT_EQ(second.decoder.State(PageWord(Swapped(3, 0))), PageState::kSwapEntry);
  EXPECT_THROW(static_cast<void>(reader_->snapshot(3)), Error);
}

TEST_F(RoundTripTest, Zones) {
  const SnapshotInfo& snapshot = reader_->snapshot(1);
  EXPECT_EQ(snapshot.ZoneOf(9), nullptr);
  ASSERT_NE(snapshot.ZoneOf(10), nullptr);
  EXPECT_EQ(snapshot.ZoneOf(99)->name, "Normal");
  EXPECT_EQ(snapshot.ZoneOf(100), nullptr);
  EXPECT_EQ(reader_->snapshot(2).ZoneOf(50), nullptr);
}

TEST_F(RoundTripTest, ProcessesByFilter) {
  EXPECT_THAT(reader_->Processes({}), ElementsAre(1, 2, 3));
  EXPECT_THAT(reader_->Processes({.snapshot_id = 1}), ElementsAre(1, 2));
  EXPECT_THAT(reader_->Processes({.snapshot_id = 2, .process_id = 2}), IsEmpty());
  EXPECT_THAT(reader_->Processes({.mapping_id = 3}), ElementsAre(2));
  EXPECT_THAT(reader_->Processes({.mapping_id = 99}), IsEmpty());
}

TEST_F(RoundTripTest, MappingsByFilter) {
  const auto ids = [&](int64_t process_id, const PageFilter& filter) {
    std::vector<int64_t> found;
    for (const MappingInfo& mapping : reader_->Mappings(process_id, filter)) {
      found.push_back(mapping.id);
    }
    return found;
  };
  EXPECT_THAT(ids(1, {}), ElementsAre(1, 2));
  EXPECT_THAT(ids(1, {.mapping_id = 2}), ElementsAre(2));
  EXPECT_THAT(ids(1, {.first_page = 10099}), ElementsAre(1, 2));
  EXPECT_THAT(ids(1, {.first_page = 10100}), ElementsAre(2));
  EXPECT_THAT(ids(1, {.last_page = 19999}), ElementsAre(1));
  EXPECT_THAT(ids(1, {.last_page = 20000}), ElementsAre(1, 2));
  EXPECT_THAT(ids(99, {}), IsEmpty());
  EXPECT_FALSE(reader_->Mappings(1, {})[0].pfn_map);
  EXPECT_TRUE(reader_->Mappings(2, {})[0].pfn_map);
  EXPECT_EQ(reader_->Mappings(3, {})[0].snapshot_id, 2);
}

TEST_F(RoundTripTest, ChunksAndWords) {
  const std::vector<ChunkInfo> chunks = reader_->Chunks(reader_->Mappings(1, {})[0]);
  ASSERT_THAT(chunks, SizeIs(2));
  EXPECT_EQ(chunks[0].first_page, 5);
  EXPECT_EQ(chunks[0].present_count, 1);
  EXPECT_EQ(chunks[0].swapped_count, 0);
  EXPECT_EQ(chunks[0].special_count, 1);
  const auto words = reader_->Words(chunks[0].content_id);
  EXPECT_THAT(std::vector(words.begin(), words.end()), ElementsAre(Present(9), 0, Swapped(31, 1)));
  EXPECT_EQ(chunks[1].present_count, 4096);
  // The other snapshot's process has equal pages.
  const std::vector<ChunkInfo> others = reader_->Chunks(reader_->Mappings(3, {})[0]);
  ASSERT_THAT(others, SizeIs(1));
  EXPECT_EQ(others[0].content_id, chunks[1].content_id);
  EXPECT_EQ(reader_->Words(others[0].content_id)[4095], Present(50 + 4095));
  EXPECT_THAT(reader_->Chunks(reader_->Mappings(1, {})[1]), IsEmpty());
}

TEST_F(RoundTripTest, Frames) {
  const std::shared_ptr<FrameTable> table = reader_->Frames(1);
  FrameTable& frames = *table;
  EXPECT_THAT(frames.first_pfns(), ElementsAre(0, uint64_t{1} << 50));
  ASSERT_NE(frames.Find(9), nullptr);
  EXPECT_EQ(frames.Find(9)->flags, 40);
  EXPECT_EQ(frames.Find(9)->map_count, 3);
  EXPECT_EQ(frames.Find(70)->flags, 41);
  EXPECT_EQ(frames.Find(70)->map_count, kNotRead);
  EXPECT_EQ(frames.Find(70)->cgroup, 7);
  EXPECT_EQ(frames.Find(70000), nullptr);
  EXPECT_EQ(frames.Find(kFarPfn)->flags, 60);
  EXPECT_EQ(frames.Find(kFarPfn + 65536), nullptr);
  EXPECT_EQ(reader_->Frames(2)->Find(9), nullptr);
  EXPECT_EQ(reader_->Frames(1), table);
}

// Which frames there are is in the page words alone.
TEST_F(RoundTripTest, OrdinalsOfFrames) {
  const std::shared_ptr<FrameTable> table = reader_->Frames(1);
  const FrameOrdinals frames = table->LoadOrdinals();
  EXPECT_EQ(table->frame_count(), 4098);
  uint32_t ordinal = 0;
  EXPECT_FALSE(frames.Find(8, &ordinal));
  EXPECT_TRUE(frames.Find(9, &ordinal));
  EXPECT_EQ(ordinal, 0);
  EXPECT_FALSE(frames.Find(49, &ordinal));
  EXPECT_TRUE(frames.Find(50 + 4095, &ordinal));
  EXPECT_EQ(ordinal, 4096);
  EXPECT_FALSE(frames.Find(50 + 4096, &ordinal));
  EXPECT_TRUE(frames.Find(kFarPfn, &ordinal));
  EXPECT_EQ(ordinal, 4097);
  EXPECT_EQ(frames.Ranks(0).NextFrom(10), 50);
  EXPECT_EQ(frames.Ranks(0).NextFrom(50 + 4096), kFramesPerChunk);
}

TEST_F(RoundTripTest, Accounting) {
  EXPECT_EQ(reader_->Accounting(1), nullptr);
  const AccountingTable* table = reader_->Accounting(2);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->Value(table->Column("Rss").value(), 0), 12);
  EXPECT_EQ(reader_->Accounting(1), nullptr);
}

TEST(SnapshotWriterTest, UntilItIsToldOtherwiseNoFrameSourceWasRead) {
  TestFolder folder;
  WriteSnapshotFile(folder.File("a"), [](SnapshotWriter& writer) {
    writer.BeginSnapshot(Facts());
    writer.Commit();
  });
  const Session session(folder.File("a"));
  EXPECT_THAT(QueryRows(session.database(), "SELECT flags_state FROM snapshot"),
              ElementsAre("missing"));
}

// The facts of the machine: a snapshot has rows of its own only where it differs.
TEST(SnapshotWriterTest, FactsOfTheMachineAreStoredOnce) {
  TestFolder folder;
  WriteSnapshotFile(folder.File("a"), [](SnapshotWriter& writer) {
    for (int i = 1; i <= 4; ++i) {
      writer.BeginSnapshot(Facts());
      writer.AddMemoryZone(0, "Normal", 10, 90, 80, 70);
      if (i != 3) writer.AddMemoryZone(1, "Normal", 100, 90, 80, i == 2 ? 60 : 70);
      writer.AddSystemFact("meminfo.MemFree_kib", std::to_string(i / 2));
      writer.AddCgroup(7, "/a");
      if (i == 4) writer.AddCgroup(8, "/b");
      writer.Commit();
    }
  });
  Session session(folder.File("a"));
  auto rows = [&](const char* sql) { return QueryRows(session.database(), sql); };
  // What is gone (a zone in 3) cannot be left out: 3 begins anew, and 4 refers to it.
  EXPECT_THAT(rows("SELECT id, facts_snapshot_id FROM snapshot"),
              ElementsAre("1|1", "2|1", "3|3", "4|3"));
  EXPECT_THAT(rows("SELECT snapshot_id, COUNT(*) FROM memory_zone GROUP BY 1"),
              ElementsAre("1|2", "2|1", "3|1", "4|1"));
  EXPECT_THAT(
      rows("SELECT snapshot_id, node, managed_count FROM snapshot_memory_zone ORDER BY 1, 2"),
      ElementsAre("1|0|70", "1|1|70", "2|0|70", "2|1|60", "3|0|70", "4|0|70", "4|1|70"));
  EXPECT_THAT(rows("SELECT snapshot_id, value FROM snapshot_system_fact "
                   "WHERE name = 'meminfo.MemFree_kib' ORDER BY 1"),
              ElementsAre("1|0", "2|1", "3|1", "4|2"));
  EXPECT_THAT(rows("SELECT snapshot_id, path FROM snapshot_cgroup ORDER BY 1, 2"),
              ElementsAre("1|/a", "2|/a", "3|/a", "4|/a", "4|/b"));
  EXPECT_THAT(rows("SELECT DISTINCT COUNT(*) FROM snapshot_flag_name GROUP BY snapshot_id"),
              testing::SizeIs(1));
  EXPECT_THAT(rows("SELECT COUNT(DISTINCT snapshot_id) FROM flag_name"), ElementsAre("2"));
  for (int64_t id : {1, 2, 4}) {
    const SnapshotInfo& info = session.reader().snapshot(id);
    EXPECT_EQ(info.zones->size(), 2) << id;
    EXPECT_EQ(info.ZoneOf(150)->node, 1) << id;
  }
  EXPECT_EQ(session.reader().snapshot(3).zones->size(), 1);
}

TEST(SnapshotWriterTest, FilesAndFlagsAreStoredOnce) {
  TestFolder folder;
  WriteSnapshotFile(folder.File("a"), [](SnapshotWriter& writer) {
    for (int i = 0; i < 2; ++i) {
      writer.BeginSnapshot(Facts());
      const int64_t process = writer.AddProcess({.pid = 5});
      MappingFacts facts = Mapping(1, 1);
      facts.path = "/lib/a.so";
      facts.inode = 4;
      writer.AddMapping(process, facts);
      facts.first_page = 2;
      writer.AddMapping(process, facts);
      facts.first_page = 3;
      facts.inode = 5;  // replaced on disk meanwhile
      writer.AddMapping(process, facts);
      writer.Commit();
    }
  });
  const Session session(folder.File("a"));
  EXPECT_THAT(QueryRows(session.database(), "SELECT inode, path FROM file"),
              ElementsAre("4|/lib/a.so", "5|/lib/a.so"));
  EXPECT_THAT(QueryRows(session.database(), "SELECT COUNT(*) FROM vm_flags"), ElementsAre("1"));
}

}  // namespace
}  // namespace pagesnap
