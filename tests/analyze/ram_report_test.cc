// The reports about all RAM.
#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>

#include "lib/kernel/frame_flags.h"
#include "tests/analyze/golden.h"
#include "tests/support/ram_machine.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;
using testing::Not;

class RamReportTest : public testing::Test {
 protected:
  RamReportTest() { FillRamMachine(machine_); }
  const std::string& File() {
    if (!file_) {
      file_ = std::make_unique<CapturedSnapshot>(machine_.reader(), AllFrames());
      path_ = file_->path();
    }
    return path_;
  }
  nlohmann::json Json(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin() + 1, File());
    arguments.insert(arguments.end(), {"--format", "json"});
    return nlohmann::json::parse(RunReport(arguments).out);
  }
  MachineTree machine_;
  std::unique_ptr<CapturedSnapshot> file_;
  std::string path_;
};

TEST_F(RamReportTest, Ram) { ExpectGoldenReport("ram", {"ram", File()}); }
TEST_F(RamReportTest, RamByCgroup) {
  ExpectGoldenReport("ram_by_cgroup", {"ram", File(), "--by", "cgroup"});
}
TEST_F(RamReportTest, Fragmentation) {
  ExpectGoldenReport("fragmentation", {"fragmentation", File()});
}
TEST_F(RamReportTest, Flags) { ExpectGoldenReport("flags_ram", {"flags", File()}); }
TEST_F(RamReportTest, LayoutPhysical) {
  ExpectGoldenReport("layout_physical_ram", {"layout", "--physical", File()});
}
TEST_F(RamReportTest, Unexplained) {
  ExpectGoldenReport("unexplained_ram", {"unexplained", File()});
}

// The lines that are no parts of others add up to RAM, and that is what zoneinfo calls present.
TEST_F(RamReportTest, LinesAddUpToRam) {
  int64_t sum = 0;
  int64_t ram = 0;
  int64_t present = 0;
  for (const auto& line : Json({"ram"})) {
    const auto item = line["item"].get<std::string>();
    if (item == "RAM") {
      ram = line["kib"];
      present = line["kernel_kib"];
    } else if (!item.starts_with(' ')) {
      sum += line["kib"].get<int64_t>();
    }
  }
  EXPECT_EQ(sum, ram);
  EXPECT_EQ(ram, present);
  EXPECT_EQ(ram, kRamMachineFrames * 4);
}

// What the kernel says of frames without flags never exceeds them.
// What the kernel did not say is unknown, and no frame gets lost.
TEST_F(RamReportTest, UnknownZonesAndFreeBlocks) {
  auto ram = [&] {
    nlohmann::json last = Json({"ram"}).back();
    last.erase("percent");
    return last;
  };
  const nlohmann::json before = ram();
  ChangeFile(File(), "DELETE FROM memory_zone; DELETE FROM free_area");
  EXPECT_EQ(ram()["kib"], before["kib"]);
  EXPECT_TRUE(ram()["kernel_kib"].is_null());
  for (const auto& line : Json({"ram"})) EXPECT_NE(line["counter"], "buddyinfo");
  for (const auto& line : Json({"fragmentation"})) {
    EXPECT_TRUE(line["section"] != "free" || line["block_count"] > 0) << line;
  }
}

TEST_F(RamReportTest, EstimatesEndWithTheFramesThatThereAre) {
  machine_.reader().AddText("proc/meminfo",
                            "MemTotal: 1 kB\nVmallocUsed: 99999999 kB\nPercpu: 8 kB\n");
  int64_t unidentified = -1;
  for (const auto& line : Json({"ram"})) {
    if (line["item"] == "unidentified") unidentified = line["kib"];
    EXPECT_NE(line["item"], "  free, on lists of CPUs");
    EXPECT_GE(line["kib"].get<int64_t>(), 0);
    EXPECT_LE(line["kib"].get<int64_t>(), int64_t{kRamMachineFrames} * 4);
  }
  EXPECT_EQ(unidentified, -1);  // 0, so no line
}

// A kernel that gives memory to its zones only when it is needed counts it before, in MemTotal and
// in MemFree; its frames have no flags.
TEST_F(RamReportTest, MemoryThatComesLaterIsNotManaged) {
  constexpr int64_t kLaterKib = 8192;
  machine_.SetZones(
      {{.name = "DMA", .start_pfn = 1, .spanned = 0xfff, .present = 0xf9e, .managed = 0xf9e},
       {.node = 1,
        .start_pfn = 0x1000,
        .spanned = 0x3f000,
        .present = 0x3f000,
        .managed = 0x3ec00 - kLaterKib / 4}});
  const std::string memory = ReadWholeText(machine_.reader(), "proc/meminfo");
  auto more = [&](std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  };
  machine_.reader().AddText("proc/meminfo",
                            more(memory, "999424", std::to_string(999424 + kLaterKib)));
  std::map<std::string, nlohmann::json> lines;
  for (const auto& line : Json({"ram"})) lines.try_emplace(line["item"].get<std::string>(), line);
  // Less what is offline, which no zone manages either.
  EXPECT_EQ(lines["not managed by its zone"]["kib"], kLaterKib - 64);
  EXPECT_EQ(lines["free"]["kernel_kib"], 999424);
  EXPECT_EQ(lines["free"]["counter"], "MemFree-later");
  EXPECT_TRUE(lines["reserved at boot"]["kernel_kib"].is_null());
  EXPECT_EQ(lines["RAM"]["kib"], kRamMachineFrames * 4);
}

// Without iomem, what is beyond the present frames of the zones is a hole.
TEST_F(RamReportTest, HolesOfZonesAreNoRam) {
  machine_.reader().AddText("proc/iomem", "");
  const auto lines = Json({"ram"});
  EXPECT_EQ(lines.back()["kib"], kRamMachineFrames * 4);
}

TEST_F(RamReportTest, SaysHowToCaptureRam) {
  CapturedSnapshot without(machine_.reader());
  for (const char* report : {"ram", "fragmentation"}) {
    EXPECT_THAT(RunReport({report, without.path()}).notes, HasSubstr("'capture --frames all'"));
    EXPECT_THAT(RunReport({report, File()}).notes, Not(HasSubstr("capture --frames all")));
  }
}

TEST_F(RamReportTest, FitsATerminalOf80Columns) {
  const Terminal terminal{.width = 80};
  const ReportResult result = RunReport({"ram", File()}, terminal);
  std::stringstream lines(result.out);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_LE(line.size(), 80) << line;
  EXPECT_LT(count, 50);
}

}  // namespace
}  // namespace pagesnap
