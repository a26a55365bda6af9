#include <fmt/format.h>

#include "lib/codec/frame_columns.h"
#include "lib/codec/page_words.h"
#include "tests/hostile/bomb_files.h"
#include "tests/hostile/crafted_sql.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

// A frame chunk at number 2^20 - 1 in each of many snapshots, and a page in it.
std::string FarChunksOfSnapshots(int64_t count) {
  constexpr uint64_t kFirstPfn = ((uint64_t{1} << 20) - 1) << 16;
  return fmt::format(
      "{0}; {1}; {2}; {3} INSERT INTO mapping SELECT {4} + i, 1000 + i, 16, 1, 'rw-p', 0, NULL, "
      "NULL, NULL FROM n; INSERT INTO page_chunk SELECT id, 0, {5}, 1, 0, 0 FROM mapping WHERE id "
      ">= {4}; INSERT INTO frame_chunk SELECT id, {6}, 1, 1 FROM snapshot WHERE id > 1",
      CopiesOfSnapshot(count), CraftedProcesses(1000, count, "2 + i"),
      Content(kCraftedContent, {Present(kFirstPfn)}), Rows(count), kCraftedMapping, kCraftedContent,
      kFirstPfn);
}

std::string ZonesOfSnapshots(int64_t zones, int64_t snapshots, int64_t name_bytes) {
  return fmt::format(
      "{} INSERT INTO memory_zone SELECT 1, i + 10, printf('%.*c', {}, 'Z'), i + (1 << 40), 1, 1, "
      "1 FROM n; {}",
      Rows(zones), name_bytes, CopiesOfSnapshot(snapshots));
}

// Many contents, each mapped by another half of the processes, and a frame for each two of them:
// each such frame has another set of processes.
std::string UnionsOfSets(int64_t contents, int64_t processes) {
  std::vector<std::vector<uint64_t>> words(static_cast<size_t>(contents));
  uint64_t frame = 0;
  for (size_t a = 0; a < words.size(); ++a) {
    for (size_t b = a + 1; b < words.size(); ++b, ++frame) {
      for (const size_t i : {a, b}) {
        if (words[i].size() < kPagesPerChunk)
          words[i].push_back(Present((kFreeChunk << 16) + frame));
      }
    }
  }
  std::string sql = CraftedProcesses(1000, processes);
  for (size_t i = 0; i < words.size(); ++i) {
    sql += ";" + Content(kCraftedContent + static_cast<int64_t>(i), words[i]);
  }
  for (uint64_t first = 0; first < frame; first += kFramesPerChunk) {
    sql +=
        fmt::format("; INSERT INTO frame_chunk VALUES (1, {}, {}, 1)", (kFreeChunk << 16) + first,
                    std::min<uint64_t>(frame - first, kFramesPerChunk));
  }
  return sql + fmt::format(
                   "; {} INSERT INTO mapping SELECT {} + i, 1000 + i, 1 << 30, {} * 4096, 'rw-p', "
                   "0, NULL, NULL, NULL FROM n; WITH RECURSIVE c(j) AS (SELECT 0 UNION ALL SELECT "
                   "j + 1 FROM c WHERE j + 1 < {}) INSERT INTO page_chunk SELECT m.id, j * 4096, "
                   "{} + j, t.page_count, 0, 0 FROM mapping m, c JOIN page_content t ON t.id = "
                   "{} + j WHERE m.id >= {} AND (m.id * 2654435761 + j * 40503 >> 7) % 2 = 0",
                   Rows(processes), kCraftedMapping, contents, contents, kCraftedContent,
                   kCraftedContent, kCraftedMapping);
}

// One frame that millions of pages refer to.
std::string UsersOfOneFrame(int64_t chunks) {
  const uint64_t pfn = kFreeChunk << 16;
  return fmt::format(
      "{}; INSERT INTO frame_chunk VALUES (1, {}, 1, 1); {}; {} INSERT INTO page_chunk SELECT {}, "
      "i * 4096, {}, 4096, 0, 0 FROM n",
      Content(kCraftedContent, std::vector<uint64_t>(kPagesPerChunk, Present(pfn))), pfn,
      CraftedMapping(chunks * 4096), Rows(chunks), kCraftedMapping, kCraftedContent);
}

// Cgroups with long paths, which each snapshot has from the first.
std::string CgroupsOfSnapshots(int64_t cgroups, int64_t snapshots) {
  return fmt::format(
      "{} INSERT INTO cgroup SELECT 1, (1 << 30) + i, printf('%.*c', 60000, '/') || i FROM n; {}; "
      "{}; {} INSERT INTO mapping SELECT {} + i, 1000 + i, 16, 1, 'rw-p', 0, NULL, NULL, NULL FROM "
      "n; INSERT INTO page_chunk SELECT id, 0, {}, 1, 0, 0 FROM mapping WHERE id >= {}; INSERT "
      "INTO frame_chunk SELECT id, 0, 1, 1 FROM snapshot WHERE id > 1; {}",
      Rows(cgroups), CopiesOfSnapshot(snapshots), CraftedProcesses(1000, snapshots, "2 + i"),
      Rows(snapshots), kCraftedMapping, kCraftedContent, kCraftedMapping,
      Content(kCraftedContent, {Present(16)}));
}

// A long path that millions of rows show.
std::string PathOfMappings(int64_t mappings) {
  return fmt::format(
      "INSERT INTO file (id, device, inode, path) VALUES ({0}, '8:1', 1, printf('%.*c', 65000, "
      "'/')); {1} INSERT INTO "
      "mapping SELECT {0} + i, {2}, (1 << 40) + i, 1, 'rw-p', 0, {0}, NULL, NULL FROM n",
      kCraftedMapping, Rows(mappings), kLastProcess);
}

// Two snapshots of a process with many mappings, which is what a large JVM can look like.
std::string MappingsOfTwoSnapshots(int64_t mappings) {
  return fmt::format(
      "{}; {}; {}; {} INSERT INTO mapping SELECT {} + i, 1000 "
      "+ (i >= {}), 16 + 2 * (i % {}), 1, 'rw-p', 0, NULL, NULL, NULL FROM n",
      CopiesOfSnapshot(1), CraftedProcess(1000, 1, 7000, mappings),
      CraftedProcess(1001, 2, 7000, mappings), Rows(2 * mappings), kCraftedMapping, mappings,
      mappings);
}

// Chunks of RAM in which each frame differs from all others of all chunks.
std::string KindsOfRam(int64_t chunks) {
  std::string sql = fmt::format("INSERT INTO ram_range VALUES (1, 0, {} << 16)", chunks);
  FrameColumns columns;
  columns.referenced.fill(~uint64_t{0});
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    for (DictionaryColumn* column : {&columns.flags, &columns.map_count, &columns.cgroup}) {
      column->Clear();
    }
    for (uint32_t i = 0; i < kFramesPerChunk; ++i) {
      columns.flags.Append(i % 256);
      columns.map_count.Append(i / 256);
      columns.cgroup.Append(static_cast<uint64_t>(chunk));
    }
    sql += fmt::format(
        "; INSERT INTO frame_content VALUES ({0}, NULL, {1}); INSERT INTO ram_chunk VALUES (1, {2} "
        "<< 16, 65536, {0})",
        kCraftedContent + chunk, BlobValues(EncodeFrameColumns(columns)), chunk);
  }
  return sql;
}

}  // namespace

std::vector<Bomb> MemoryBombs(BombSize size) {
  auto n = [size](int64_t full, int64_t small) { return size == BombSize::kFull ? full : small; };
  return {
      {Sql("FarChunksOfSnapshots", FarChunksOfSnapshots(n(100, 20))), {"timeline", "FILE"}},
      {Sql("ZonesOfSnapshots", ZonesOfSnapshots(n(20000, 2000), n(3000, 300), 1)),
       {"info", "FILE"}},
      {Sql("LongZoneNames", ZonesOfSnapshots(n(100, 10), n(1000, 100), 65000)), {"info", "FILE"}},
      {{"TextAsPid",
        [=](const std::string& path) {
          StoreText(path, "process", "pid",
                    fmt::format("printf('%.*c', {}, 'x')", n(3900000, 390000)),
                    "id = " + std::string(kLastProcess));
        }},
       {"maps", "FILE"}},
      {{"TextAsPageOfMapping",
        [=](const std::string& path) {
          StoreText(path, "mapping", "first_page",
                    fmt::format("printf('%.*c', {}, 'x')", n(3900000, 390000)),
                    "id = (SELECT MAX(id) FROM mapping)");
        }},
       {"sql", "FILE", "SELECT m.first_page, p.* FROM mapping m, page p"}},
      {Made("UnionsOfSets", [=] { return UnionsOfSets(n(1000, 100), n(800, 100)); }),
       {"shared", "FILE"}},
      {{"Sparse", MakeSparse}, {"check", "FILE"}},
      {Made("KindsOfRam", [=] { return KindsOfRam(n(320, 20)); }), {"ram", "FILE"}},
      {Sql("UsersOfOneFrame", UsersOfOneFrame(n(20000, 1000))),
       {"sql", "FILE", "SELECT COUNT(*) FROM frame_user"}},
      {Sql("CgroupsOfSnapshots", CgroupsOfSnapshots(n(100, 10), n(300, 30))),
       {"sql", "FILE", "SELECT COUNT(DISTINCT cgroup_name(s.id, 1 << 30)) FROM snapshot s"}},
      {Sql("PathOfMappings", PathOfMappings(n(100000, 5000))), {"maps", "FILE", "--sort", "start"}},
      {Sql("MappingsOfTwoSnapshots", MappingsOfTwoSnapshots(n(1300000, 50000))),
       {"diff-maps", "FILE", "--all", "--format", "csv"}},
  };
}

std::vector<Bomb> SqlBombs() {
  auto bomb = [](const char* name, const char* sql) {
    return Bomb{Sql(name, "SELECT 1"), {"sql", "FILE", sql}};
  };
  return {
      bomb("SqlGroupConcat",
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT "
           "length(group_concat(printf('%.*c', 30000, 'x'))) FROM n"),
      bomb("SqlRecursion",
           "WITH RECURSIVE n(i) AS (SELECT zeroblob(30000000) UNION ALL SELECT zeroblob(30000000) "
           "|| '' FROM n LIMIT 30) SELECT COUNT(*) FROM (SELECT DISTINCT i FROM n ORDER BY i)"),
      bomb("SqlTemporary",
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n LIMIT 3000000) SELECT "
           "COUNT(*) FROM n"),
      bomb("SqlJson",
           "SELECT COUNT(*) FROM json_each('[' || replace(printf('%.*c', 8000000, '1'), '1', '1,') "
           "|| '1]')"),
      bomb("SqlRows",
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500) SELECT "
           "printf('%.*c', 1000000, 'x') FROM n"),
  };
}

std::vector<Bomb> AllBombs(BombSize size) {
  std::vector<Bomb> all = MemoryBombs(size);
  for (Bomb& bomb : TimeBombs(size)) all.push_back(std::move(bomb));
  for (Bomb& bomb : SqlBombs()) all.push_back(std::move(bomb));
  return all;
}

}  // namespace pagesnap
