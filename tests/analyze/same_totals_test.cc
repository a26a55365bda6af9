// A total that several reports show is the same in all of them, by ways as different as their SQL.
// Where two differ by what they count, frames or pages, or by what is known, mappings or processes,
// the rule beside them says how.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <set>
#include <span>

#include "tests/analyze/report_tables.h"
#include "tests/query/random_snapshot.h"

namespace pagesnap {
namespace {

// Questions to reports, which have one answer.
struct SameTotal {
  const char* what;
  std::vector<const char*> questions;
};

// A process's figure is known where it is of all of its mappings. So the sum over the mappings of
// `maps` is that over the processes for the processes of which it is known.
constexpr const char* kFigures[] = {
    "rss_kib",        "uss_kib",        "swap_kib",       "hugetlb_kib",     "anonymous_kib",
    "file_kib",       "shmem_kib",      "torn_count",     "gap_count",       "pss",
    "kernel_rss_kib", "kernel_pss_kib", "kernel_uss_kib", "kernel_swap_kib", "exact_pss",
    "exact_uss_kib",  "virtual_kib"};
// Those of `maps --by path`, a row of which is known where all mappings of a file are.
constexpr const char* kPathFigures[] = {"rss_kib",     "uss_kib",       "swap_kib", "pss",
                                        "hugetlb_kib", "anonymous_kib", "file_kib", "shmem_kib"};
// Those of both sides of a comparison.
constexpr const char* kSideFigures[] = {"rss_kib", "uss_kib", "swap_kib", "hugetlb_kib"};

// What is in memory, in pages: each mapping's own, whatever is known of the frames.
const SameTotal kPages[] = {
    {"present pages",
     {"SELECT TOTAL(page_count) FROM numa", "SELECT TOTAL(page_count) FROM numa_process",
      "SELECT TOTAL(page_count) FROM cgroups", "SELECT TOTAL(frame_count) FROM flags_of_pages",
      "SELECT TOTAL(page_count) FROM pages WHERE state = 'present'",
      "SELECT TOTAL(present_kib) / (SELECT page_kib FROM size) FROM hugepages",
      "SELECT TOTAL(present_kib) / (SELECT page_kib FROM size) FROM hugepages_process",
      "SELECT TOTAL(present_kib) / (SELECT page_kib FROM size) FROM layout",
      "SELECT TOTAL(present_count) FROM info_pages",
      "SELECT TOTAL(page_count) FROM page_states "
      "WHERE state = 'present'"}},
    {"pages in swap",
     {"SELECT TOTAL(page_count) FROM swap WHERE state IN ('swapped', 'swap_entry')",
      "SELECT TOTAL(page_count) FROM swap_process WHERE state IN ('swapped', 'swap_entry')",
      "SELECT TOTAL(page_count) FROM swap_device WHERE state IN ('swapped', 'swap_entry')",
      "SELECT TOTAL(page_count) FROM pages WHERE state IN ('swapped', 'swap_entry')",
      "SELECT TOTAL(swap_kib) / (SELECT page_kib FROM size) FROM layout",
      "SELECT TOTAL(swapped_count) FROM info_pages"}},
    {"special pages",
     {"SELECT TOTAL(page_count) FROM swap "
      "WHERE state NOT IN ('swapped', 'swap_entry', 'swap_cache')",
      "SELECT TOTAL(page_count) FROM pages "
      "WHERE state NOT IN ('present', 'swapped', 'swap_entry')",
      "SELECT TOTAL(special_kib) / (SELECT page_kib FROM size) FROM layout",
      "SELECT TOTAL(special_count) FROM info_pages"}},
    {"pages in the swap cache",
     {"SELECT TOTAL(page_count) FROM swap WHERE state = 'swap_cache'",
      "SELECT TOTAL(page_count) FROM swap_process WHERE state = 'swap_cache'",
      "SELECT TOTAL(page_count) FROM swap_device WHERE state = 'swap_cache'",
      "SELECT TOTAL(frame_count) FROM flags_of_pages "
      "WHERE ',' || names || ',' LIKE '%,SWAPCACHE,%'"}},
    {"runs of pages",
     {"SELECT TOTAL(page_count) FROM runs", "SELECT TOTAL(page_count) FROM contiguity",
      "SELECT TOTAL(kib) / (SELECT page_kib FROM size) FROM runs"}},
    {"physical runs",
     {"SELECT COUNT(*) FROM runs", "SELECT COALESCE(SUM(run_count), 0) FROM contiguity"}},
    {"pages of a flag",
     {"SELECT TOTAL(page_count) FROM dirty",
      "SELECT TOTAL(frame_count) FROM flags_of_pages WHERE ',' || names || ',' LIKE '%,DIRTY,%'"}},
    {"pages of KSM",
     {"SELECT TOTAL(page_count) FROM ksm",
      "SELECT TOTAL(frame_count) FROM flags_of_pages WHERE ',' || names || ',' LIKE '%,KSM,%'"}},
    {"unevictable pages",
     {"SELECT TOTAL(page_count) FROM unevictable",
      "SELECT TOTAL(frame_count) FROM flags_of_pages WHERE ',' || names || ',' LIKE "
      "'%,UNEVICTABLE,%' OR ',' || names || ',' LIKE '%,MLOCKED,%'"}},
    // Poisoned are frames with the flag, and entries that are left for them.
    {"poisoned pages",
     {"SELECT TOTAL(page_count) FROM poisoned",
      "SELECT (SELECT TOTAL(frame_count) FROM flags_of_pages WHERE ',' || names || ',' LIKE "
      "'%,HWPOISON,%') + (SELECT TOTAL(page_count) FROM pages WHERE state = 'poisoned')"}},
    {"pages of nodes",
     {"SELECT group_concat(n) FROM (SELECT node || ':' || SUM(page_count) AS n FROM numa "
      "WHERE node IS NOT NULL GROUP BY node)",
      "SELECT group_concat(n) FROM (SELECT node || ':' || SUM(page_count) AS n FROM numa_process "
      "WHERE node IS NOT NULL GROUP BY node)",
      "SELECT group_concat(n) FROM (SELECT node || ':' || SUM(page_count) AS n FROM page_states "
      "WHERE node IS NOT NULL GROUP BY node)"}},
    // A folio's pages are of one kind, where the kinds are known.
    {"kinds of folios",
     {"SELECT TOTAL(present_kib) FROM hugepages WHERE thp_kib IS NOT NULL",
      "SELECT TOTAL(hugetlb_kib + thp_kib + folio_kib + partial_kib + unknown_kib + rest_kib) FROM "
      "hugepages"}},
    {"the legend of layout",
     {"SELECT TOTAL(kib + special_kib) FROM layout",
      "SELECT TOTAL(anonymous_kib) + TOTAL(file_kib) + TOTAL(shmem_kib) + TOTAL(shared_alone_kib) "
      "+ TOTAL(huge_kib) + TOTAL(swap_kib) + TOTAL(special_kib) + TOTAL(other_kib) + "
      "TOTAL(unknown_kib) FROM layout"}},
    {"huge pages",
     {"SELECT IIF((SELECT COUNT(*) = COUNT(huge_kib) FROM usage) AND COUNT(*) = COUNT(huge_kib), "
      "TOTAL(huge_kib), -1) FROM layout",
      "SELECT IIF((SELECT COUNT(*) = COUNT(huge_kib) FROM layout) AND COUNT(*) = COUNT(huge_kib), "
      "TOTAL(huge_kib), -1) FROM usage"}},
    {"mappings",
     {"SELECT COUNT(*) FROM maps", "SELECT TOTAL(mapping_count) FROM maps_by_path",
      "SELECT COUNT(*) FROM usage"}},
    {"processes",
     {"SELECT COUNT(*) FROM processes", "SELECT COUNT(*) FROM owners WHERE is_owner",
      "SELECT process_count - (SELECT COUNT(*) FROM owners WHERE NOT is_owner) FROM "
      "info_processes"}},
    {"mappings of processes",
     {"SELECT TOTAL(mapping_count) FROM processes", "SELECT mapping_count FROM info_mappings"}},
};

// Frames: each counted once, however many pages it has.
const SameTotal kFrames[] = {
    {"frames",
     {"SELECT TOTAL(frame_count) FROM flags",
      "SELECT TOTAL(kib) / (SELECT page_kib FROM size) FROM physical",
      "SELECT TOTAL(frame_count) FROM info_frames"}},
    {"shared frames",
     {
         "SELECT TOTAL(frame_count) FROM shared",
         "SELECT TOTAL(shared_kib) / (SELECT page_kib FROM size) FROM physical",
     }},
    {"pages of shared frames",
     {"SELECT TOTAL(shared_kib) FROM shared_maps", "SELECT TOTAL(shared_kib) FROM shared_files"}},
    {"pages that others map, too",
     {"SELECT TOTAL(outside_kib) FROM shared_maps", "SELECT TOTAL(kib) FROM unexplained"}},
    {"the legend of layout --physical",
     {"SELECT TOTAL(kib) FROM physical",
      "SELECT TOTAL(json_extract(value, '$[2]')) FROM physical, json_each(contents)"}},
    // The zero page, and what has no frame, is charged to nobody. A frame of a cgroup counts where
    // some page of it is listed.
    {"frames of cgroups",
     {"SELECT TOTAL(kib) FROM (SELECT MAX(frame_kib) AS kib FROM cgroups GROUP BY charged_to, "
      "charge)",
      "SELECT TOTAL(kib) FROM flags WHERE COALESCE(',' || names || ',' NOT LIKE '%,NOPAGE,%' AND "
      "',' || names || ',' NOT LIKE '%,ZERO_PAGE,%', 1)"}},
    {"prices of frames",
     {"SELECT TOTAL(present_kib) FROM reclaim WHERE rest_kib IS NOT NULL",
      "SELECT TOTAL(clean_kib + dirty_kib + swap_kib + locked_kib + unreclaimable_kib + rest_kib) "
      "FROM reclaim"}},
    {"frames of mappings",
     {"SELECT TOTAL(present_kib) FROM reclaim_mapping WHERE pid IN "
      "(SELECT pid FROM reclaim WHERE present_kib IS NOT NULL)",
      "SELECT TOTAL(present_kib) FROM reclaim"}},
    // What exit-gain has of files without a name that nobody maps is in none of these snapshots.
    {"fates of frames",
     {"SELECT TOTAL(e.freed_kib + e.pool_kib + e.cached_kib + e.kept_kib + e.unknown_kib) "
      "FROM exit_gain e",
      "SELECT TOTAL(r.present_kib) FROM reclaim r JOIN exit_gain e ON e.pid = r.pid "
      "WHERE e.freed_kib IS NOT NULL"}},
};

// What is in pages that were not read is in no report, and what sharing says of their mappings is
// unknown: these agree where all was read.
const SameTotal kReadFrames[] = {
    {"shared frames of files",
     {"SELECT TOTAL(frame_count) FROM shared",
      "SELECT TOTAL(memory_kib) / (SELECT page_kib FROM size) FROM shared_files"}},
    // What a process alone has in frames of memory, and what it shares, is all that it has there.
    {"frames of processes",
     {"SELECT TOTAL(present_kib) FROM reclaim",
      "SELECT (SELECT TOTAL(json_extract(value, '$[2]')) FROM physical, json_each(contents) "
      "WHERE json_extract(value, '$[0]') NOT IN ('*', '-')) + "
      "(SELECT TOTAL(kib * process_count) FROM shared)"}},
};

void AddReports(ReportTables* tables) {
  for (const char* report : {"processes", "maps", "numa", "cgroups", "flags", "pages", "hugepages",
                             "layout", "swap", "runs", "contiguity", "dirty", "ksm", "unevictable",
                             "poisoned", "shared", "reclaim", "unexplained"}) {
    tables->Add(report, report);
  }
  tables->Add("maps_by_path", "maps --by path");
  tables->Add("physical", "layout --physical");
  tables->Add("shared_files", "shared-files");
  tables->Add("shared_maps", "shared-maps");
  tables->Add("exit_gain", "exit-gain");
  tables->Add("numa_process", "numa", {{"by", "process"}});
  tables->Add("hugepages_process", "hugepages", {{"by", "process"}});
  tables->Add("swap_process", "swap", {{"by", "process"}});
  tables->Add("swap_device", "swap", {{"by", "device"}});
  tables->Add("reclaim_mapping", "reclaim", {{"by", "mapping"}});
  tables->Add("flags_of_pages", "flags", {{"name", "*"}});
  tables->AddSql(
      "size",
      "SELECT page_size / 1024 AS page_kib, pfn_visible FROM snapshot WHERE id = :snapshot");
  tables->AddSql("usage",
                 "SELECT (thp_kib + hugetlb_kib) AS huge_kib FROM mapping_usage "
                 "WHERE snapshot_id = :snapshot");
  tables->AddSql("owners",
                 "SELECT memory_process_id IS NULL AS is_owner FROM process "
                 "WHERE snapshot_id = :snapshot");
  tables->AddSql(
      "unread",
      "SELECT id FROM gap WHERE snapshot_id = :snapshot AND source IN ('maps', 'pagemap') "
      "UNION ALL SELECT id FROM process WHERE snapshot_id = :snapshot AND ended");
  tables->AddSql("page_states",
                 "SELECT state, node, COUNT(*) AS page_count FROM page "
                 "WHERE snapshot_id = :snapshot GROUP BY state, node");
}

// Adds the reports about two snapshots, or all.
void AddComparisons(ReportTables* tables) {
  tables->AddBefore("processes_before", "processes");
  tables->AddBefore("maps_before", "maps");
  tables->Add("timeline", "timeline");
  tables->Add("timeline_mapping", "timeline", {{"by", "mapping"}});
  tables->Add("diff", "diff");
  tables->Add("diff_total", "diff-total");
  tables->Add("diff_processes", "diff-processes");
  tables->Add("diff_maps", "diff-maps", {{"all", "1"}});
  tables->AddSql("now", "SELECT :snapshot AS id");
}

// Figures of info, as numbers: "1,234 present, 5 swapped, 0 special".
void AddInfo(ReportTables* tables) {
  tables->Add("info", "info");
  const auto add = [&](const char* table, const char* fact, const char* columns) {
    tables->Execute(fmt::format(
        "CREATE TABLE {} AS SELECT {} FROM (SELECT replace(value, ',', '') AS text FROM info "
        "WHERE topic = 'contents' AND fact = '{}')",
        table, columns, fact));
  };
  add("info_pages", "pages",
      "CAST(text AS INTEGER) AS present_count, "
      "CAST(substr(text, instr(text, 'present') + 8) AS INTEGER) AS swapped_count, "
      "CAST(substr(text, instr(text, 'swapped') + 8) AS INTEGER) AS special_count");
  add("info_frames", "frames", "CAST(text AS INTEGER) AS frame_count");
  add("info_mappings", "mappings", "CAST(text AS INTEGER) AS mapping_count");
  add("info_processes", "processes", "CAST(text AS INTEGER) AS process_count");
}

class SameTotals {
 public:
  // Compares what the reports say of snapshot `after`, and of both. `name` is for messages.
  SameTotals(const Session& session, int64_t before, int64_t after, std::string name)
      : tables_(session, before, after), name_(std::move(name)) {
    AddReports(&tables_);
    AddInfo(&tables_);
    is_comparable_ =
        QueryRows(session.database(), "SELECT COUNT(DISTINCT page_size) FROM snapshot").at(0) ==
        "1";
    if (is_comparable_) AddComparisons(&tables_);
  }

  void Expect(const SameTotal& same) {
    const std::string first = tables_.Ask(same.questions.front());
    if (first != "0" && first != "-1" && first != "NULL") seen_.insert(same.what);
    for (const char* question : same.questions) {
      EXPECT_EQ(tables_.Ask(question), first) << name_ << ": " << same.what << "\n"
                                              << same.questions.front() << "\n"
                                              << question;
    }
  }
  // Returns what of the totals is more than 0.
  [[nodiscard]] const std::set<std::string>& seen() const { return seen_; }

  void ExpectEqual(const std::string& one, const std::string& other) {
    Expect({"a figure of processes", {one.c_str(), other.c_str()}});
  }

  // What is known of the memory of processes, at each level.
  void ExpectSameFigures() {
    for (const char* figure : kFigures) {
      ExpectEqual(fmt::format("SELECT TOTAL({}) FROM processes", figure),
                  fmt::format("SELECT TOTAL({0}) FROM maps WHERE pid IN (SELECT pid FROM processes "
                              "WHERE {0} IS NOT NULL)",
                              figure));
    }
    for (const char* figure : kPathFigures) {
      ExpectEqual(
          fmt::format("SELECT IIF(COUNT({0}) = COUNT(*), TOTAL({0}), -1) FROM maps", figure),
          fmt::format("SELECT IIF((SELECT COUNT({0}) = COUNT(*) FROM maps), TOTAL({0}), -1) "
                      "FROM maps_by_path",
                      figure));
    }
    ExpectEqual("SELECT TOTAL(swap_kib) FROM processes",
                "SELECT TOTAL(kib) FROM swap WHERE state = 'swapped' AND pid IN "
                "(SELECT pid FROM processes WHERE swap_kib IS NOT NULL)");
    ExpectEqual("SELECT TOTAL(hugetlb_kib) FROM processes",
                "SELECT TOTAL(hugetlb_kib) FROM hugepages WHERE pid IN "
                "(SELECT pid FROM processes WHERE hugetlb_kib IS NOT NULL)");
  }

  // The sides of a comparison are what the snapshots have. A series lists processes with mappings.
  void ExpectSameComparisons() {
    for (const auto& [side, processes, maps] :
         {std::tuple("before", "processes_before", "maps_before"),
          std::tuple("after", "processes", "maps")}) {
      for (const char* figure : kSideFigures) {
        const std::string sum =
            fmt::format("SELECT IIF(COUNT(*) > 0 AND COUNT({0}) = 0, NULL, TOTAL({0})) FROM {1}",
                        figure, processes);
        const std::string column = fmt::format("{}_{}", side, figure);
        ExpectEqual(sum,
                    fmt::format("SELECT IIF(COUNT(*) > 0 AND COUNT({0}) = 0, NULL, TOTAL({0})) "
                                "FROM diff_processes WHERE {1}_pid IS NOT NULL",
                                column, side));
        ExpectEqual(fmt::format("SELECT CAST(({}) AS INTEGER)", sum),
                    fmt::format("SELECT {} FROM diff_total", column));
        ExpectEqual(
            fmt::format("SELECT IIF(COUNT({0}) = COUNT(*), TOTAL({0}), -1) FROM {1}", figure, maps),
            fmt::format("SELECT IIF((SELECT COUNT({}) = COUNT(*) FROM {}), TOTAL({}), -1) "
                        "FROM diff_maps",
                        figure, maps, column));
      }
      ExpectEqual(fmt::format("SELECT SUM(pss) >> 22 FROM {}", processes),
                  fmt::format("SELECT {}_pss_kib FROM diff_total", side));
      for (const auto& [what, column] : {std::pair("RSS", "rss"), std::pair("PSS", "pss"),
                                         std::pair("USS", "uss"), std::pair("swap", "swap")}) {
        ExpectEqual(fmt::format("SELECT {}_{}_kib FROM diff_total", side, column),
                    fmt::format("SELECT {}_kib FROM diff WHERE topic = 'total' AND what = '{}'",
                                side, what));
      }
    }
    for (const char* figure : {"rss_kib", "pss_kib", "swap_kib"}) {
      // A process without mappings may be left out, or have 0.
      const char* list =
          "SELECT group_concat(COALESCE({0}, '-'), ' ') FROM (SELECT {1} FROM processes p "
          "LEFT JOIN timeline t ON t.pid = p.pid AND t.snapshot = (SELECT id FROM now) "
          "WHERE p.mapping_count > 0 ORDER BY p.pid)";
      ExpectEqual(fmt::format(fmt::runtime(list), figure, fmt::format("p.{}", figure)),
                  fmt::format(fmt::runtime(list), figure, fmt::format("t.{}", figure)));
      ExpectEqual("SELECT COUNT(*) FROM timeline WHERE snapshot = (SELECT id FROM now)",
                  "SELECT COUNT(*) FROM timeline t JOIN processes p ON p.pid = t.pid "
                  "WHERE snapshot = (SELECT id FROM now)");
      ExpectEqual(fmt::format("SELECT TOTAL({}) FROM maps", figure),
                  fmt::format("SELECT TOTAL({}) FROM timeline_mapping "
                              "WHERE snapshot = (SELECT id FROM now)",
                              figure));
    }
    ExpectEqual("SELECT COUNT(*) FROM processes", "SELECT COUNT(after_pid) FROM diff_processes");
    ExpectEqual("SELECT COUNT(*) FROM diff_processes", "SELECT process_count FROM diff_total");
  }

  void ExpectAll() {
    for (const SameTotal& same : kPages) Expect(same);
    if (tables_.Ask("SELECT pfn_visible FROM size") == "1") {
      for (const SameTotal& same : kFrames) Expect(same);
      if (tables_.Ask("SELECT COUNT(*) FROM unread") == "0") {
        for (const SameTotal& same : kReadFrames) Expect(same);
      }
    }
    ExpectSameFigures();
    if (is_comparable_) ExpectSameComparisons();
  }

 private:
  ReportTables tables_;
  bool is_comparable_;
  std::set<std::string> seen_;
  std::string name_;
};

TEST(SameTotalsTest, InSamples) {
  for (const auto& entry : std::filesystem::directory_iterator(PAGESNAP_SAMPLE_DIR)) {
    if (entry.path().extension() != ".pagesnap") continue;
    const Session session(entry.path());
    const std::string last = QueryRows(session.database(), "SELECT MAX(id) FROM snapshot").at(0);
    SameTotals(session, 1, std::stoll(last), entry.path()).ExpectAll();
  }
}

TEST(SameTotalsTest, InRandomSnapshots) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 16; ++seed) {
    const TestFolder folder;
    WriteRandomSnapshots(folder.File("a"), seed,
                         seed % 2 == 0 ? RandomMemory::kScattered : RandomMemory::kRuns,
                         RandomLives::kAny);
    const Session session(folder.File("a"));
    for (const int after : {1, 2}) {
      SameTotals totals(session, 3 - after, after,
                        fmt::format("seed {}, snapshot {}", seed, after));
      totals.ExpectAll();
      seen.insert(totals.seen().begin(), totals.seen().end());
    }
  }
  // The snapshots have all of it.
  for (const auto& list : {std::span<const SameTotal>(kPages), std::span<const SameTotal>(kFrames),
                           std::span<const SameTotal>(kReadFrames)}) {
    for (const SameTotal& same : list) EXPECT_TRUE(seen.contains(same.what)) << same.what;
  }
}

}  // namespace
}  // namespace pagesnap
