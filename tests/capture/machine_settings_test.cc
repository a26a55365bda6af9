#include "capture/machine_settings.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>

#include "lib/proc/directory_reader.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/fake_reader.h"

namespace pagesnap {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Pair;

const std::string kThp = "sys/kernel/mm/transparent_hugepage";

void AddHugePages(FakeReader& reader) {
  for (const std::string folder : {"", "/khugepaged", "/hugepages-64kB", "/hugepages-64kB/stats",
                                   "/hugepages-32kB", "/hugepages-32kB/stats"}) {
    reader.AddDirectory(kThp + folder);
  }
  reader.AddText(kThp + "/enabled", "always [madvise] never\n");
  reader.AddText(kThp + "/khugepaged/max_ptes_none", "511\n");
  reader.AddText(kThp + "/khugepaged/pages_collapsed", "8\n");
  reader.AddText(kThp + "/hugepages-64kB/enabled", "always [inherit] madvise never\n");
  reader.AddText(kThp + "/hugepages-64kB/stats/swpout", "3\n");
  reader.AddText(kThp + "/hugepages-32kB/enabled", "always inherit madvise [never]\n");
  reader.AddText(kThp + "/hugepages-32kB/stats/swpout", "0\n");
}

std::vector<std::pair<std::string, int64_t>> CountersOf(const MachineSettings& machine) {
  std::vector<std::pair<std::string, int64_t>> counters;
  for (size_t i = 0; i < machine.counters.names.size(); ++i) {
    counters.emplace_back(machine.counters.names[i], machine.counters.values[i]);
  }
  return counters;
}

TEST(MachineSettingsTest, NamesThem) {
  FakeReader reader;
  AddHugePages(reader);
  reader.AddText("proc/sys/vm/swappiness", "60\n");
  reader.AddText("proc/sys/vm/stat_refresh", "not to be read\n");
  reader.AddText("proc/cmdline", "root=/dev/vda opt=[a] quiet\n");
  reader.AddText("proc/vmstat", "pgfault 7\nnr_free_pages 5905\n");
  reader.AddDirectory("sys/kernel/mm/ksm");
  reader.AddText("sys/kernel/mm/ksm/run", "1\n");
  reader.AddText("sys/kernel/mm/ksm/general_profit", "-64\n");
  reader.AddDirectory("sys/module/zswap/parameters");
  reader.AddText("sys/module/zswap/parameters/enabled", "Y\n");
  const MachineSettings machine = ReadMachineSettings(reader);
  EXPECT_THAT(machine.settings,
              ElementsAre(Pair("cmdline", "root=/dev/vda opt=[a] quiet"), Pair("ksm.run", "1"),
                          Pair("transparent_hugepage.enabled", "madvise"),
                          Pair("transparent_hugepage.hugepages-32kB.enabled", "never"),
                          Pair("transparent_hugepage.hugepages-64kB.enabled", "inherit"),
                          Pair("transparent_hugepage.khugepaged.max_ptes_none", "511"),
                          Pair("vm.swappiness", "60"), Pair("zswap.enabled", "Y")));
  EXPECT_THAT(CountersOf(machine),
              ElementsAre(Pair("ksm.general_profit", -64), Pair("nr_free_pages", 5905),
                          Pair("pgfault", 7), Pair("transparent_hugepage.hugepages-64kB.swpout", 3),
                          Pair("transparent_hugepage.khugepaged.pages_collapsed", 8)));
}

TEST(MachineSettingsTest, AMachineWithoutThemHasNone) {
  FakeReader reader;
  const MachineSettings machine = ReadMachineSettings(reader);
  EXPECT_TRUE(machine.settings.empty());
  EXPECT_TRUE(machine.counters.names.empty());
}

TEST(MachineSettingsTest, ThisMachines) {
  DirectoryReader reader("/");
  const MachineSettings machine = ReadMachineSettings(reader);
  std::string swappiness;
  std::ifstream("/proc/sys/vm/swappiness") >> swappiness;
  if (swappiness.empty()) GTEST_SKIP() << "this machine shows no sysctls";
  EXPECT_THAT(machine.settings, Contains(Pair("vm.swappiness", swappiness)));
  EXPECT_THAT(machine.counters.names, Contains("pgfault"));
}

// A series stores settings that changed, and for counters at most 300 bytes a snapshot.
TEST(MachineSettingsTest, InASeries) {
  FakeReader reader;
  AddHugePages(reader);
  const TestFolder folder;
  uint64_t random = 1;
  std::vector<uint64_t> counts(400);
  WriteSnapshotFile(folder.File("a"), [&](SnapshotWriter& writer) {
    for (int i = 0; i < 70; ++i) {
      std::string text;
      for (size_t counter = 0; counter < counts.size(); ++counter) {
        random = random * 6364136223846793005 + 1442695040888963407;
        // A quarter of them moves, by up to 63.
        if (counter % 4 == 0) counts[counter] += random >> 58;
        text += fmt::format("counter_{} {}\n", counter, counts[counter]);
      }
      reader.AddText("proc/vmstat", text);
      if (i == 50) reader.AddText(kThp + "/enabled", "[always] madvise never\n");
      writer.BeginSnapshot({});
      MachineSettings machine = ReadMachineSettings(reader);
      for (const auto& [name, value] : machine.settings) {
        writer.AddSystemFact("setting." + name, value);
      }
      writer.AddCounters(std::move(machine.counters));
      writer.Commit();
    }
  });
  Session session(folder.File("a"));
  auto rows = [&](const std::string& sql) { return QueryRows(session.database(), sql); };
  EXPECT_THAT(rows("SELECT snapshot_id, value FROM system_fact "
                   "WHERE name = 'setting.transparent_hugepage.enabled' AND snapshot_id < 52"),
              ElementsAre("1|madvise", "51|always"));
  EXPECT_THAT(rows("SELECT value FROM snapshot_setting WHERE snapshot_id IN (50, 70) "
                   "AND name = 'transparent_hugepage.enabled' ORDER BY snapshot_id"),
              ElementsAre("madvise", "always"));
  EXPECT_THAT(rows("SELECT COUNT(*), COUNT(base_snapshot_id), "
                   "MAX(IIF(base_snapshot_id IS NULL, 0, LENGTH(figures))) <= 300 "
                   "FROM machine_counters"),
              ElementsAre("70|68|1"));
  EXPECT_THAT(rows("SELECT value FROM counter WHERE snapshot_id = 70 AND name = 'counter_8'"),
              ElementsAre(std::to_string(counts[8])));
  EXPECT_THAT(rows("SELECT COUNT(*) FROM counter"), ElementsAre(std::to_string(70 * 402)));
  EXPECT_THAT(rows("SELECT COUNT(*) FROM blob_check WHERE problem IS NOT NULL"), ElementsAre("0"));
}

}  // namespace
}  // namespace pagesnap
