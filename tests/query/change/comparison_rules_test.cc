// The rules of comparisons hold of random machines and of samples, these show all that there is to
// compare, and each rule can fail.
#include "tests/support/comparison_rules.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "tests/query/change/random_changes.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::IsEmpty;

constexpr uint64_t kSeeds = 30;

RunQuery QueryOf(const Session& session) {
  return [&](const std::string& sql) { return QueryRows(session.database(), sql); };
}

class ComparisonRulesTest : public testing::TestWithParam<uint64_t> {};

TEST_P(ComparisonRulesTest, HoldOfRandomMachines) {
  const TestFolder folder;
  WriteRandomChanges(folder.File("a"), GetParam());
  const Session session(folder.File("a"));
  for (const char* match : {"same", "rerun"}) {
    EXPECT_THAT(BrokenComparisonRules(QueryOf(session), match), IsEmpty()) << match;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ComparisonRulesTest, testing::Range(uint64_t{0}, kSeeds));

TEST(ComparisonRules, HoldOfSamples) {
  const std::string folder = PAGESNAP_SAMPLE_DIR;
  const Session session({folder + "/workload.pagesnap", folder + "/python.pagesnap"});
  EXPECT_THAT(BrokenComparisonRules(QueryOf(session), "auto"), IsEmpty());
}

// Else the rules would say little.
TEST(ComparisonRules, TheRandomMachinesHaveEverything) {
  std::map<std::string, uint64_t> changes;
  std::map<std::string, uint64_t> hows;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const TestFolder folder;
    WriteRandomChanges(folder.File("a"), seed);
    const Session session(folder.File("a"));
    const RunQuery query = QueryOf(session);
    for (const auto& row : query("SELECT DISTINCT change FROM page_change(1, 2)")) ++changes[row];
    for (const char* match : {"same", "rerun"}) {
      for (const auto& row :
           query(fmt::format("SELECT DISTINCT how FROM mapping_match(1, 2, '{}')", match))) {
        ++hows[row];
      }
    }
  }
  for (const char* change :
       {"unchanged", "flags_changed", "migrated", "copied_on_write", "merged", "faulted_in",
        "dropped", "swapped_out", "swapped_in", "slot_moved", "collapsed", "split", "recharged",
        "special_changed", "incomparable", "unread"}) {
    EXPECT_GT(changes[change], 0) << change;
  }
  for (const char* how : {"address", "moved", "size", "path", "replaced", "position", "similar",
                          "vanished", "appeared"}) {
    EXPECT_GT(hows[how], 0) << how;
  }
}

// A wrong answer of a table, and the rule that has to notice it.
struct Break {
  const char* rule;
  const char* table;
  const char* change;
};

constexpr Break kBreaks[] = {
    {"mirror process_match", "process_match", "DELETE FROM wrong WHERE rowid = 1"},
    {"mirror mapping_match", "mapping_match", "UPDATE wrong SET page_count = page_count + 1"},
    {"mirror page_change", "page_change",
     "UPDATE wrong SET change = 'faulted_in' WHERE change = 'dropped'"},
    {"mirror page_change", "page_change",
     "UPDATE wrong SET flags_set = flags_cleared WHERE flags_set <> flags_cleared"},
    {"mirror change_usage", "change_usage", "UPDATE wrong SET merged_count = merged_count + 1"},
    {"mirror change_usage", "change_usage", "UPDATE wrong SET after_pss = after_pss + 1"},
    {"classes", "change_usage", "UPDATE wrong SET split_count = split_count + 1"},
    {"classes", "change_usage", "UPDATE wrong SET page_count = page_count - 1"},
    {"tables", "page_change",
     "UPDATE wrong SET change = 'migrated' WHERE change = 'copied_on_write'"},
    {"tables", "change_usage", "UPDATE wrong SET unread_count = unread_count + 1"},
    {"states", "page_change", "UPDATE wrong SET before_state = 'swapped' WHERE before_pfn > 0"},
    {"states", "change_usage", "UPDATE wrong SET after_special_count = after_special_count + 1"},
    {"figures", "change_usage", "UPDATE wrong SET before_rss_kib = before_rss_kib + 4"},
    {"figures", "change_usage", "UPDATE wrong SET after_pss = after_pss + (1 << 22)"},
    {"figures", "change_usage", "UPDATE wrong SET after_thp_kib = NULL"},
    {"figures", "change_usage", "UPDATE wrong SET before_absent_count = 0"},
    {"figures", "change_usage", "DELETE FROM wrong WHERE before_mapping_id = 1"},
};

// Whether the rule notices the wrong answer about these snapshots.
bool IsNoticed(const std::string& file, const Break& wrong) {
  const Session session(file);
  const std::string call = fmt::format("{}(1, 2, 'same')", wrong.table);
  Statement(session.database(), "CREATE TEMP TABLE wrong AS SELECT * FROM " + call).Run();
  Statement(session.database(), wrong.change).Run();
  const RunQuery query = [&](std::string sql) {
    for (size_t at; (at = sql.find(call)) != std::string::npos;) {
      sql.replace(at, call.size(), "wrong");
    }
    return QueryRows(session.database(), sql);
  };
  const std::vector<std::string> broken = BrokenComparisonRules(query, "same");
  return std::any_of(broken.begin(), broken.end(), [&](const std::string& row) {
    return row.starts_with(std::string(wrong.rule) + ":");
  });
}

// Not each pair of snapshots has what each of them is about.
TEST(ComparisonRules, EachCanFail) {
  const TestFolder folder;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    WriteRandomChanges(folder.File(std::to_string(seed)), seed);
  }
  for (const Break& wrong : kBreaks) {
    bool noticed = false;
    for (uint64_t seed = 0; seed < 8 && !noticed; ++seed) {
      noticed = IsNoticed(folder.File(std::to_string(seed)), wrong);
    }
    EXPECT_TRUE(noticed) << wrong.rule << ": " << wrong.table << ": " << wrong.change;
  }
}

}  // namespace
}  // namespace pagesnap
