// The invariants hold of samples and of random snapshots, and each of them can fail.
#include "tests/support/invariants.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <set>

#include "tests/query/random_snapshot.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/ram_machine.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::IsEmpty;

std::vector<std::string> BrokenIn(const std::string& path) {
  const Session session(path);
  return BrokenInvariants(session.database());
}

TEST(InvariantsTest, HoldOfSamples) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(PAGESNAP_SAMPLE_DIR)) {
    if (entry.path().extension() != ".pagesnap") continue;
    ++count;
    EXPECT_THAT(BrokenIn(entry.path().string()), IsEmpty()) << entry.path();
  }
  EXPECT_GE(count, 1u);
}

TEST(InvariantsTest, HoldOfTheFakeMachine) {
  MachineTree machine;
  FillSampleMachine(machine);
  const CapturedSnapshot file(machine.reader());
  EXPECT_THAT(BrokenIn(file.path()), IsEmpty());
}

class RandomInvariantsTest : public testing::TestWithParam<uint64_t> {};

TEST_P(RandomInvariantsTest, Hold) {
  const TestFolder folder;
  WriteRandomSnapshots(folder.File("a"), GetParam());
  WriteRandomSnapshots(folder.File("b"), GetParam() + 1000, RandomMemory::kScattered,
                       RandomLives::kAny);
  EXPECT_THAT(BrokenIn(folder.File("a")), IsEmpty());
  const Session both({folder.File("a"), folder.File("b")});
  EXPECT_THAT(BrokenInvariants(both.database()), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomInvariantsTest, testing::Range<uint64_t>(1, 21));

// A wrong answer of a table, and the invariant that has to notice it.
struct Break {
  const char* invariant;
  const char* table;
  const char* change;
};

constexpr Break kBreaks[] = {
    {"pages_add_up", "mapping_usage", "UPDATE wrong SET absent_count = absent_count + 1"},
    {"pages_add_up", "mapping_usage", "DELETE FROM wrong WHERE rowid = 1"},
    {"pages_are_counted", "mapping_usage", "UPDATE wrong SET present_count = present_count + 1"},
    {"pages_are_counted", "mapping_usage", "UPDATE wrong SET special_count = special_count + 1"},
    {"pages_are_counted", "page", "UPDATE wrong SET state = 'guard' WHERE state = 'swapped'"},
    {"pages_are_in_their_mapping", "page", "UPDATE wrong SET page = page - 1"},
    {"pages_are_in_their_mapping", "page", "INSERT INTO wrong SELECT * FROM wrong LIMIT 1"},
    {"runs_are_pages", "page_run", "DELETE FROM wrong WHERE rowid = 1"},
    {"runs_are_pages", "page_run", "UPDATE wrong SET page_count = page_count + 1"},
    {"figures_are_sums_of_pages", "mapping_usage", "UPDATE wrong SET rss_kib = rss_kib + 4"},
    {"figures_are_sums_of_pages", "mapping_usage", "UPDATE wrong SET uss_kib = uss_kib + 4"},
    {"figures_are_sums_of_pages", "mapping_usage", "UPDATE wrong SET pss_kib = pss_kib + 1"},
    {"figures_are_sums_of_pages", "mapping_usage", "UPDATE wrong SET hugetlb_kib = 2"},
    {"figures_are_sums_of_pages", "mapping_usage", "UPDATE wrong SET swap_kib = swap_kib + 4"},
    {"uss_within_pss_within_rss", "mapping_usage", "UPDATE wrong SET uss_kib = pss_kib + 1"},
    {"uss_within_pss_within_rss", "mapping_usage", "UPDATE wrong SET rss_kib = pss_kib - 1"},
    {"uss_within_pss_within_rss", "mapping_usage", "UPDATE wrong SET swap_kib = -4"},
    {"exact_within_rss", "mapping_sharing", "UPDATE wrong SET exact_uss_kib = 1 << 30"},
    {"exact_within_rss", "mapping_sharing", "UPDATE wrong SET exact_pss = exact_pss + (1 << 22)"},
    {"exact_within_rss", "mapping_sharing", "UPDATE wrong SET exact_missing = 'x'"},
    {"unknown_is_said", "mapping_usage", "UPDATE wrong SET missing = 'something'"},
    {"unknown_is_said", "mapping_usage", "UPDATE wrong SET hugetlb_kib = NULL"},
    {"mappings_are_counted", "mapping", "DELETE FROM wrong WHERE id = 1"},
    {"process_is_sum_of_mappings", "process_usage", "UPDATE wrong SET rss_kib = rss_kib + 4"},
    {"process_is_sum_of_mappings", "process_usage", "UPDATE wrong SET pss_kib = NULL"},
    {"every_frame_is_known", "frame", "DELETE FROM wrong WHERE user_count > 0"},
    {"every_frame_is_known", "frame", "UPDATE wrong SET map_count = map_count + 1"},
    {"users_are_pages", "frame_user", "DELETE FROM wrong WHERE rowid = 1"},
    {"users_are_pages", "frame_user", "INSERT INTO wrong SELECT * FROM wrong LIMIT 1"},
    {"frames_know_their_users", "frame", "UPDATE wrong SET user_count = user_count + 1"},
    {"frames_are_stored", "frame", "DELETE FROM wrong WHERE rowid = 1"},
    {"shared_plus_private_is_all", "sharing_group", "UPDATE wrong SET frame_count = 1000000"},
    {"rss_is_shared_plus_private", "sharing_group_member",
     "UPDATE wrong SET page_count = page_count + 1"},
    {"groups_are_exact_sets", "sharing_group", "UPDATE wrong SET frame_count = frame_count + 1"},
    {"groups_are_exact_sets", "sharing_group_member", "DELETE FROM wrong WHERE rowid = 1"},
    {"groups_name_their_members", "sharing_group", "UPDATE wrong SET process_count = 7"},
    {"groups_name_their_members", "sharing_group", "UPDATE wrong SET pids = '[]'"},
    {"groups_are_pages", "page_group", "DELETE FROM wrong WHERE rowid = 1"},
    {"groups_are_pages", "page_group", "UPDATE wrong SET state = 'guard' WHERE state = 'present'"},
    {"swap_is_all_of_it", "swap_usage", "DELETE FROM wrong WHERE state = 'swapped'"},
    {"swap_is_all_of_it", "swap_usage", "UPDATE wrong SET uss_kib = pss_kib + 1"},
    {"frame_groups_are_frames", "frame_group", "UPDATE wrong SET frame_count = frame_count + 1"},
    {"ram_is_in_groups_and_blocks", "ram_run", "DELETE FROM wrong WHERE rowid = 1"},
    {"ram_is_in_groups_and_blocks", "ram_group", "UPDATE wrong SET kind = 'slab'"},
    {"ram_is_in_groups_and_blocks", "ram_free_block", "UPDATE wrong SET block_count = 1"},
    {"shared_by_mapping_is_shared_by_groups", "mapping_sharing",
     "UPDATE wrong SET shared_page_count = shared_page_count + 1"},
    {"shared_by_mapping_is_shared_by_groups", "mapping_sharing",
     "UPDATE wrong SET shared_frame_count = shared_frame_count + 1"},
    {"nothing_is_damaged", "blob_check", "UPDATE wrong SET problem = 'x' WHERE rowid = 1"},
    {"sums_are_of_their_pages", "usage_check", "INSERT INTO wrong VALUES (1, 1, 'x')"},
};

// Puts a wrong copy in a table's place: a temporary table goes before one of the same name.
void Replace(Session& session, const Break& wrong) {
  const Database& database = session.database();
  Statement(database, fmt::format("CREATE TEMP TABLE wrong AS SELECT * FROM {}", wrong.table))
      .Run();
  Statement(database, wrong.change).Run();
  if (wrong.table == std::string("process_usage")) {
    Statement(database, "DROP VIEW temp.process_usage").Run();
  }
  Statement(database, fmt::format("CREATE TEMP TABLE {} AS SELECT * FROM wrong", wrong.table))
      .Run();
}

TEST(InvariantsTest, EachCanFail) {
  MachineTree machine;
  FillSampleMachine(machine);
  const CapturedSnapshot file(machine.reader());
  MachineTree with_ram;
  FillRamMachine(with_ram);
  const CapturedSnapshot ram_file(with_ram.reader(), AllFrames());
  std::set<std::string> tried;
  for (const Break& wrong : kBreaks) {
    const bool is_of_ram = std::string_view(wrong.table).starts_with("ram_");
    Session session(is_of_ram ? ram_file.path() : file.path());
    Replace(session, wrong);
    tried.insert(wrong.invariant);
    const std::vector<std::string> broken = BrokenInvariants(session.database());
    EXPECT_THAT(broken, testing::Contains(testing::StartsWith(std::string(wrong.invariant) + ":")))
        << wrong.table << ": " << wrong.change;
  }
  for (const Invariant& invariant : ReadInvariants()) {
    EXPECT_TRUE(tried.contains(invariant.name)) << invariant.name << " is never seen to fail";
  }
}

}  // namespace
}  // namespace pagesnap
