// The rows of `page` and `frame`, the views and the SQL functions.
#include <gmock/gmock.h>

#include "tests/support/captured_snapshot.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RowsTest : public testing::Test {
 protected:
  explicit RowsTest(const std::string& release = "6.18.5") {
    machine_.SetRelease(release);
    FillSampleMachine(machine_);
    file_ = std::make_unique<CapturedSnapshot>(machine_.reader());
  }
  std::vector<std::string> Rows(const std::string& sql) { return file_->Rows(sql); }
  MachineTree machine_;
  std::unique_ptr<CapturedSnapshot> file_;
};

TEST_F(RowsTest, PagesOfTheHeap) {
  EXPECT_THAT(
      Rows("SELECT * FROM page WHERE mapping_id = 2"),
      ElementsAre(
          "1|2|2|1280|present|512|NULL|NULL|1|1|0|0|soft_dirty,mmap_exclusive,present|22568|"
          "UPTODATE,LRU,MMAP,ANON,SWAPBACKED|1|4242|0|DMA",
          "1|2|2|1281|present|513|NULL|NULL|1|1|0|0|soft_dirty,mmap_exclusive,present|22568|"
          "UPTODATE,LRU,MMAP,ANON,SWAPBACKED|1|4242|0|DMA",
          "1|2|2|1282|swapped|NULL|0|16|0|0|0|0|swap|NULL|NULL|NULL|NULL|NULL|NULL",
          "1|2|2|1283|swapped|NULL|0|17|0|0|0|0|swap|NULL|NULL|NULL|NULL|NULL|NULL",
          "1|2|2|1285|guard|NULL|31|4|0|0|0|0|guard_region,swap|NULL|NULL|NULL|NULL|NULL|"
          "NULL",
          "1|2|2|1286|present|514|NULL|NULL|1|1|0|0|soft_dirty,mmap_exclusive,present|22568|"
          "UPTODATE,LRU,MMAP,ANON,SWAPBACKED|1|4242|0|DMA"));
}

TEST_F(RowsTest, FilePages) {
  EXPECT_THAT(Rows("SELECT pfn, file, map_count, cgroup_inode FROM page WHERE mapping_id = 6"),
              ElementsAre("256|1|2|1", "257|1|2|1", "258|1|2|1"));
}

TEST_F(RowsTest, WhoMapsAFrame) {
  EXPECT_THAT(Rows("SELECT process_id, page FROM page WHERE pfn = 257"),
              ElementsAre("2|1025", "3|34108080129"));
}

TEST_F(RowsTest, Frames) {
  EXPECT_THAT(Rows("SELECT * FROM frame WHERE pfn IN (85, 256, 1024)"),
              ElementsAre("1|85|16777216|ZERO_PAGE|0|0|0|DMA|1",
                          "1|256|2156|REFERENCED,UPTODATE,LRU,ACTIVE,MMAP|2|1|0|DMA|2",
                          "1|1024|131072|HUGE|1|0|0|DMA|1"));
}

TEST_F(RowsTest, MappingDetail) {
  EXPECT_THAT(Rows("SELECT * FROM mapping_detail WHERE mapping_id IN (1, 5)"),
              ElementsAre("1|2|1|100|server|1024|3|0x400000|0x403000|r-xp|8192|/usr/bin/server|"
                          "8:17|77|rd ex mr mw me|12|1",
                          "1|2|5|100|server|4503599627367936|1|0xffffffffff600000|"
                          "0xffffffffff601000|--xp|0|[vsyscall]|0:0|0|ex|4|4"));
}

TEST_F(RowsTest, KernelUsage) {
  EXPECT_THAT(Rows("SELECT mapping_id, rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib, "
                   "anonymous_kib FROM kernel_usage WHERE mapping_id IN (1, 2, 3, 7)"),
              ElementsAre("1|12|6|0|0|0|NULL", "2|12|12|12|8|0|NULL", "3|0|0|0|0|8|NULL",
                          "7|16|16|16|0|0|NULL"));
}

TEST_F(RowsTest, TablesAreReadOnly) {
  EXPECT_THAT(ErrorOf([&] { Rows("DELETE FROM page"); }), HasSubstr("may not be modified"));
}

class OldKernelTest : public RowsTest {
 protected:
  OldKernelTest() : RowsTest("3.10.0") {}
};

// A bit that the kernel did not have is unknown, not 0.
TEST_F(OldKernelTest, MissingBitsAreNull) {
  EXPECT_THAT(Rows("SELECT soft_dirty, mmap_exclusive, uffd_wp, file FROM page "
                   "WHERE mapping_id = 1 LIMIT 1"),
              ElementsAre("NULL|NULL|NULL|1"));
}

// So is a bit that the kernel was built without; where its options are not known, it is what it is.
TEST(SoftDirtyTest, UnknownWithoutTheOption) {
  MachineTree machine;
  TreeProcess process{.pid = 100};
  process.mappings = {{.pages = {Swapped(0, 1) | PageWord::kSoftDirty, Swapped(0, 2)}}};
  machine.AddProcess(process);
  auto bits = [&](const std::string& sql) {
    CapturedSnapshot file(machine.reader());
    ChangeFile(file.path(), sql);
    return QueryRows(Session(file.path()).database(), "SELECT soft_dirty FROM page");
  };
  EXPECT_THAT(bits("SELECT 1"), ElementsAre("1", "0"));
  for (const char* value : {"n", "m", "not set", ""}) {
    EXPECT_THAT(bits("UPDATE system_fact SET value = '" + std::string(value) +
                     "' WHERE name = 'config.CONFIG_MEM_SOFT_DIRTY'"),
                ElementsAre("NULL", "NULL"))
        << value;
  }
  EXPECT_THAT(bits("DELETE FROM system_fact WHERE name = 'config.CONFIG_MEM_SOFT_DIRTY'"),
              ElementsAre("1", "0"));
}

TEST_F(RowsTest, AddressFunctions) {
  EXPECT_THAT(Rows("SELECT page_address(1, 4096), page_address(4503599627367936, 4096), "
                   "page_address(1, 4096, 7), address_page('0x1fff', 4096), "
                   "address_page('8191', 4096), address_offset('0x1fff', 4096), "
                   "address_page('0xffffffffff600000', 4096)"),
              ElementsAre("0x1000|0xffffffffff600000|0x1007|1|1|4095|4503599627367936"));
  EXPECT_THAT(Rows("SELECT page_address(NULL, 4096), address_page(NULL, 4096)"),
              ElementsAre("NULL|NULL"));
  EXPECT_THAT(ErrorOf([&] { Rows("SELECT address_page('0xyz', 4096)"); }),
              HasSubstr("'0xyz' is not an address; write 0x7f1234 or a decimal number"));
  EXPECT_THAT(ErrorOf([&] { Rows("SELECT address_page('1', 0)"); }), HasSubstr("a page size of 0"));
}

TEST_F(RowsTest, MappingKind) {
  EXPECT_THAT(Rows("SELECT group_concat(mapping_kind(column1, column2)) FROM (VALUES "
                   "('', 'rw-p'), ('[anon:x]', 'rw-p'), ('[heap]', 'rw-p'), ('[stack]', 'rw-p'), "
                   "('/lib/libc.so', 'r-xp'), ('/dev/zero (deleted)', 'rw-s'), "
                   "('/anon_hugepage (deleted)', 'rw-p'), ('/anon_hugepage (deleted)', 'rw-s'), "
                   "('/memfd:x (deleted)', 'rw-p'), ('[vdso]', 'r-xp'))"),
              ElementsAre("anonymous,anonymous,heap,stack,file,shared memory,anonymous,"
                          "shared memory,shared memory,kernel"));
}

TEST_F(RowsTest, CgroupName) {
  EXPECT_THAT(Rows("SELECT COUNT(*) > 1, SUM(cgroup_name(snapshot_id, inode) IS NOT path) "
                   "FROM snapshot_cgroup"),
              ElementsAre("1|0"));
  EXPECT_THAT(Rows("SELECT cgroup_name(1, 999), cgroup_name(1, 0), cgroup_name(1, NULL), "
                   "cgroup_name(7, 1), cgroup_name(NULL, 1)"),
              ElementsAre("inode 999|NULL|NULL|inode 1|NULL"));
}

TEST_F(RowsTest, AddressesAreOrderedByTheirValue) {
  EXPECT_THAT(Rows("SELECT group_concat(column1) FROM (SELECT column1 FROM (VALUES ('0x10'), "
                   "('0x9'), ('/x'), ('z'), ('0xa'), ('0x')) ORDER BY column1 COLLATE address)"),
              ElementsAre("/x,0x,0x9,0xa,0x10,z"));
}

TEST_F(RowsTest, KnownSum) {
  EXPECT_THAT(Rows("SELECT known_sum(column1), known_sum(column2) FROM (VALUES (1, 1), (2, NULL))"),
              ElementsAre("3|NULL"));
  EXPECT_THAT(Rows("SELECT known_sum(id), known_sum(1 << 62) FROM process WHERE id < 0"),
              ElementsAre("0|0"));
  EXPECT_THAT(Rows("SELECT known_sum(1 << 62) FROM process"), ElementsAre("NULL"));
  EXPECT_THAT(Rows("SELECT partial_sum(column1), partial_sum(column2), partial_sum(column3) "
                   "FROM (VALUES (1, 3, NULL), (2, NULL, NULL))"),
              ElementsAre("3|3|NULL"));
  EXPECT_THAT(Rows("SELECT partial_sum(id) FROM process WHERE id < 0"), ElementsAre("0"));
  EXPECT_THAT(Rows("SELECT partial_sum(1 << 62) FROM process"), ElementsAre("NULL"));
}

TEST_F(RowsTest, TextFunctions) {
  EXPECT_THAT(Rows("SELECT frame_flag_names(0x28, '6.1'), frame_flag_names(0, '6.1'), "
                   "frame_flag_names(1 << 50, '6.1'), human_bytes(1536), human_count(1234567), "
                   "human_duration(12300000), human_bytes(NULL)"),
              ElementsAre("UPTODATE,LRU||bit50|1.5 KiB|1,234,567|12.3 ms|NULL"));
}

TEST_F(RowsTest, FrameFlag) {
  EXPECT_THAT(Rows("SELECT frame_flag('DIRTY'), frame_flag('DIRTY', 'WRITEBACK'), frame_flag()"),
              ElementsAre("16|272|0"));
  EXPECT_THAT(ErrorOf([&] { Rows("SELECT frame_flag('DIRT')"); }),
              HasSubstr("no frame has a flag 'DIRT'"));
}

}  // namespace
}  // namespace pagesnap
