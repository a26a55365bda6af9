// Several jobs find what one finds. Under ThreadSanitizer (preset tsan) this is also the test that
// they do not get into each other's way.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/captured_snapshot.h"
#include "tests/support/fake_freezer.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

// Many small processes that share frames with their neighbours, a large one whose figures are read
// apart from its pages, and one with so many mappings that their list is taken apart by a thread of
// its own.
void FillCrowd(MachineTree& machine) {
  for (int32_t i = 0; i < 60; ++i) {
    TreeProcess process{.pid = 100 + i, .name = fmt::format("small-{}", i)};
    for (uint64_t j = 0; j < 8; ++j) {
      process.mappings.push_back({.start = 0x10000 + j * 0x100000,
                                  .pages = PresentRun(1000 + 8 * i + 16 * j, 20),
                                  .figures = {{"Rss", 80}, {"Pss", 10}}});
    }
    machine.AddProcess(process);
  }
  TreeProcess large{.pid = 900, .name = "large"};
  for (uint64_t j = 0; j < 6; ++j) {
    large.mappings.push_back({.start = (j + 1) << 32,
                              .pages = PresentRun(20000 + 30000 * j, 20000),
                              .figures = {{"Rss", 80000}, {"Pss", 80000}}});
  }
  machine.AddProcess(large);
  // By its size alone it is told from small ones.
  machine.reader().AddText("proc/900/status", "Uid:\t1000\nVmRSS:\t480000 kB\n");
  TreeProcess many{.pid = 901, .name = "many"};
  for (uint64_t j = 0; j < 4000; ++j) {
    many.mappings.push_back({.start = 0x10000 + j * 0x10000,
                             .pages = PresentRun(1000 + 7 * j, 1),
                             .figures = {{"Rss", 4}, {"Pss", 4}, {"Anonymous", 4}}});
  }
  machine.AddProcess(many);
  for (uint64_t pfn = 1000; pfn < 210'000; pfn += 5000) {
    machine.AddFrames(pfn, 5000, 0x868, 1 + pfn % 3, 1);
  }
}

// All that a capture says and that does not depend on who came first.
std::vector<std::string> Facts(CapturedSnapshot& file) {
  std::vector<std::string> facts;
  for (const char* sql :
       {"SELECT pid, name, uid, cgroup, mapping_count FROM process ORDER BY pid",
        "SELECT pid, first_page, m.page_count, perms, names FROM mapping m "
        "JOIN process p ON p.id = process_id LEFT JOIN vm_flags v ON v.id = vm_flags_id "
        "ORDER BY pid, first_page",
        "SELECT pid, m.first_page, c.first_page, present_count FROM page_chunk c "
        "JOIN mapping m ON m.id = mapping_id JOIN process p ON p.id = process_id "
        "ORDER BY pid, m.first_page, c.first_page",
        "SELECT pid, page, page_count, r.state, pfn, flags, map_count FROM page_run r "
        "JOIN process p ON p.id = process_id ORDER BY pid, page",
        "SELECT pid, row_count FROM kernel_accounting JOIN process p ON p.id = process_id "
        "ORDER BY pid",
        "SELECT pid, first_page, rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib, anonymous_kib "
        "FROM kernel_usage u JOIN process p ON p.id = u.process_id "
        "JOIN mapping m ON m.id = mapping_id ORDER BY 1, 2",
        "SELECT first_pfn, frame_count, hex(facts) FROM frame_chunk JOIN frame_content n "
        "ON n.id = frame_content_id ORDER BY first_pfn",
        "SELECT source, reason FROM gap ORDER BY source, reason"}) {
    std::vector<std::string> rows = file.Rows(sql);
    facts.insert(facts.end(), rows.begin(), rows.end());
  }
  return facts;
}

std::vector<std::string> FactsWithJobs(int jobs, Accounting accounting, bool verify,
                                       Freezer* freezer = nullptr) {
  MachineTree machine;
  FillCrowd(machine);
  CaptureRequest request = AllProcesses();
  request.jobs = jobs;
  request.accounting = accounting;
  request.verify = verify;
  request.freezer = freezer;
  CapturedSnapshot file(machine.reader(), request);
  return Facts(file);
}

TEST(ParallelTest, FourJobsFindWhatOneFinds) {
  std::vector<std::string> facts = FactsWithJobs(1, Accounting::kAlways, false);
  EXPECT_GT(facts.size(), 500U);
  for (int round = 0; round < 3; ++round)
    EXPECT_EQ(FactsWithJobs(4, Accounting::kAlways, false), facts);
}

TEST(ParallelTest, WithProcessesStopped) {
  FakeFreezer freezer;
  const std::vector<std::string> facts = FactsWithJobs(1, Accounting::kAlways, false);
  EXPECT_EQ(FactsWithJobs(4, Accounting::kAlways, false, &freezer), facts);
  EXPECT_EQ(FactsWithJobs(4, Accounting::kAlways, true, &freezer), facts);
}

TEST(ParallelTest, WithoutFigures) {
  EXPECT_EQ(FactsWithJobs(4, Accounting::kNever, false),
            FactsWithJobs(1, Accounting::kNever, false));
}

TEST(ParallelTest, WithVerification) {
  EXPECT_EQ(FactsWithJobs(4, Accounting::kAlways, true),
            FactsWithJobs(1, Accounting::kAlways, true));
}

}  // namespace
}  // namespace pagesnap
