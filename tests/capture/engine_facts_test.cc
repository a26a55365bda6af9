// What a machine says arrives in the tables: every column at least once.
#include <gmock/gmock.h>

#include "capture/engine.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Returns the text as gzip(1) writes it, but in one stored block (RFC 1951, section 3.2.4).
std::string Gzip(const std::string& text) {
  uint32_t crc = ~0U;
  for (const char c : text) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
  }
  const auto size = static_cast<uint32_t>(text.size());
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\x03\x01", 11);
  auto add = [&](uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  };
  add(size, 2);
  add(~size, 2);
  out += text;
  add(~crc, 4);
  add(size, 4);
  return out;
}

class EngineFactsTest : public testing::Test {
 protected:
  EngineFactsTest() { FillSampleMachine(machine_); }
  CapturedSnapshot& file() {
    if (!file_) file_ = std::make_unique<CapturedSnapshot>(machine_.reader());
    return *file_;
  }
  MachineTree machine_;
  std::unique_ptr<CapturedSnapshot> file_;
};

TEST_F(EngineFactsTest, CapturesTheSampleWithoutGaps) {
  EXPECT_EQ(file().exit_code(), kExitOk);
  EXPECT_THAT(file().Gaps(), IsEmpty());
}

TEST_F(EngineFactsTest, Snapshot) {
  EXPECT_THAT(
      file().Rows("SELECT id, wall_time_ns, boot_time_ns, host, kernel_release, kernel_version, "
                  "machine, boot_id, page_size, options, pfn_visible, flags_state, "
                  "map_count_state, cgroup_state, frozen FROM snapshot"),
      ElementsAre("1|1750000000123456789|3600000000000|testhost|6.18.5|#1 SMP PREEMPT_DYNAMIC|"
                  "x86_64|00112233-4455-6677-8899-aabbccddeeff|4096|capture -a|1|read|read|read|"
                  "0"));
  EXPECT_THAT(file().Rows("SELECT tool_version FROM snapshot"),
              ElementsAre(testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+")));
}

const char kOptions[] =
    "SELECT REPLACE(name, 'config.CONFIG_', ''), value FROM system_fact WHERE name LIKE 'config.%' "
    "ORDER BY name";

// The running kernel's own list comes first, whatever lies in /boot.
TEST_F(EngineFactsTest, KernelOptions) {
  FakeReader& reader = machine_.reader();
  const std::string release = "6.18.5";
  reader.AddText("boot/config-" + release, "CONFIG_MEM_SOFT_DIRTY=y\n");
  reader.AddText("lib/modules/" + release + "/config", "CONFIG_MEMORY_FAILURE=y\n");
  reader.AddText("proc/config.gz",
                 Gzip("CONFIG_MIGRATION=y\n# CONFIG_MEM_SOFT_DIRTY is not set\n"));
  EXPECT_THAT(CapturedSnapshot(reader).Rows(kOptions),
              ElementsAre("DEVICE_PRIVATE|n", "MEMORY_FAILURE|n", "MEM_SOFT_DIRTY|n", "MIGRATION|y",
                          "NO_PAGE_MAPCOUNT|n"));
  reader.AddText("proc/config.gz", "damaged");
  EXPECT_THAT(CapturedSnapshot(reader).Rows(kOptions), testing::Contains("MEM_SOFT_DIRTY|y"));
  reader.Remove("boot/config-" + release);
  EXPECT_THAT(CapturedSnapshot(reader).Rows(kOptions), testing::Contains("MEMORY_FAILURE|y"));
  reader.Remove("lib/modules/" + release + "/config");
  EXPECT_THAT(CapturedSnapshot(reader).Rows(kOptions), testing::IsEmpty());
}

TEST_F(EngineFactsTest, MapCountKind) {
  FakeReader& reader = machine_.reader();
  auto kind = [&] { return CapturedSnapshot(reader).Rows("SELECT map_count_kind FROM snapshot"); };
  reader.AddText("proc/config.gz", Gzip("CONFIG_NO_PAGE_MAPCOUNT=y\n"));
  EXPECT_THAT(kind(), ElementsAre("average"));
  reader.AddText("proc/config.gz", Gzip("# CONFIG_NO_PAGE_MAPCOUNT is not set\n"));
  EXPECT_THAT(kind(), ElementsAre("page"));
  for (const char* path : {"proc/config.gz", "boot/config-6.18.5"}) reader.Remove(path);
  EXPECT_THAT(kind(), ElementsAre("NULL"));
  reader.AddText("proc/sys/kernel/osrelease", "6.14.2\n");
  EXPECT_THAT(kind(), ElementsAre("page"));
}

TEST_F(EngineFactsTest, Processes) {
  EXPECT_THAT(file().Rows("SELECT id, snapshot_id, pid, ppid, start_time_ticks, name, exe, "
                          "cmdline, uid, state, thread_count, cgroup, kernel_thread, "
                          "mapping_count FROM process ORDER BY id"),
              ElementsAre("1|1|2|0|1|kthreadd|NULL|NULL|NULL|S|1|NULL|1|0",
                          "2|1|100|1|5000|server|/usr/bin/server|server --port 80|1000|S|1|"
                          "/app.slice|0|5",
                          "3|1|101|100|5001|worker|/usr/bin/server|NULL|1000|S|4|"
                          "/app.slice|0|2",
                          "4|1|300|1|5000|gone|/usr/bin/server||1000|Z|1|/|0|0"));
}

// A process can have any of its memory shown as its command line.
TEST_F(EngineFactsTest, CommandLinesAreCut) {
  machine_.reader().AddText("proc/100/cmdline", std::string(4095, 'x') + "\xc3\xa9y");
  machine_.reader().AddText("proc/101/cmdline", std::string((size_t{6} << 20) + 1, 'x'));
  EXPECT_THAT(file().Rows("SELECT LENGTH(cmdline), cmdline_length FROM process "
                          "WHERE pid IN (100, 101)"),
              ElementsAre("4095|4098", "NULL|NULL"));
}

// Equal command lines are stored once.
TEST_F(EngineFactsTest, CommandLinesAreStoredOnce) {
  EXPECT_THAT(file().Rows("SELECT id, cmdline, cmdline_process_id, cmdline_length FROM process "
                          "WHERE NOT kernel_thread ORDER BY id"),
              ElementsAre("2|server --port 80|2|16", "3|NULL|2|16", "4||4|0"));
}

TEST_F(EngineFactsTest, Mappings) {
  EXPECT_THAT(file().Rows("SELECT m.id, process_id, first_page, page_count, perms, offset, "
                          "device, inode, path, names FROM mapping m "
                          "LEFT JOIN file f ON f.id = file_id "
                          "LEFT JOIN vm_flags v ON v.id = vm_flags_id ORDER BY m.id"),
              ElementsAre("1|2|1024|3|r-xp|8192|8:17|77|/usr/bin/server|rd ex mr mw me",
                          "2|2|1280|10|rw-p|0|0:0|0|[heap]|rd wr mr mw me ac",
                          "3|2|34091302912|2|rw-p|0|0:15|5|/anon_hugepage (deleted)|"
                          "rd wr mr mw me ac",
                          "4|2|34091303168|1|rw-p|0|NULL|NULL|NULL|rd wr mr mw me ac",
                          "5|2|4503599627367936|1|--xp|0|0:0|0|[vsyscall]|ex",
                          "6|3|34108080128|3|r-xp|8192|8:17|77|/usr/bin/server|rd ex mr mw me",
                          "7|3|34124857344|4|rw-p|0|NULL|NULL|NULL|rd wr mr mw me ac"));
  EXPECT_THAT(file().Rows("SELECT COUNT(*) FROM file"), ElementsAre("4"));
  EXPECT_THAT(file().Rows("SELECT COUNT(*) FROM vm_flags"), ElementsAre("3"));
}

TEST_F(EngineFactsTest, PagesAreTrimmedCountedAndStoredOnce) {
  EXPECT_THAT(file().Rows("SELECT mapping_id, first_page, present_count, swapped_count, "
                          "special_count, page_count FROM page_chunk "
                          "JOIN page_content ON id = content_id ORDER BY mapping_id"),
              ElementsAre("1|0|3|0|0|3", "2|0|3|2|1|7", "3|0|2|0|0|2", "4|0|1|0|0|1", "6|0|3|0|0|3",
                          "7|0|4|0|0|4"));
  EXPECT_THAT(file().Rows("SELECT (SELECT content_id FROM page_chunk WHERE mapping_id = 1) = "
                          "(SELECT content_id FROM page_chunk WHERE mapping_id = 6), "
                          "(SELECT COUNT(*) FROM page_content)"),
              ElementsAre("1|5"));
  EXPECT_THAT(file().Rows("SELECT COUNT(*) FROM blob_check WHERE problem IS NOT NULL"),
              ElementsAre("0"));
}

TEST_F(EngineFactsTest, KernelFigures) {
  EXPECT_THAT(file().Rows("SELECT process_id, row_count FROM kernel_accounting"),
              ElementsAre("2|5", "3|2"));
  const AccountingTable* table = file().session().reader().Accounting(2);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->Value(table->Column("Swap").value(), 1), 8);
  EXPECT_EQ(table->Value(table->Column("Size").value(), 0), 12);
  EXPECT_EQ(table->Value(table->Column("Private_Hugetlb").value(), 2), 8);
}

TEST_F(EngineFactsTest, Frames) {
  EXPECT_THAT(file().Rows("SELECT snapshot_id, first_pfn, frame_count FROM frame_chunk"),
              ElementsAre("1|0|13"));
  EXPECT_THAT(file().Rows("SELECT pfn, flags, map_count, cgroup_inode, node, zone FROM frame "
                          "WHERE pfn IN (85, 256, 514, 768, 1025) ORDER BY pfn"),
              ElementsAre("85|16777216|0|0|0|DMA", "256|2156|2|1|0|DMA", "514|22568|1|4242|0|DMA",
                          "768|22568|1|999|0|DMA", "1025|131072|1|0|0|DMA"));
}

TEST_F(EngineFactsTest, WhatTheWordsReferTo) {
  EXPECT_THAT(file().Rows("SELECT * FROM cgroup"), ElementsAre("1|1|/", "1|4242|/app.slice"));
  EXPECT_THAT(file().Rows("SELECT * FROM swap_device"),
              ElementsAre("1|0|/swap file|file|2097152|8|-2"));
  EXPECT_THAT(file().Rows("SELECT * FROM memory_zone"),
              ElementsAre("1|0|DMA|1|4095|3998|3840", "1|1|Normal|4096|258048|258048|253952"));
  EXPECT_THAT(file().Rows("SELECT * FROM system_fact"),
              ElementsAre("1|capture.all_processes|yes", "1|capture.folio_ends|yes",
                          "1|capture.torn_frame_count|0", "1|config.CONFIG_DEVICE_PRIVATE|n",
                          "1|config.CONFIG_MEMORY_FAILURE|y", "1|config.CONFIG_MEM_SOFT_DIRTY|y",
                          "1|config.CONFIG_MIGRATION|y", "1|config.CONFIG_NO_PAGE_MAPCOUNT|n",
                          "1|meminfo.HugePages_Total|2", "1|meminfo.MemAvailable_kib|524288",
                          "1|meminfo.MemTotal_kib|1048576"));
  EXPECT_THAT(file().Rows("SELECT * FROM flag_name WHERE bit IN (12, 55, 58)"),
              ElementsAre("1|frame|12|ANON", "1|page|55|soft_dirty", "1|page|58|guard_region"));
}

TEST_F(EngineFactsTest, Costs) {
  EXPECT_THAT(
      file().Rows("SELECT source FROM cost"),
      AllOf(Contains("pagemap"), Contains("smaps"), Contains("kpageflags"), Contains("total")));
  EXPECT_THAT(file().Rows("SELECT COUNT(*) FROM cost WHERE source = 'pagemap' AND call_count > 0 "
                          "AND byte_count > 0 AND wall_ns > 0 AND longest_ns > 0 AND user_ns IS "
                          "NULL AND system_ns IS NULL AND peak_rss_kib IS NULL"),
              ElementsAre("1"));
  EXPECT_THAT(file().Rows("SELECT COUNT(*) FROM cost WHERE source = 'total' AND wall_ns > 0 AND "
                          "user_ns = 1000000 AND system_ns = 2000000 AND peak_rss_kib = 4096"),
              ElementsAre("1"));
}

TEST_F(EngineFactsTest, ASelectionTakesWhatItNames) {
  CaptureRequest request = ProcessesWithPid({101});
  request.selection.name_globs = {"k*"};
  CapturedSnapshot some(machine_.reader(), request);
  EXPECT_THAT(some.Rows("SELECT pid FROM process"), ElementsAre("2", "101"));
}

TEST_F(EngineFactsTest, WithoutAccountingMapsIsRead) {
  CaptureRequest request = AllProcesses();
  request.accounting = Accounting::kNever;
  machine_.reader().Remove("proc/100/smaps");
  CapturedSnapshot plain(machine_.reader(), request);
  EXPECT_EQ(plain.exit_code(), kExitOk);
  EXPECT_THAT(plain.Rows("SELECT COUNT(*), COUNT(vm_flags_id) FROM mapping"), ElementsAre("7|0"));
  EXPECT_THAT(plain.Rows("SELECT * FROM kernel_accounting"), IsEmpty());
}

// A program that capture runs itself stands still at its exit without being stopped by a freezer.
TEST_F(EngineFactsTest, InfoSaysWhetherItStoodAtItsExit) {
  CaptureRequest request;
  request.selection.pids = {100};
  const std::vector<std::string> columns = {"--columns", "fact,value", "--format", "csv"};
  auto stopped = [&](const CapturedSnapshot& file) {
    std::vector<std::string> command = {"info", file.path()};
    command.insert(command.end(), columns.begin(), columns.end());
    const std::string out = RunReport(command).out;
    const size_t begin = out.find("processes stopped,");
    return out.substr(begin, out.find('\r', begin) - begin);
  };
  EXPECT_EQ(stopped(CapturedSnapshot(machine_.reader(), request)),
            "processes stopped,no: they ran on");
  request.at_exit = true;
  EXPECT_EQ(stopped(CapturedSnapshot(machine_.reader(), request)),
            "processes stopped,\"yes: the program stood at its exit, where capture held it\"");
}

TEST(EngineSummaryTest, CountsWhatWasCaptured) {
  MachineTree machine;
  FillSampleMachine(machine);
  TestFolder folder;
  CaptureSummary summary;
  WriteSnapshotFile(folder.File("a"), [&](SnapshotWriter& writer) {
    Progress silent;
    summary = Capture(AllProcesses(), machine.reader(), writer, silent);
  });
  EXPECT_EQ(summary.process_count, 4);
  EXPECT_EQ(summary.mapping_count, 7);
  EXPECT_EQ(summary.page_count, 19);
  EXPECT_EQ(summary.frame_count, 13);
  EXPECT_EQ(summary.gap_count, 0);
}

}  // namespace
}  // namespace pagesnap
