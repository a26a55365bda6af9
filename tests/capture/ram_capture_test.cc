// 'capture --frames all' on a machine that does not exist.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cerrno>
#include <map>
#include <mutex>

#include "capture/ram_ranges.h"
#include "lib/kernel/frame_flags.h"
#include "tests/capture/frozen_testing.h"
#include "tests/support/faulty_reader.h"
#include "tests/support/ram_machine.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

CaptureRequest FramesAlone() {
  CaptureRequest request;
  request.all_frames = true;
  return request;
}

class RamCaptureTest : public testing::Test {
 protected:
  RamCaptureTest() { FillRamMachine(machine_); }
  MachineTree machine_;
};

constexpr char kFrameSums[] =
    "SELECT (SELECT SUM(frame_count) FROM ram_chunk), (SELECT SUM(frame_count) FROM ram_range), "
    "(SELECT SUM(frame_count) FROM ram_group), (SELECT SUM(frame_count) FROM ram_run)";

TEST_F(RamCaptureTest, HasEveryFrameOfRamOnce) {
  CapturedSnapshot file(machine_.reader(), AllFrames());
  EXPECT_EQ(file.exit_code(), kExitOk);
  EXPECT_THAT(file.Gaps(), IsEmpty());
  EXPECT_THAT(file.Rows(kFrameSums),
              ElementsAre(fmt::format("{0}|{0}|{0}|{0}", kRamMachineFrames)));
  EXPECT_THAT(file.Rows("SELECT first_pfn, frame_count FROM ram_range"),
              ElementsAre("1|158", "256|261888"));
  EXPECT_THAT(file.Rows("SELECT COUNT(*) FROM blob_check WHERE problem IS NOT NULL"),
              ElementsAre("0"));
  EXPECT_THAT(BrokenInvariants(file.session().database()), IsEmpty());
}

// Each frame's facts are what the three files say, whether they were asked for or not.
TEST_F(RamCaptureTest, FactsAreThoseOfTheFiles) {
  CapturedSnapshot file(machine_.reader(), AllFrames());
  std::map<std::string, std::unique_ptr<WordFile>> words;
  for (const char* name : {"kpageflags", "kpagecount", "kpagecgroup"}) {
    words[name] = machine_.reader().OpenWords(std::string("proc/") + name);
  }
  auto word = [&](const char* name, uint64_t pfn) {
    uint64_t value = 0;
    EXPECT_EQ(words[name]->Read(pfn, {&value, 1}), 1);
    return value;
  };
  for (const std::string& row : file.Rows("SELECT first_pfn || '|' || flags || '|' || map_count || "
                                          "'|' || cgroup_inode FROM ram_run")) {
    const uint64_t pfn = std::stoull(row);
    EXPECT_EQ(row, fmt::format("{}|{}|{}|{}", pfn, word("kpageflags", pfn), word("kpagecount", pfn),
                               word("kpagecgroup", pfn)));
  }
}

// What the capture says of processes and their frames is what it says without --frames all.
TEST_F(RamCaptureTest, ProcessesAreAsWithoutRam) {
  CapturedSnapshot with(machine_.reader(), AllFrames());
  CapturedSnapshot without(machine_.reader());
  for (const char* sql :
       {"SELECT * FROM frame", "SELECT first_pfn, frame_count FROM frame_chunk",
        "SELECT * FROM mapping_usage", "SELECT * FROM page", "SELECT * FROM content_usage",
        "SELECT * FROM folio_usage", "SELECT flags_state, map_count_state FROM snapshot"}) {
    EXPECT_EQ(with.Rows(sql), without.Rows(sql)) << sql;
  }
  EXPECT_THAT(without.Rows("SELECT COUNT(*) FROM ram_chunk"), ElementsAre("0"));
  EXPECT_THAT(without.Rows("SELECT COUNT(*) FROM ram_group"), ElementsAre("0"));
  EXPECT_THAT(without.Rows("SELECT COUNT(*) FROM ram_run"), ElementsAre("0"));
}

// One read serves both: no word of the three files is asked for twice.
TEST_F(RamCaptureTest, FramesOfProcessesAreStoredOnce) {
  CapturedSnapshot file(machine_.reader(), AllFrames());
  EXPECT_THAT(file.Rows("SELECT COUNT(*) FROM frame_chunk f JOIN ram_chunk r USING (snapshot_id, "
                        "first_pfn) WHERE f.frame_content_id = r.frame_content_id"),
              ElementsAre("1"));
  EXPECT_THAT(
      file.Rows("SELECT byte_count <= 8 * (262046 + 100) FROM cost WHERE source = 'kpageflags'"),
      ElementsAre("1"));
  // Free frames are neither mapped nor charged.
  EXPECT_THAT(file.Rows("SELECT MAX(byte_count) < 8 * 262046 / 4 FROM cost "
                        "WHERE source IN ('kpagecount', 'kpagecgroup')"),
              ElementsAre("1"));
}

TEST_F(RamCaptureTest, WithoutProcesses) {
  CapturedSnapshot file(machine_.reader(), FramesAlone());
  EXPECT_EQ(file.exit_code(), kExitOk);
  EXPECT_THAT(file.Rows(kFrameSums),
              ElementsAre(fmt::format("{0}|{0}|{0}|{0}", kRamMachineFrames)));
  EXPECT_THAT(file.Rows("SELECT COUNT(*) FROM process"), ElementsAre("0"));
  EXPECT_THAT(file.Rows("SELECT DISTINCT owner FROM ram_group ORDER BY 1"),
              ElementsAre("nobody", "others"));
  EXPECT_THAT(file.Rows("SELECT path FROM cgroup ORDER BY 1"), ElementsAre("/", "/app.slice"));
}

TEST_F(RamCaptureTest, WithoutProcessesAndPermissionIsAnError) {
  FaultyReader faulty(machine_.reader());
  faulty.Fail("proc/kpageflags", EACCES);
  EXPECT_THAT(ErrorOf([&] { CapturedSnapshot(faulty, FramesAlone()); }),
              HasSubstr("--frames all: no permission to read /proc/kpageflags"));
  machine_.HidePfns();
  EXPECT_THAT(ErrorOf([&] { CapturedSnapshot(machine_.reader(), FramesAlone()); }),
              HasSubstr("--frames all: no permission to read /proc/kpageflags"));
}

TEST_F(RamCaptureTest, FreeMemoryIsStored) {
  CapturedSnapshot file(machine_.reader(), AllFrames());
  EXPECT_THAT(file.Rows("SELECT node, zone, block_order, block_count FROM free_area "
                        "WHERE block_count > 0"),
              ElementsAre("0|DMA|9|1", "0|DMA|10|2", "1|Normal|9|1", "1|Normal|10|241"));
  EXPECT_THAT(file.Rows("SELECT name, value FROM system_fact WHERE name LIKE 'hugepages%' OR name "
                        "LIKE 'zoneinfo%' OR name LIKE 'capture.ram%' ORDER BY 1"),
              ElementsAre("capture.ram_ranges|iomem", "hugepages.2048_kib.free|1",
                          "hugepages.2048_kib.reserved|0", "hugepages.2048_kib.surplus|0",
                          "hugepages.2048_kib.total|1", "zoneinfo.per_cpu_count|1100"));
}

// meminfo is that of the moment at which frames are read.
TEST_F(RamCaptureTest, MeminfoIsReadBetweenFrames) {
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path != "proc/kpagecgroup") return;
    machine_.reader().AddText("proc/meminfo", "MemFree: 77 kB\n");
  });
  CapturedSnapshot file(machine_.reader(), AllFrames());
  EXPECT_THAT(file.Rows("SELECT value FROM system_fact WHERE name = 'meminfo.MemFree_kib'"),
              ElementsAre("77"));
}

TEST_F(RamCaptureTest, WithoutIomemTheZonesAreRam) {
  machine_.reader().AddText("proc/iomem", "00000000-00000000 : System RAM\n");
  machine_.AddFrames(0x9f, 0x61, kFrameNoPage, 0, 0);
  CapturedSnapshot file(machine_.reader(), AllFrames());
  EXPECT_EQ(file.exit_code(), kExitWithGaps);
  EXPECT_THAT(file.Rows("SELECT source FROM gap"), ElementsAre("iomem"));
  EXPECT_THAT(file.Rows("SELECT first_pfn, frame_count FROM ram_range"), ElementsAre("1|262143"));
  EXPECT_THAT(file.Rows("SELECT SUM(frame_count) FROM ram_group WHERE kind = 'hole'"),
              ElementsAre("97"));
}

TEST_F(RamCaptureTest, UnreadFramesAreGapsAndUnread) {
  FaultyReader faulty(machine_.reader());
  faulty.FailWords("proc/kpageflags", 0x20000, 512, EIO);
  CapturedSnapshot file(faulty, AllFrames());
  EXPECT_EQ(file.exit_code(), kExitWithGaps);
  EXPECT_THAT(file.Rows("SELECT source, first, count FROM gap"),
              ElementsAre("kpageflags|131072|512"));
  EXPECT_THAT(file.Rows("SELECT first_pfn, frame_count, flags FROM ram_run WHERE kind = 'unread'"),
              ElementsAre("131072|512|NULL"));
}

TEST_F(RamCaptureTest, SeriesStoresWhatChanged) {
  TestFolder folder;
  WriteSnapshotFile(folder.File("a"), [&](SnapshotWriter& writer) {
    CaptureRequest request = AllFrames();
    request.series = true;
    Progress progress;
    Capture(request, machine_.reader(), writer, progress);
    machine_.AddFrames(0x30000, 1, kFrameSlab, 0, 0);
    Capture(request, machine_.reader(), writer, progress);
  });
  Session session(folder.File("a"));
  EXPECT_THAT(QueryRows(session.database(),
                        "SELECT snapshot_id, SUM(frame_count) FROM ram_group "
                        "WHERE kind = 'slab' GROUP BY 1"),
              ElementsAre("1|1024", "2|1025"));
  EXPECT_THAT(QueryRows(session.database(), "SELECT COUNT(*) FROM frame_content"),
              ElementsAre("3"));  // RAM that is free altogether is stored once
  EXPECT_THAT(QueryRows(session.database(), "SELECT snapshot_id FROM ram_range"),
              ElementsAre("1", "1"));
}

class FrozenRamTest : public FrozenCaptureTest {};

// Nothing but what processes need is read while they are stopped.
TEST_F(FrozenRamTest, RamIsReadAfterTheProcessesRanOn) {
  std::mutex mutex;
  uint64_t before = 0;
  uint64_t after = 0;
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path != "proc/kpageflags") return;
    const std::lock_guard lock(mutex);
    ++(freezer_.IsStopped(100) ? before : after);
  });
  CaptureRequest request = Request();
  request.all_frames = true;
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_GT(before, 0);
  EXPECT_GE(after, 4);  // chunks
  EXPECT_THAT(file.Rows("SELECT SUM(frame_count) FROM frame_chunk"), ElementsAre("13"));
  EXPECT_THAT(file.Rows("SELECT COUNT(*), SUM(frame_count) FROM ram_chunk"),
              ElementsAre("4|262143"));
  EXPECT_THAT(file.Rows("SELECT frozen FROM process WHERE pid = 100"), ElementsAre("1"));
}

TEST(RamRangesTest, FramesOfAChunk) {
  const RamRanges ram({{3, 2}, {60, 200}, {kFramesPerChunk - 1, 2}}, 100);
  EXPECT_EQ(ram.frame_count(), 204);
  EXPECT_THAT(ram.ChunkNumbers(), ElementsAre(0, 1));
  const FrameBits bits = ram.Frames(0);
  EXPECT_EQ(bits[0], uint64_t{0xf} << 60 | 0x18);
  EXPECT_EQ(bits[1], ~uint64_t{0});
  EXPECT_EQ(bits[4], 0xf);
  EXPECT_EQ(bits[kFramesPerChunk / 64 - 1], uint64_t{1} << 63);
  EXPECT_EQ(ram.Frames(1)[0], 1);
  EXPECT_EQ(ram.Frames(2), FrameBits{});
}

TEST(RamRangesTest, LeavesOutWhatIsBehindTheLimit) {
  const RamRanges ram({{5, 10}, {kFramesPerChunk - 1, 3 * kFramesPerChunk}, {uint64_t{1} << 54, 7}},
                      2);
  EXPECT_THAT(ram.ChunkNumbers(), ElementsAre(0, 1));
  EXPECT_EQ(ram.frame_count(), 10 + 1 + kFramesPerChunk);
  EXPECT_EQ(ram.left_out_count(), 2 * kFramesPerChunk - 1 + 7);
}

}  // namespace
}  // namespace pagesnap
