// --address: which part of an address space a report is about.
#include <gmock/gmock.h>

#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class AddressRangeTest : public testing::Test {
 protected:
  AddressRangeTest() {
    machine_.AddFrames(0x100, 32, 0x5828, 1, 7);
    TreeProcess process{.pid = 100};
    TreeMapping heap{.start = 0x400000, .pages = PresentRun(0x100, 16), .path = "[heap]"};
    heap.figures = {{"Rss", 64}, {"KernelPageSize", 4}, {"Private_Dirty", 12}, {"KSM", 8}};
    process.mappings = {heap, {.start = 0x7f0000abc000, .pages = PresentRun(0x110, 4)}};
    machine_.AddProcess(process);
    file_ = std::make_unique<CapturedSnapshot>(machine_.reader());
  }
  ReportResult Run(const std::string& report, const std::string& address,
                   std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {report,  file_->path(), "--address",
                                          address, "--format",    "csv"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ReportResult result = RunReport(arguments);
    result.out = result.out.substr(result.out.find('\n') + 1);
    return result;
  }
  MachineTree machine_;
  std::unique_ptr<CapturedSnapshot> file_;
};

TEST_F(AddressRangeTest, EveryReportCountsThatPart) {
  EXPECT_THAT(Run("pages", "402000-405000").out,
              testing::StartsWith("100,server,0x402000,present,258,3,12,"));
  EXPECT_EQ(Run("runs", "0x402000+12K").out, "100,server,0x402000,0x102000,3,12,[heap],1,4\r\n");
  EXPECT_EQ(Run("runs", "0x402000+12K", {"--min-length", "4"}).out, "");
  EXPECT_EQ(Run("contiguity", "402000-405000").out, "100,server,0x400000,[heap],1,3,12,12,2:1\r\n");
  EXPECT_THAT(Run("hugepages", "402000-405000").out,
              testing::StartsWith("100,server,0x400000,[heap],12,0,0,0,,0,0,12,"));
  EXPECT_THAT(Run("numa", "402000-405000").out, testing::EndsWith(",3,12\r\n"));
  EXPECT_THAT(Run("layout", "402000-405000", {"--cell", "4"}).out,
              testing::AllOf(HasSubstr(",0x402000,0x403000,"), HasSubstr(",0x404000,0x405000,"),
                             Not(HasSubstr("0x401000,")), Not(HasSubstr("0x406000"))));
  const std::string pages = Run("translate", "402000-405000").out;
  EXPECT_EQ(std::count(pages.begin(), pages.end(), '\n'), 3);
  EXPECT_THAT(pages, testing::StartsWith("100,server,0x402000,present,258,0x102000,"));
  // The page of one address, and over several mappings.
  EXPECT_THAT(Run("runs", "0x403123").out, HasSubstr("0x403000,0x103000,1,4,[heap],1,4\r\n"));
  EXPECT_EQ(Run("runs", "40f000-7f0000abd000").out,
            "100,server,0x40f000,0x10f000,1,4,[heap],1,4\r\n"
            "100,server,0x7f0000abc000,0x110000,1,4,,1,\r\n");
  EXPECT_THAT(Run("pages", "7f0000ac0000-7f0000ad0000").out, IsEmpty());
}

// The sums of rows behind the limit are of the same part.
TEST_F(AddressRangeTest, TotalsAreOfThatPart) {
  for (const char* report : {"pages", "runs"}) {
    for (const char* limit : {"1", "1000"}) {
      EXPECT_THAT(
          RunReport({report, file_->path(), "--address", "402000-7f0000abe000", "--limit", limit})
              .out,
          testing::EndsWith("  16   64\n"))
          << report << limit;
    }
  }
}

TEST_F(AddressRangeTest, DigitsAreDecimalUnlessOnlyHexadecimalIsMapped) {
  constexpr char kNote[] =
      "note: --address 402000 is taken as hexadecimal: nothing is mapped at 0x62250, which it is "
      "in "
      "decimal\n";
  EXPECT_THAT(Run("runs", "402000").notes, HasSubstr(kNote));
  EXPECT_THAT(Run("runs", "402000").out, HasSubstr("0x402000,0x102000,"));
  EXPECT_THAT(Run("translate", "402000").out, HasSubstr("0x402000,present,"));
  EXPECT_THAT(Run("runs", "402000+8K").out, HasSubstr("0x402000,0x102000,2,8,"));
  // 0x402000 in decimal; and what is mapped in neither reading stays decimal.
  EXPECT_THAT(Run("runs", "4202496").out, HasSubstr("0x402000,0x102000,"));
  EXPECT_THAT(Run("runs", "4202496").notes, Not(HasSubstr("hexadecimal")));
  EXPECT_THAT(Run("translate", "4096", {"--pid", "100"}).out, HasSubstr("0x1000,unmapped"));
  EXPECT_THAT(Run("runs", "7f0000abc000").out, HasSubstr("0x7f0000abc000,"));
}

TEST_F(AddressRangeTest, OtherTexts) {
  const std::pair<const char*, const char*> kWrong[] = {
      {"zero", "as in /proc/PID/maps"},
      {"1000-", "as in /proc/PID/maps"},
      {"5000-4000", "its end must be behind its start"},
      {"0x1000+0", "a length, which is in bytes or has K, M, G or T"},
      {"0x1000+4Q", "a length, which is in bytes or has K, M, G or T"}};
  for (const auto& [wrong, why] : kWrong) {
    EXPECT_THAT(ErrorOf([&] { Run("pages", wrong); }),
                testing::AllOf(HasSubstr(wrong), HasSubstr(why)));
  }
  EXPECT_THAT(ErrorOf([&] {
                Run("pages", "1000-2000", {"--address", "3000-4000"});
              }),
              HasSubstr("--address was given twice"));
}

TEST_F(AddressRangeTest, OfTwoSnapshots) {
  CapturedSnapshot after(machine_.reader());
  auto changed = [&](const std::string& address) {
    const std::string csv = RunReport({"diff-pages", file_->path(), after.path(), "--all",
                                       "--address", address, "--format", "csv"})
                                .out;
    return csv.substr(csv.find('\n') + 1);
  };
  EXPECT_THAT(changed("402000-405000"),
              testing::StartsWith("100,0x402000,0x402000,3,12,unchanged,present,present,258,258,"));
  EXPECT_THAT(changed("40f000-411000"), HasSubstr("0x40f000,0x40f000,1,4,"));
  EXPECT_THAT(changed("500000-501000"), IsEmpty());
}

TEST_F(AddressRangeTest, AllFieldsOfSmapsAreColumns) {
  EXPECT_THAT(
      file_->Rows("SELECT private_dirty_kib, ksm_kib, kernel_page_size_kib, referenced_kib, "
                  "pss_dirty_kib FROM kernel_usage"),
      testing::ElementsAre("12|8|4|NULL|NULL", "NULL|NULL|NULL|NULL|NULL"));
}

}  // namespace
}  // namespace pagesnap
