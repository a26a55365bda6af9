// Page words on their way into chunks, and frames at the edges of memory.
#include <gmock/gmock.h>

#include "lib/codec/page_words.h"
#include "lib/kernel/frame_flags.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kChunks[] =
    "SELECT mapping_id, first_page, page_count FROM page_chunk "
    "JOIN page_content ON id = content_id ORDER BY mapping_id, first_page";

TEST(EnginePagesTest, AnonymousChunksAreAlignedByAddress) {
  MachineTree machine;
  // Two pages before a chunk boundary, and the pages behind it.
  const uint64_t start = (uint64_t{7} * kPagesPerChunk - 2) * 4096;
  machine.AddProcess({.mappings = {{.start = start, .pages = PresentRun(0x1000, 5000)}}});
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Rows(kChunks), ElementsAre("1|0|2", "1|2|4096", "1|4098|902"));
}

TEST(EnginePagesTest, FileChunksAreAlignedByOffset) {
  MachineTree machine;
  TreeMapping mapping = {.start = 0x555000, .pages = PresentRun(0x1000, 5000)};
  mapping.inode = 9;
  mapping.path = "/data";
  mapping.offset = (uint64_t{kPagesPerChunk} - 3) * 4096;
  machine.AddProcess({.mappings = {mapping}});
  mapping.start = 0x7f0000001000;
  machine.AddProcess({.pid = 101, .mappings = {mapping}});
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Rows(kChunks),
              ElementsAre("1|0|3", "1|3|4096", "1|4099|901", "2|0|3", "2|3|4096", "2|4099|901"));
  EXPECT_THAT(file.Rows("SELECT COUNT(*) FROM page_content"), ElementsAre("3"));
}

TEST(EnginePagesTest, AbsentPagesAreTrimmedOff) {
  MachineTree machine;
  std::vector<uint64_t> pages(300000);  // over several reads
  pages[70003] = Present(0x1234);
  pages[70005] = Present(0x1235);
  machine.AddProcess({.mappings = {{.start = 0x10000000, .pages = pages}}});
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Rows(kChunks), ElementsAre("1|70003|3"));
  EXPECT_THAT(file.Rows("SELECT page - 0x10000, pfn FROM page"),
              ElementsAre("70003|4660", "70005|4661"));
}

TEST(EnginePagesTest, UnknownBitsSurvive) {
  MachineTree machine;
  const uint64_t strange = Present(0x99, uint64_t{3} << 59);
  machine.AddProcess({.mappings = {{.pages = {strange, 0, uint64_t{1} << 60 | Swapped(3, 7)}}}});
  CapturedSnapshot file(machine.reader());
  const auto words = file.session().reader().Words(1);
  EXPECT_THAT(std::vector(words.begin(), words.end()),
              ElementsAre(strange, 0, uint64_t{1} << 60 | Swapped(3, 7)));
  EXPECT_THAT(file.Rows("SELECT bit_names FROM page"),
              ElementsAre("bit59,bit60,present", "bit60,swap"));
}

TEST(EnginePagesTest, LargePages) {
  MachineTree machine;
  machine.SetPageSize(65536);
  machine.reader().AddWords("proc/self/pagemap", 1, {Present(0x77)});
  machine.AddFrames(0x500, 2, 0x28, 1, 1);
  machine.AddProcess(
      {.mappings = {
           {.start = 0x7f0000000000, .pages = PresentRun(0x500, 2), .figures = {{"Rss", 128}}}}});
  CapturedSnapshot file(machine.reader());
  EXPECT_EQ(file.exit_code(), kExitOk);
  EXPECT_THAT(file.Rows("SELECT page_size, first_page, page_count FROM snapshot, mapping"),
              ElementsAre("65536|2130706432|2"));
  EXPECT_THAT(file.Rows("SELECT start, end, virtual_kib FROM mapping_detail"),
              ElementsAre("0x7f0000000000|0x7f0000020000|128"));
  EXPECT_THAT(file.Rows("SELECT rss_kib, pss_kib, uss_kib FROM mapping_usage"),
              ElementsAre("128|128|128"));
}

TEST(EnginePagesTest, FramesBehindTheEndOfMemoryDoNotExist) {
  MachineTree machine;
  // The last frame of RAM, the first behind it, and device memory far away.
  const uint64_t far = uint64_t{1} << 40;
  machine.AddFrames(0x3ffff, 1, 0x28, 1, 1);
  machine.AddProcess(
      {.mappings = {{.pages = {Present(0x3ffff), Present(0x40000), Present(far + 5)}}}});
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Gaps(), IsEmpty());
  EXPECT_EQ(file.exit_code(), kExitOk);
  EXPECT_THAT(file.Rows("SELECT pfn, flag_names, map_count, cgroup_inode, zone FROM page"),
              ElementsAre("262143|UPTODATE,LRU|1|1|Normal", "262144|NOPAGE|0|0|NULL",
                          "1099511627781|NOPAGE|0|0|NULL"));
  EXPECT_THAT(file.Rows("SELECT pfn FROM frame"), ElementsAre("262143", "262144", "1099511627781"));
  EXPECT_THAT(file.Rows("SELECT rss_kib FROM mapping_usage"), ElementsAre("4"));
}

TEST(EnginePagesTest, KernelThreadsAndZombiesHaveNoMemoryAndNoGap) {
  MachineTree machine;
  machine.AddProcess({.pid = 2, .name = "kworker/0:1", .kernel_thread = true});
  machine.AddProcess({.pid = 50, .name = "gone", .state = 'Z'});
  // Nobody looks at what a zombie once had: an error there would say nothing.
  for (const char* name : {"maps", "smaps", "pagemap"}) {
    machine.reader().Remove(std::string("proc/50/") + name);
  }
  CapturedSnapshot file(machine.reader());
  EXPECT_EQ(file.exit_code(), kExitOk);
  EXPECT_THAT(file.Rows("SELECT pid, mapping_count, rss_kib, virtual_kib FROM process_usage"),
              ElementsAre("2|0|0|0", "50|0|0|0"));
}

TEST(EnginePagesTest, VsyscallIsNoGap) {
  MachineTree machine;
  machine.AddProcess(
      {.mappings = {
           {.pages = {Present(0x99)}},
           {.start = 0xffffffffff600000, .page_count = 1, .perms = "--xp", .path = "[vsyscall]"}}});
  machine.AddFrames(0x99, 1, 0x28, 1, 1);
  CapturedSnapshot file(machine.reader());
  EXPECT_EQ(file.exit_code(), kExitOk);
  EXPECT_THAT(file.Rows("SELECT absent_count, missing FROM mapping_usage"),
              ElementsAre("0|NULL", "1|NULL"));
}

TEST(EnginePagesTest, HiddenPfnsAreOneGap) {
  MachineTree machine;
  machine.HidePfns();
  machine.AddProcess(
      {.mappings = {{.pages = {PageWord::kPresent, PageWord::kSwap}, .figures = {{"Rss", 4}}}}});
  CapturedSnapshot file(machine.reader());
  EXPECT_EQ(file.exit_code(), kExitWithGaps);
  EXPECT_THAT(file.Rows("SELECT source, process_id, substr(reason, 1, 35) FROM gap"),
              ElementsAre("pagemap|NULL|the kernel hid PFNs and swap slots,"));
  EXPECT_THAT(file.Rows("SELECT pfn_visible, flags_state, map_count_state, cgroup_state "
                        "FROM snapshot"),
              ElementsAre("0|hidden|hidden|hidden"));
  EXPECT_THAT(file.Rows("SELECT state, pfn, swap_type FROM page"),
              ElementsAre("present|NULL|NULL", "swap_entry|NULL|NULL"));
  EXPECT_THAT(file.Rows("SELECT rss_kib, kernel_rss_kib FROM process_usage"),
              ElementsAre("NULL|4"));
}

// Frames 0x100 to 0x107 with the flags of mapped pages, which kpagecount gives the count 7: what
// was taken from it shows.
void AddExclusivePages(MachineTree* machine, uint64_t last_word) {
  constexpr uint64_t kExclusive = PageWord::kMmapExclusive;
  machine->AddFrames(0x100, 8, 0x5828, 7, 1);
  machine->AddFrames(0x102, 1, 0x5828 | kFrameThp | kFrameCompoundHead, 7, 1);
  machine->AddFrames(0x103, 1, 0x5028, 7, 1);  // not MMAP: mapped no more
  std::vector<uint64_t> pages = PresentRun(0x100, 4, kExclusive);
  pages.push_back(Present(0x104));
  pages.push_back(Present(0x105, kExclusive));
  pages.push_back(last_word);
  machine->AddProcess({.mappings = {{.pages = pages}}});
}

TEST(EnginePagesTest, KpagecountIsAskedOnlyWhereTheWordsDoNotSayIt) {
  MachineTree machine;
  AddExclusivePages(&machine, Present(0x105));  // mapped a second time
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Rows("SELECT map_count FROM frame ORDER BY pfn"),
              ElementsAre("1", "1", "7", "7", "7", "7"));
}

TEST(EnginePagesTest, BeforeTheExclusiveBitKpagecountIsAskedOfAll) {
  MachineTree machine;
  machine.SetRelease("4.1.52");
  AddExclusivePages(&machine, Present(0x106));
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Rows("SELECT DISTINCT map_count FROM frame"), ElementsAre("7"));
}

TEST(EnginePagesTest, WithoutKpagecountNoMapCountIsKnown) {
  MachineTree machine;
  AddExclusivePages(&machine, Present(0x106));
  machine.reader().Remove("proc/kpagecount");
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Rows("SELECT COUNT(map_count), COUNT(flags) FROM frame"), ElementsAre("0|7"));
}

}  // namespace
}  // namespace pagesnap
