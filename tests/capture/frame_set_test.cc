// Which frames a capture asks the kernel about, and how many ranges of them it keeps at most.
#include "capture/frame_set.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/support/captured_snapshot.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;

constexpr uint64_t kRamEnd = 2 * kFramesPerChunk;

TEST(FrameSetTest, AtTheLimitOnlyKnownChunksTakeFrames) {
  for (const uint64_t ram_end : {kRamEnd, uint64_t{0}}) {
    FrameSet frames(ram_end, /*chunk_limit=*/6);
    EXPECT_EQ(frames.chunk_limit(), 3);
    for (const uint64_t number : {0, 1000, 70}) {
      EXPECT_TRUE(frames.Insert(number * kFramesPerChunk + 7, /*mapped_once=*/true));
    }
    for (const uint64_t number : {1, 1001, 71})
      EXPECT_FALSE(frames.Insert(number * kFramesPerChunk, true));
    EXPECT_TRUE(frames.Insert(70 * kFramesPerChunk + 8, true));
    EXPECT_THAT(frames.ChunkNumbers(), ElementsAre(0, 70, 1000));
    EXPECT_EQ(frames.Count(), 4);
    EXPECT_EQ(frames.left_out_count(), 3);
  }
}

// Beyond 1 TiB of RAM there is no second bit, and room for twice as many.
TEST(FrameSetTest, WithoutTheSecondBitThereMayBeMoreChunks) {
  EXPECT_EQ(FrameSet((uint64_t{1} << 28) + 1, 6).chunk_limit(), 6);
  EXPECT_EQ(FrameSet(kRamEnd).chunk_limit(), FrameSet::kMinChunkLimit / 2);
}

// A recorded pagemap can name frames anywhere.
TEST(FrameSetTest, PageWordsThatNameFramesEverywhere) {
  const uint64_t count = 2 * FrameSet::kMinChunkLimit +
                         8 * static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) / kFramesPerChunk;
  std::vector<uint64_t> words;
  for (uint64_t i = 1; i <= count; ++i) words.push_back(Present(i * kFramesPerChunk + 7));
  MachineTree machine;
  machine.AddProcess({.mappings = {{.start = 0x10000000, .pages = words}}});
  CaptureRequest request = AllProcesses();
  request.verify = true;
  CapturedSnapshot file(machine.reader(), request);
  EXPECT_EQ(file.exit_code(), kExitWithGaps);
  const std::vector<std::string> chunks =
      file.Rows("SELECT COUNT(*), COUNT(*) <= 8192 OR COUNT(*) < " + std::to_string(count / 2) +
                " FROM frame_chunk");
  EXPECT_THAT(chunks, ElementsAre(testing::EndsWith("|1")));
  const uint64_t kept = std::stoull(chunks.front());
  EXPECT_THAT(
      file.Gaps(),
      ElementsAre(fmt::format("pagemap|the frames of {} pages are unknown: those of the others lie "
                              "in {} ranges of 65536 frames, and that is the limit",
                              count - kept, kept)));
  // The other bits of the words are as they were.
  EXPECT_THAT(
      file.Rows(fmt::format(
          "SELECT COUNT(*), SUM(state = 'present'), SUM(pfn = (page - 65536 + 1) * {} + 7), "
          "SUM(pfn IS NULL), COUNT(flags) FROM page",
          kFramesPerChunk)),
      ElementsAre(fmt::format("{0}|{0}|{1}|{2}|{1}", count, kept, count - kept)));
  EXPECT_THAT(file.Rows("SELECT value FROM snapshot_system_fact "
                        "WHERE name = 'capture.changed_page_count'"),
              ElementsAre("0"));
  EXPECT_THAT(BrokenInvariants(file.session().database()), testing::IsEmpty());
}

}  // namespace
}  // namespace pagesnap
