// mapping_sharing and swap_usage against what plain SQL over `page` says.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/query/random_snapshot.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;

class MappingTablesTest : public testing::TestWithParam<uint64_t> {
 protected:
  MappingTablesTest() {
    WriteRandomSnapshots(folder_.File("a"), GetParam());
    // Of some files it is known how many names they have.
    ChangeFile(folder_.File("a"),
               "UPDATE file SET link_count = id % 3 WHERE id % 2 = 0;"
               "UPDATE file SET block_count = id * 7777 % 30000 WHERE id % 3 > 0;"
               // For groups; pids begin anew in each snapshot.
               "UPDATE process SET name = 'p' || pid % 2, uid = NULLIF(pid % 3, 0), "
               "cgroup = '/' || pid % 2, ppid = pid / 2");
    session_ = std::make_unique<Session>(folder_.File("a"));
  }
  std::vector<std::string> Rows(const std::string& sql) {
    return QueryRows(session_->database(), sql);
  }
  void ExpectSame(const std::string& sql, const std::string& reference) {
    EXPECT_EQ(Rows(sql), Rows(reference)) << sql;
  }

  TestFolder folder_;
  std::unique_ptr<Session> session_;
};

// Pages that are memory, and its frames: pages, processes, and the first mapping that has it.
const std::string kMemory = R"(
WITH memory AS MATERIALIZED (
  SELECT g.*, g.flags IS NULL OR g.map_count IS NULL AS unread,
         -- The map count is the frame's own.
         s.map_count_kind IS 'page' OR g.flags & 0x20000 OR NOT g.flags & 0x18000 AS own
  FROM page g JOIN snapshot s ON s.id = g.snapshot_id
  WHERE pfn > 0 AND (flags IS NULL OR flags & 0x1100000 = 0)
), used AS MATERIALIZED (
  SELECT snapshot_id, pfn, COUNT(*) AS page_count, COUNT(DISTINCT process_id) AS process_count,
         MIN(process_id * 1000000 + mapping_id) % 1000000 AS first_mapping_id,
         IIF(MAX(unread) OR NOT MAX(own), 0, MAX(0, MAX(map_count) - COUNT(*))) AS outside,
         MAX(unread) AS unread, NOT MAX(unread) AND NOT MAX(own) AND NOT MAX(mmap_exclusive) AS open
  FROM memory
  GROUP BY 1, 2
))";

const std::string kSharing = kMemory + R"(, by_page AS MATERIALIZED (
  SELECT g.mapping_id, COUNT(*) AS page_count, SUM(u.process_count > 1) AS shared_page_count,
         SUM(u.outside > 0) AS outside_page_count, SUM(u.outside) AS outside_map_count,
         SUM(u.unread OR u.open) AS unread_count
  FROM memory g
  JOIN used u USING (snapshot_id, pfn)
  GROUP BY 1
), by_frame AS MATERIALIZED (
  SELECT first_mapping_id, SUM(process_count > 1) AS shared_frame_count
  FROM used
  GROUP BY 1
)
SELECT s.id, p.id, m.id,
       IIF(s.pfn_visible AND x.mapping_id IS NULL, COALESCE(g.page_count, 0), NULL),
       IIF(s.pfn_visible AND x.mapping_id IS NULL, COALESCE(g.shared_page_count, 0), NULL),
       IIF(s.pfn_visible AND x.mapping_id IS NULL, COALESCE(f.shared_frame_count, 0), NULL),
       IIF(s.pfn_visible AND x.mapping_id IS NULL AND COALESCE(unread_count, 0) = 0, COALESCE(outside_page_count, 0), NULL),
       IIF(s.pfn_visible AND x.mapping_id IS NULL AND COALESCE(unread_count, 0) = 0, COALESCE(outside_map_count, 0), NULL)
FROM snapshot s
JOIN process p ON p.snapshot_id = s.id
JOIN mapping m ON m.process_id = p.id
LEFT JOIN (SELECT DISTINCT mapping_id FROM gap WHERE source = 'pagemap') x ON x.mapping_id = m.id
LEFT JOIN by_page g ON g.mapping_id = m.id
LEFT JOIN by_frame f ON f.first_mapping_id = m.id
ORDER BY 2, 3)";

TEST_P(MappingTablesTest, SharingIsCountedPages) {
  ExpectSame(
      "SELECT snapshot_id, process_id, mapping_id, page_count, shared_page_count, "
      "shared_frame_count, outside_page_count, outside_map_count FROM mapping_sharing",
      kSharing);
}

// The frames of each process, each with what decides its fate.
const std::string kFates = kMemory + R"(, held AS (
  SELECT p.snapshot_id, f.device, f.inode
  FROM process p JOIN mapping m ON m.process_id = p.id JOIN file f ON f.id = m.file_id
  WHERE f.inode > 0
  GROUP BY 1, 2, 3
  HAVING COUNT(DISTINCT p.id) > 1
), file_name AS (
  SELECT m.id AS mapping_id, f.device, f.inode,
         EXISTS (SELECT 1 FROM held h WHERE h.snapshot_id = p.snapshot_id AND h.device = f.device
                 AND h.inode = f.inode) AS held,
         CASE WHEN f.link_count IS NOT NULL THEN IIF(f.link_count > 0, 'named', 'none')
              WHEN f.path GLOB '/SYSV* (deleted)' OR f.path IS NULL THEN 'unknown'
              WHEN f.path GLOB '* (deleted)' THEN 'none'
              WHEN f.path GLOB '/*' THEN 'named'
              WHEN f.path GLOB '[[]*' AND f.path NOT GLOB '[[]anon_shmem:*' THEN 'unknown'
              ELSE 'none' END AS name
  FROM process p JOIN mapping m ON m.process_id = p.id LEFT JOIN file f ON f.id = m.file_id
), in_process AS MATERIALIZED (
  -- A frame of a process, in the first mapping that has it.
  SELECT g.snapshot_id, g.pfn, g.process_id, MIN(g.mapping_id) AS mapping_id, MAX(g.flags) AS flags,
         MIN(IIF(g.mapping_id = u.first_mapping_id, g.page, NULL)) AS page,
         MAX(u.process_count > 1 OR u.outside > 0) AS shared, MAX(u.unread) AS unread,
         MAX(u.open) AS open, MAX(u.process_count) = 1 AS single,
         MAX(u.process_count = 1 AND u.outside > 0) AS has_outsider
  FROM memory g JOIN used u USING (snapshot_id, pfn)
  GROUP BY 1, 2, 3
), held_outside AS MATERIALIZED (
  -- Files without a name of which somebody who was not captured maps a part.
  SELECT DISTINCT i.snapshot_id, n.device, n.inode
  FROM in_process i JOIN file_name n USING (mapping_id)
  WHERE i.has_outsider AND NOT i.flags & frame_flag('ANON') AND n.inode > 0 AND n.name <> 'named'
), fate AS MATERIALIZED (
  SELECT i.snapshot_id, i.pfn, i.process_id,
         CASE WHEN unread THEN 'unread'
              WHEN shared OR flags & frame_flag('RESERVED') THEN 'kept'
              WHEN flags & frame_flag('ANON') AND NOT flags & frame_flag('HUGE')
                THEN IIF(flags & frame_flag('SWAPCACHE') AND NOT flags & (1 << 34),
                         IIF(EXISTS (SELECT 1 FROM page o WHERE o.snapshot_id = i.snapshot_id
                                       AND o.page = i.page AND o.process_id <> i.process_id
                                       AND o.state = 'swapped'), 'kept', 'unknown'), 'freed')
              WHEN NOT flags & frame_flag('ANON') AND n.name <> 'named'
                   AND (n.held OR (i.snapshot_id, n.device, n.inode) IN held_outside) THEN 'kept'
              WHEN NOT flags & frame_flag('ANON') AND n.name = 'unknown' THEN 'unknown'
              WHEN flags & frame_flag('ANON') OR n.name = 'none'
                THEN IIF(flags & frame_flag('HUGE'), 'pool', 'freed')
              WHEN flags & frame_flag('LRU', 'UPTODATE', 'SWAPBACKED', 'HUGE') THEN 'cached'
              ELSE 'unknown' END AS fate
  FROM in_process i JOIN file_name n USING (mapping_id)
), priced AS MATERIALIZED (
  SELECT i.snapshot_id, i.process_id, i.mapping_id, i.flags, i.single, s.page_size,
         -- Where an average leaves it open whether others map the frame.
         IIF(i.open AND f.fate IN ('freed', 'pool', 'cached'), 'unknown', f.fate) AS fate,
         CASE WHEN i.flags IS NULL THEN NULL
              WHEN i.flags & frame_flag('HUGE', 'UNEVICTABLE', 'MLOCKED') THEN 'locked'
              WHEN NOT i.flags & frame_flag('LRU')
                THEN IIF(i.flags & frame_flag('ANON'), 'swap', 'unreclaimable')
              WHEN i.flags & frame_flag('SWAPBACKED', 'ANON', 'DIRTY') = frame_flag('ANON')
                THEN 'lazy_free'
              WHEN i.flags & frame_flag('ANON', 'SWAPBACKED')
                THEN IIF(i.flags & frame_flag('SWAPCACHE')
                         AND NOT i.flags & frame_flag('DIRTY', 'WRITEBACK'), 'clean', 'swap')
              WHEN i.flags & frame_flag('DIRTY', 'WRITEBACK') THEN 'dirty'
              ELSE 'clean' END AS price
  FROM in_process i JOIN fate f USING (snapshot_id, pfn, process_id)
  JOIN snapshot s ON s.id = i.snapshot_id
), of_file AS MATERIALIZED (
  -- What is mapped of each file without a name.
  SELECT r.snapshot_id, n.device, n.inode, COUNT(*) AS frame_count,
         MIN(r.fate) AS least, MAX(r.fate) AS most, MAX(r.fate = 'unread') AS unread
  FROM priced r JOIN file_name n USING (mapping_id)
  WHERE r.single AND NOT r.flags & frame_flag('ANON')
  GROUP BY 1, 2, 3
), unmapped AS (
  SELECT p.snapshot_id, p.id AS process_id, MIN(m.id) AS mapping_id,
         IIF(o.least = o.most, o.least, 'unknown') AS fate,
         f.block_count * 512 / s.page_size - COALESCE(o.frame_count, 0) AS frame_count, s.page_size
  FROM process p JOIN snapshot s ON s.id = p.snapshot_id
  JOIN mapping m ON m.process_id = p.id
  JOIN file_name n ON n.mapping_id = m.id AND n.name <> 'named' AND NOT n.held
  JOIN file f ON f.id = m.file_id AND f.inode > 0
  LEFT JOIN of_file o ON o.snapshot_id = p.snapshot_id AND o.device = f.device AND o.inode = f.inode
  WHERE (p.snapshot_id, f.device, f.inode) NOT IN held_outside AND COALESCE(o.unread, 0) = 0
  GROUP BY p.id, f.device, f.inode
  HAVING f.block_count * 512 / s.page_size > COALESCE(o.frame_count, 0)
), unknown AS (
  SELECT m.id AS mapping_id
  FROM snapshot s JOIN process p ON p.snapshot_id = s.id JOIN mapping m ON m.process_id = p.id
  WHERE NOT s.pfn_visible OR m.id IN (SELECT mapping_id FROM gap WHERE source = 'pagemap')
)
SELECT snapshot_id, process_id, mapping_id, NULLIF(fate, 'unread'), price,
       COALESCE(price IN ('clean', 'lazy_free', 'dirty', 'swap') AND flags & frame_flag('LRU') <> 0
                AND flags & frame_flag('REFERENCED', 'ACTIVE') = 0, 0),
       COUNT(*), COUNT(*) * page_size / 1024
FROM priced
WHERE mapping_id NOT IN (SELECT mapping_id FROM unknown)
GROUP BY 1, 2, 3, 4, 5, 6
UNION ALL
SELECT snapshot_id, process_id, mapping_id, fate, 'unmapped', 0, frame_count,
       frame_count * page_size / 1024
FROM unmapped
WHERE mapping_id NOT IN (SELECT mapping_id FROM unknown)
UNION ALL
SELECT p.snapshot_id, p.id, u.mapping_id, NULL, NULL, NULL, NULL, NULL
FROM unknown u JOIN mapping m ON m.id = u.mapping_id JOIN process p ON p.id = m.process_id
ORDER BY 2, 3, 4, 5, 6)";

TEST_P(MappingTablesTest, FatesAreThoseOfPages) {
  ExpectSame("SELECT * FROM frame_fate ORDER BY 2, 3, 4, 5, 6", kFates);
}

// The distinct frames and slots of groups of processes.
const std::string kGroups = kMemory + R"(, grouped AS MATERIALIZED (
  SELECT r.snapshot_id, r.group_id, g.pfn, MAX(g.flags) AS flags
  FROM memory g JOIN process_group r USING (snapshot_id, process_id)
  WHERE r.group_by = 'BY'
  GROUP BY 1, 2, 3
), owners AS MATERIALIZED (
  SELECT snapshot_id, pfn, COUNT(*) AS group_count FROM grouped GROUP BY 1, 2
), whole AS (
  -- Snapshots of all page tables: nobody else maps what their map counts do not tell.
  SELECT s.id AS snapshot_id FROM snapshot s
  WHERE EXISTS (SELECT 1 FROM snapshot_system_fact f WHERE f.snapshot_id = s.id
                AND f.name = 'capture.all_processes')
    AND NOT EXISTS (SELECT 1 FROM snapshot_system_fact f WHERE f.snapshot_id = s.id
                    AND f.name = 'capture.started_meanwhile')
    AND NOT EXISTS (SELECT 1 FROM gap g WHERE g.snapshot_id = s.id
                    AND g.source IN ('stat', 'maps', 'pagemap'))
), slot AS (
  SELECT r.snapshot_id, r.group_id, COUNT(DISTINCT g.swap_type << 50 | g.swap_offset) AS slots
  FROM page g JOIN process_group r USING (snapshot_id, process_id)
  WHERE r.group_by = 'BY' AND g.state = 'swapped'
  GROUP BY 1, 2
), counted AS (
  SELECT g.snapshot_id, g.group_id, MAX(g.flags IS NULL) AS unread,
         SUM(NOT g.flags & 0x20000) AS frames, SUM((g.flags & 0x20000) > 0) AS hugetlb,
         SUM(o.group_count = 1 AND NOT g.flags & 0x20000 AND u.outside = 0 AND (g.snapshot_id IN whole OR NOT (u.unread OR u.open))) AS own,
         MAX(o.group_count = 1 AND NOT g.flags & 0x20000 AND (u.open OR u.unread) AND g.snapshot_id NOT IN whole) AS unproven
  FROM grouped g JOIN used u USING (snapshot_id, pfn) JOIN owners o USING (snapshot_id, pfn)
  GROUP BY 1, 2
)
SELECT s.id, r.group_id, IIF(NOT s.pfn_visible OR c.unread, NULL, COALESCE(c.frames, 0)),
       IIF(NOT s.pfn_visible OR c.unread OR c.unproven, NULL, COALESCE(c.own, 0)),
       IIF(NOT s.pfn_visible OR c.unread, NULL, COALESCE(c.hugetlb, 0)),
       IIF(s.pfn_visible, COALESCE(l.slots, 0), NULL)
FROM snapshot s
JOIN (SELECT DISTINCT snapshot_id, group_id FROM process_group('BY')) r ON r.snapshot_id = s.id
LEFT JOIN counted c ON c.snapshot_id = s.id AND c.group_id = r.group_id
LEFT JOIN slot l ON l.snapshot_id = s.id AND l.group_id = r.group_id
ORDER BY 1, 2)";

std::string Of(std::string sql, const std::string& by) {
  for (size_t at; (at = sql.find("BY'")) != std::string::npos;) sql.replace(at, 2, by);
  return sql;
}

TEST_P(MappingTablesTest, GroupsAreDistinctFrames) {
  for (const char* by : {"process", "name", "user", "cgroup", "tree"}) {
    ExpectSame(Of("SELECT * FROM group_usage('BY')", by), Of(kGroups, by));
  }
  // Each frame counts once in a group, whatever becomes of it.
  if (Rows("SELECT 1 FROM gap WHERE source = 'pagemap'").empty()) {
    ExpectSame(
        "SELECT r.group_id, SUM(f.frame_count) FROM frame_fate('name') f "
        "JOIN process_group('name') r USING (process_id) "
        "WHERE f.frame_count > 0 AND f.price IS NOT 'unmapped' GROUP BY 1",
        "SELECT r.group_id, COUNT(DISTINCT g.pfn) FROM page g JOIN process_group('name') r "
        "USING (process_id) WHERE g.pfn > 0 AND (flags IS NULL OR flags & 0x1100000 = 0) GROUP BY "
        "1");
  }
  // Of a group of one process, what becomes of it is what becomes of that process's.
  ExpectSame("SELECT * FROM frame_fate('process')", "SELECT * FROM frame_fate");
  ExpectSame("SELECT * FROM swap_usage('process')", "SELECT * FROM swap_usage");
  ExpectSame("SELECT DISTINCT group_id = process_id FROM process_group('process')", "SELECT 1");
}

// The pages in swap format; with what is before each of a kind, and how many have its slot.
constexpr char kSwap[] = R"(
WITH entry AS MATERIALIZED (
  SELECT g.*, s.page_size, s.pfn_visible AND state = 'swapped' AS has_slot
  FROM page g
  JOIN snapshot s ON s.id = g.snapshot_id
  WHERE state <> 'present'
), slot AS MATERIALIZED (
  SELECT snapshot_id, swap_type, swap_offset, COUNT(*) AS page_count,
         COUNT(DISTINCT process_id) AS process_count
  FROM entry
  WHERE has_slot
  GROUP BY 1, 2, 3
), placed AS MATERIALIZED (
  SELECT *, LAG(page) OVER kind AS page_before, LAG(swap_offset) OVER kind AS offset_before
  FROM entry
  WINDOW kind AS (PARTITION BY mapping_id, state, swap_type ORDER BY page)
)
SELECT g.snapshot_id, g.process_id, g.mapping_id, MIN(g.page) AS first_page, g.state, g.swap_type,
       COUNT(*),
       SUM(NOT COALESCE(page_before = page - 1 AND
                        (NOT has_slot OR offset_before = g.swap_offset - 1), 0)),
       IIF(has_slot, SUM(process_count > 1), NULL),
       COUNT(*) * page_size / 1024,
       SUM((page_size << 12) / l.page_count) >> 22,
       IIF(has_slot, SUM(IIF(process_count > 1, 0, (page_size << 12) / l.page_count)) >> 22, NULL),
       SUM((page_size << 12) / l.page_count),
       IIF(has_slot, SUM(IIF(process_count > 1, 0, (page_size << 12) / l.page_count)), NULL)
FROM placed g
LEFT JOIN slot l ON has_slot AND l.snapshot_id = g.snapshot_id AND l.swap_type = g.swap_type
  AND l.swap_offset = g.swap_offset
GROUP BY 1, 2, 3, 5, 6
ORDER BY 2, 3, 4)";

TEST_P(MappingTablesTest, SwapIsCountedPages) { ExpectSame("SELECT * FROM swap_usage", kSwap); }

TEST_P(MappingTablesTest, OneOwnersRows) {
  for (const char* table : {"mapping_sharing", "swap_usage", "frame_fate"}) {
    Rows(fmt::format("CREATE TEMP TABLE {0}_copy AS SELECT * FROM {0}", table));
    for (const char* owner : {"snapshot_id", "process_id", "mapping_id"}) {
      for (int id = 0; id < 12; ++id) {
        const std::string where = fmt::format(" WHERE {} = {}", owner, id);
        ExpectSame(fmt::format("SELECT * FROM {}{}", table, where),
                   fmt::format("SELECT * FROM {}_copy{}", table, where));
      }
    }
  }
}

TEST_P(MappingTablesTest, Plans) {
  auto plan = [&](const std::string& sql) {
    return testing::PrintToString(Rows("EXPLAIN QUERY PLAN " + sql));
  };
  using testing::HasSubstr;
  using testing::Not;
  for (const char* table : {"mapping_sharing", "swap_usage", "frame_fate"}) {
    const std::string all = fmt::format("SELECT * FROM {} ", table);
    EXPECT_THAT(plan(all + "ORDER BY process_id, mapping_id"), Not(HasSubstr("B-TREE")));
    EXPECT_THAT(plan(all + "ORDER BY mapping_id"), HasSubstr("B-TREE"));
    EXPECT_THAT(plan(all + "WHERE mapping_id = 3"), HasSubstr(" 2 2 "));
    const std::string detail =
        plan(fmt::format("SELECT * FROM {}_detail WHERE snapshot_id = 1 AND pid = 3", table));
    EXPECT_THAT(detail, HasSubstr(" 1 2 "));
    EXPECT_LT(detail.find("SEARCH p "), detail.find(" VIRTUAL TABLE"));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, MappingTablesTest, testing::Range(uint64_t{0}, uint64_t{8}));

// Slots of two processes over more than one content, and a run that goes on from one to the next.
TEST(SwapUsageTest, SlotsOfLargeMappings) {
  constexpr uint64_t kPages = 10000;
  MachineTree machine;
  std::vector<uint64_t> pages;
  for (uint64_t i = 0; i < kPages; ++i) pages.push_back(Swapped(0, 100 + i));
  TreeProcess parent{.pid = 100};
  parent.mappings = {{.start = 0x200000, .pages = pages}};
  // The child lost one page of each content, so that none of them is equal.
  for (uint64_t i = 7; i < kPages; i += 4096) pages[i] = 0;
  TreeProcess child{.pid = 101};
  child.mappings = {{.start = 0x200000, .pages = pages}};
  machine.AddProcess(parent);
  machine.AddProcess(child);
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Rows("SELECT page_count, run_count, shared_page_count, kib, pss_kib, uss_kib "
                        "FROM swap_usage"),
              ElementsAre("10000|1|9997|40000|20006|12", "9997|4|9997|39988|19994|0"));
}

// Map counts that no kernel has do not overflow what is summed.
TEST(MappingSharingTest, ImpossibleMapCounts) {
  MachineTree machine;
  machine.AddFrames(0x100, 4, 0x5828, uint64_t{1} << 63, 0);
  TreeProcess process{.pid = 100};
  process.mappings = {{.start = 0x200000, .pages = PresentRun(0x100, 4)}};
  machine.AddProcess(process);
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Rows("SELECT outside_page_count, outside_map_count FROM mapping_sharing"),
              ElementsAre("4|8589934584"));
}

// A merged page (KSM) has a map count for each page: all of them are seen.
TEST(MappingSharingTest, OneFrameAtManyAddresses) {
  MachineTree machine;
  machine.AddFrames(0x100, 1, 0x5828 | uint64_t{1} << 21, 3, 0);
  TreeProcess process{.pid = 100};
  process.mappings = {
      {.start = 0x200000, .pages = {Present(0x100), Present(0x100), Present(0x100)}}};
  machine.AddProcess(process);
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Rows("SELECT page_count, outside_page_count FROM mapping_sharing"),
              ElementsAre("3|0"));
  EXPECT_THAT(file.Rows("SELECT at_exit, price, frame_count FROM frame_fate"),
              ElementsAre("freed|swap|1"));
}

}  // namespace
}  // namespace pagesnap
