// Recorded trees of other kernels and machines (tests/fixtures), captured and analysed: the figures
// are those that make.py computed.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lib/proc/directory_reader.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/faulty_reader.h"

namespace pagesnap {
namespace {

using Json = nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string TreePath(const std::string& name) {
  return std::string(PAGESNAP_FIXTURE_DIR) + "/" + name;
}

Json Expected(const std::string& name) {
  std::ifstream file(TreePath(name) + "/expected.json");
  return Json::parse(file);
}

// Names of the figures that the kernel keeps too.
std::vector<std::string> FigureNames() { return {"rss", "pss", "uss", "swap", "hugetlb"}; }

std::vector<std::string> ExpectedRows(const Json& expected, bool kernel) {
  std::vector<std::string> rows;
  for (const Json& mapping : expected.at("mappings")) {
    std::string row = fmt::format(
        "{}|{}|{}|{}", mapping.at("pid").get<int>(), mapping.at("start").get<std::string>(),
        mapping.at("path").get<std::string>(), mapping.at("virtual_kib").get<uint64_t>());
    for (const std::string& name : FigureNames()) {
      // Older kernels have no line for it, and then no page of it here.
      bool unknown = kernel && name == "hugetlb" && mapping.at("hugetlb_kib") == 0;
      row += unknown ? "|0" : fmt::format("|{}", mapping.at(name + "_kib").get<uint64_t>());
    }
    rows.push_back(row);
  }
  return rows;
}

constexpr char kOurs[] =
    "SELECT d.pid, start, path, virtual_kib, rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib "
    "FROM mapping_detail d JOIN mapping_usage u ON u.process_id = d.process_id AND "
    "u.mapping_id = d.mapping_id ORDER BY d.pid, d.first_page";
constexpr char kKernels[] =
    "SELECT d.pid, start, path, virtual_kib, rss_kib, pss_kib, uss_kib, swap_kib, "
    "COALESCE(hugetlb_kib, 0) FROM mapping_detail d JOIN kernel_usage u ON "
    "u.process_id = d.process_id AND u.mapping_id = d.mapping_id ORDER BY d.pid, d.first_page";

std::vector<std::string> GapSources(CapturedSnapshot& file) {
  return file.Rows("SELECT source FROM gap ORDER BY id");
}

class FixturesTest : public testing::TestWithParam<const char*> {};

TEST_P(FixturesTest, FiguresAreExact) {
  const Json expected = Expected(GetParam());
  DirectoryReader reader(TreePath(GetParam()));
  for (int jobs : {1, 4}) {
    CaptureRequest request = AllProcesses();
    request.jobs = jobs;
    CapturedSnapshot file(reader, request);
    EXPECT_EQ(file.exit_code(), expected.at("exit_code").get<int>());
    EXPECT_EQ(GapSources(file), expected.at("gap_sources").get<std::vector<std::string>>());
    EXPECT_THAT(file.Rows("SELECT kernel_release, page_size FROM snapshot"),
                ElementsAre(fmt::format("{}|{}", expected.at("release").get<std::string>(),
                                        expected.at("page_size").get<int>())));
    EXPECT_EQ(file.Rows(kOurs), ExpectedRows(expected, /*kernel=*/false));
    EXPECT_EQ(file.Rows(kKernels), ExpectedRows(expected, /*kernel=*/true));
    EXPECT_THAT(BrokenInvariants(file.session().database()), IsEmpty());
    const ReportResult check = RunReport({"check", file.path(), "--format", "csv"});
    EXPECT_EQ(check.code, expected.at("check_exit_code").get<int>()) << check.out;
    EXPECT_THAT(check.out, AllOf(Not(HasSubstr("differs")), Not(HasSubstr("damaged"))));
    for (const char* name : {"rss", "pss", "uss", "swap"}) {
      EXPECT_THAT(check.out, HasSubstr(fmt::format("accounting,{},ok,", name)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Trees, FixturesTest,
                         testing::Values("linux-3.10", "linux-4.1", "linux-4.14", "linux-5.15",
                                         "linux-6.1", "two-nodes", "pages-64k",
                                         "no-page-mapcount"));

CapturedSnapshot Capture(const std::string& name) {
  DirectoryReader reader(TreePath(name));
  return CapturedSnapshot(reader);
}

// The exact figures are those that make.py counted, whatever the averages say.
TEST(FixtureTest, NoPageMapcountHasExactFiguresToo) {
  CapturedSnapshot file = Capture("no-page-mapcount");
  EXPECT_THAT(file.Rows("SELECT map_count_kind FROM snapshot"), ElementsAre("average"));
  std::vector<std::string> rows;
  size_t differing = 0;
  const Json expected = Expected("no-page-mapcount");
  for (const Json& mapping : expected.at("mappings")) {
    rows.push_back(fmt::format(
        "{}|{}|{}|{}", mapping.at("pid").get<int>(), mapping.at("start").get<std::string>(),
        mapping.at("exact_pss_kib").get<int>(), mapping.at("exact_uss_kib").get<int>()));
    differing += mapping.at("exact_pss_kib") != mapping.at("pss_kib");
  }
  EXPECT_EQ(
      file.Rows("SELECT d.pid, start, exact_pss_kib, exact_uss_kib FROM mapping_detail d JOIN "
                "mapping_sharing h ON h.process_id = d.process_id AND "
                "h.mapping_id = d.mapping_id ORDER BY d.pid, d.first_page"),
      rows);
  EXPECT_GT(differing, 2u);
}

TEST(FixtureTest, Linux310HasThePageShiftInEveryWord) {
  CapturedSnapshot file = Capture("linux-3.10");
  EXPECT_THAT(
      file.Rows("SELECT DISTINCT bit_names FROM page ORDER BY 1"),
      ElementsAre("page_shift_12,file,present", "page_shift_12,present", "page_shift_12,swap"));
  // Absent pages have it too, and are absent.
  EXPECT_THAT(file.Rows("SELECT COUNT(*) FROM page WHERE state = 'absent'"), ElementsAre("0"));
  EXPECT_THAT(file.Rows("SELECT cgroup_state FROM snapshot"), ElementsAre("missing"));
}

TEST(FixtureTest, Linux41RefusesPagemapToOthers) {
  DirectoryReader tree(TreePath("linux-4.1"));
  FaultyReader reader(tree);
  reader.Fail("proc/*/pagemap", EPERM);
  CapturedSnapshot file(reader);
  EXPECT_EQ(file.exit_code(), kExitWithGaps);
  EXPECT_THAT(
      file.Rows("SELECT pid, source, reason FROM gap JOIN process p ON p.id = process_id "
                "ORDER BY pid"),
      ElementsAre("100|pagemap|Operation not permitted", "101|pagemap|Operation not permitted",
                  "102|pagemap|Operation not permitted"));
  // What we cannot know is unknown, and what the kernel said is there.
  EXPECT_THAT(file.Rows("SELECT DISTINCT rss_kib, pss_kib, uss_kib FROM process_usage"),
              ElementsAre("NULL|NULL|NULL"));
  EXPECT_EQ(file.Rows(kKernels), ExpectedRows(Expected("linux-4.1"), /*kernel=*/true));
  EXPECT_EQ(RunReport({"check", file.path()}).code, kExitWithGaps);
}

TEST(FixtureTest, Linux61BelievesSmapsOfLargeEmptyMappings) {
  CapturedSnapshot file = Capture("linux-6.1");
  EXPECT_THAT(file.Gaps(), IsEmpty());
  EXPECT_THAT(file.Rows("SELECT u.rss_kib, u.absent_count FROM mapping_usage u JOIN mapping m ON "
                        "m.process_id = u.process_id AND m.id = u.mapping_id "
                        "WHERE page_count = 1 << 32"),
              ElementsAre("0|4294967296"));
}

TEST(FixtureTest, FramesKnowTheirNode) {
  CapturedSnapshot file = Capture("two-nodes");
  const auto counts = Expected("two-nodes").at("frames_by_node").get<std::vector<int>>();
  ASSERT_THAT(counts, SizeIs(2));
  EXPECT_THAT(file.Rows("SELECT node, COUNT(*) FROM frame GROUP BY node ORDER BY node"),
              ElementsAre(fmt::format("0|{}", counts[0]), fmt::format("1|{}", counts[1])));
  EXPECT_THAT(file.Rows("SELECT zone, COUNT(*) > 0 FROM frame GROUP BY zone ORDER BY zone"),
              ElementsAre("DMA|1", "Normal|1"));
}

TEST(FixtureTest, LargePagesHaveLargeAddresses) {
  CapturedSnapshot file = Capture("pages-64k");
  EXPECT_THAT(file.Rows("SELECT machine FROM snapshot"), ElementsAre("aarch64"));
  EXPECT_THAT(file.Rows("SELECT start, end, virtual_kib FROM mapping_detail "
                        "WHERE path = '[heap]'"),
              ElementsAre("0x200000|0x310000|1088"));
}

TEST(FixtureTest, HidepidShowsOwnProcessesAndNoPfn) {
  const Json expected = Expected("hidepid");
  CapturedSnapshot file = Capture("hidepid");
  EXPECT_EQ(file.exit_code(), expected.at("exit_code").get<int>());
  EXPECT_EQ(GapSources(file), expected.at("gap_sources").get<std::vector<std::string>>());
  EXPECT_THAT(file.Rows("SELECT pid FROM process ORDER BY pid"), ElementsAre("100", "101"));
  EXPECT_THAT(file.Rows("SELECT pfn_visible, flags_state FROM snapshot"), ElementsAre("0|hidden"));
  EXPECT_THAT(file.Rows("SELECT DISTINCT pss_kib FROM process_usage"), ElementsAre("NULL"));
  EXPECT_EQ(file.Rows(kKernels), ExpectedRows(expected, /*kernel=*/true));
  EXPECT_THAT(BrokenInvariants(file.session().database()), IsEmpty());
  EXPECT_EQ(RunReport({"check", file.path()}).code, kExitWithGaps);
  DirectoryReader reader(TreePath("hidepid"));
  EXPECT_EQ(ErrorOf([&] { CapturedSnapshot(reader, ProcessesWithPid({1})); }),
            "there is no process 1; nothing was captured");
}

}  // namespace
}  // namespace pagesnap
