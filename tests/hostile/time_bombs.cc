#include <fmt/format.h>

#include "lib/codec/frame_columns.h"
#include "lib/codec/page_words.h"
#include "tests/hostile/bomb_files.h"
#include "tests/hostile/crafted_sql.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

// Gaps in a mapping, and a chunk of one page between each two of them.
std::string GapsOfSpans(int64_t count) {
  return fmt::format(
      "{}; {}; UPDATE process SET pid = 77; {} INSERT INTO gap (snapshot_id, process_id, "
      "mapping_id, source, first, count, reason) SELECT 1, {}, {}, 'pagemap', i * 8192 + 1, 1, 'r' "
      "FROM n; {} INSERT INTO page_chunk "
      "SELECT {}, i * 8192, {}, 0, 0, 1 FROM n",
      Content(kCraftedContent, {uint64_t{1} << 62 | 31}), CraftedMapping(count * 8192), Rows(count),
      kLastProcess, kCraftedMapping, Rows(count), kCraftedMapping, kCraftedContent);
}

// Zones in which no page lies, and many pages.
std::string ZonesOfPages(int64_t zones, int64_t chunks) {
  return fmt::format(
      "{} INSERT INTO memory_zone SELECT 1, i + 10, 'Z', i, 0, 1, 1 FROM n; {}; INSERT INTO "
      "frame_chunk VALUES (1, {} << 16, 4096, 1); {}; {} INSERT INTO page_chunk SELECT {}, i * "
      "4096, {}, 4096, 0, 0 FROM n",
      Rows(zones), FullContent(kCraftedContent, kFreeChunk << 16), kFreeChunk,
      CraftedMapping(chunks * 4096), Rows(chunks), kCraftedMapping, kCraftedContent);
}

// A frame that every one of many contents has, each mapped by other processes.
std::string ContentsOfOneFrame(int64_t count) {
  const uint64_t pfn = kFreeChunk << 16;
  return fmt::format(
      "{}; {} INSERT INTO page_content SELECT {} + 1 + i, page_count, NULL, words, checksum FROM "
      "n, "
      "page_content WHERE id = {}; INSERT INTO frame_chunk VALUES (1, {}, 1, 1); {}; {} INSERT "
      "INTO "
      "mapping SELECT {} + i, 1000 + i, 16, 1, 'rw-p', 0, NULL, NULL, NULL FROM n; INSERT INTO "
      "page_chunk SELECT id, 0, {} + 1 + id - {}, 1, 0, 0 FROM mapping WHERE id >= {}",
      Content(kCraftedContent, {Present(pfn)}), Rows(count), kCraftedContent, kCraftedContent, pfn,
      CraftedProcesses(1000, count), Rows(count), kCraftedMapping, kCraftedContent, kCraftedMapping,
      kCraftedMapping);
}

// Contents of 4096 pages, where page i is in a frame that a group of processes of its own has.
std::string GroupsOfContents(int64_t contents) {
  const uint64_t pfn = kFreeChunk << 16;
  std::string sql = CraftedProcesses(1000, 4097);
  std::vector<uint64_t> words(kPagesPerChunk);
  for (size_t i = 0; i < words.size(); ++i) words[i] = Present(pfn + i);
  // The same pages in contents of other orders, so that each is decoded and counted.
  for (int64_t c = 0; c < contents; ++c) {
    std::rotate(words.begin(), words.begin() + 7, words.end());
    sql += ";" + Content(kCraftedContent + c, words);
  }
  for (int64_t i = 0; i < kPagesPerChunk; ++i) {
    sql += ";" + Content(kCraftedContent + contents + i, {Present(pfn + static_cast<uint64_t>(i))});
  }
  return sql +
         fmt::format(
             "; INSERT INTO frame_chunk VALUES (1, {0}, 4096, 1); {1} INSERT INTO mapping "
             "SELECT {2} + i, 1000 + i, 16, {3} * 4096, 'rw-p', 0, NULL, NULL, NULL FROM n; "
             "INSERT INTO page_chunk SELECT id, 0, {4} + {3} + id - {2}, 1, 0, 0 FROM mapping "
             "WHERE id >= {2} AND id < {2} + 4096; {5} INSERT INTO page_chunk SELECT {2} + "
             "4096, i * 4096, {4} + i, 4096, 0, 0 FROM n",
             pfn, Rows(4097), kCraftedMapping, contents, kCraftedContent, Rows(contents));
}

// The flags of all mappings are one text of 64 KB.
std::string FlagsOfMappings(int64_t mappings) {
  return fmt::format(
      "INSERT INTO vm_flags VALUES ({0}, replace(printf('%.*c', 21000, 'x'), 'x', 'pg ')); {1} "
      "INSERT INTO mapping SELECT {0} + i, {2}, (1 << 40) + i, 1, 'rw-p', 0, NULL, {0}, NULL FROM "
      "n",
      kCraftedMapping, Rows(mappings), kLastProcess);
}

std::string FactsOfSnapshots(int64_t facts, int64_t snapshots) {
  return fmt::format("{} INSERT INTO system_fact SELECT 1, 'config.CONFIG_' || i, 'y' FROM n; {}",
                     Rows(facts), CopiesOfSnapshot(snapshots));
}

std::string ManyProcesses(int64_t count) {
  return CopiesOfSnapshot(1) + ";" + CraftedProcesses(1000, count) + ";" +
         CraftedProcesses(1000 + count, count, "2");
}

// Mappings that all overlap, each with a page.
std::string OverlappingMappings(int64_t count) {
  return fmt::format(
      "{}; {}; {}; {}; {} INSERT INTO mapping SELECT {} + i, 1000 + (i >= "
      "{}), 1 + i % {}, 1 << 30, 'rw-p', 0, NULL, NULL, NULL FROM n",
      Content(kCraftedContent, {Present(16)}), CopiesOfSnapshot(1),
      CraftedProcess(1000, 1, 7000, count), CraftedProcess(1001, 2, 7000, count), Rows(2 * count),
      kCraftedMapping, count, count);
}

// Series that never end: each snapshot has a process and a page.
std::string LongSeries(int64_t count) {
  return fmt::format(
      "{}; {}; {} INSERT INTO mapping SELECT {} + i, 1000 + i, 16, 1, 'rw-p', 0, NULL, NULL, NULL "
      "FROM n; UPDATE process SET pid = 7 WHERE id >= 1000; {}; INSERT INTO page_chunk SELECT id, "
      "0, "
      "{}, 1, 0, 0 FROM mapping WHERE id >= {}; INSERT INTO frame_chunk SELECT id, 0, 1, 1 FROM "
      "snapshot WHERE id > 1",
      CopiesOfSnapshot(count), CraftedProcesses(1000, count, "2 + i"), Rows(count), kCraftedMapping,
      Content(kCraftedContent, {Present(16)}), kCraftedContent, kCraftedMapping);
}

// Mappings of files that all have one name, each moved to another address: any may be any other's.
std::string MovedMappings(int64_t count) {
  return fmt::format(
      "{}; {}; {}; {} INSERT INTO file (id, device, inode, path) SELECT {} + i, '8:1', i + 1, "
      "'/lib/x.so.' || i FROM n; {} INSERT INTO mapping SELECT {} + i, 1000 + (i >= {}), 16 + 2 * "
      "i, "
      "1, 'r-xp', 0, {} + i, NULL, NULL FROM n",
      CopiesOfSnapshot(1), CraftedProcess(1000, 1, 7000, count),
      CraftedProcess(1001, 2, 7000, count), Rows(2 * count), kCraftedMapping, Rows(2 * count),
      kCraftedMapping, count, kCraftedMapping);
}

// Chunks of RAM with as many runs as frames, all of one content.
std::string RunsOfRam(int64_t chunks) {
  FrameColumns columns;
  columns.referenced.fill(~uint64_t{0});
  for (uint32_t i = 0; i < kFramesPerChunk; ++i) {
    columns.flags.Append(i % 2 << 7);
    columns.map_count.Append(0);
    columns.cgroup.Append(0);
  }
  return fmt::format(
      "INSERT INTO frame_content VALUES ({0}, NULL, {1}); {2} INSERT INTO ram_chunk SELECT 1, i << "
      "16, 65536, {0} FROM n; INSERT INTO ram_range VALUES (1, 0, {3} << 16)",
      kCraftedContent, BlobValues(EncodeFrameColumns(columns)), Rows(chunks), chunks);
}

}  // namespace

std::vector<Bomb> TimeBombs(BombSize size) {
  auto n = [size](int64_t full, int64_t small) { return size == BombSize::kFull ? full : small; };
  return {
      {Sql("GapsOfSpans", GapsOfSpans(n(12000, 4000))),
       {"layout", "FILE", "--pid", "77", "--cell", "4"}},
      {Sql("ZonesOfPages", ZonesOfPages(n(20000, 5000), n(1000, 100))), {"pages", "FILE"}},
      {Sql("ManyProcesses", ManyProcesses(n(80000, 5000))), {"diff-processes", "FILE"}},
      {{"SharedOverflowPages",
        [=](const std::string& path) { ShareOverflowPages(path, n(90000, 3000)); }},
       {"check", "FILE"}},
      {Sql("ContentsOfOneFrame", ContentsOfOneFrame(n(60000, 5000))), {"shared", "FILE"}},
      {Made("GroupsOfContents", [=] { return GroupsOfContents(n(2000, 40)); }), {"shared", "FILE"}},
      {Sql("FlagsOfMappings", FlagsOfMappings(n(200000, 10000))), {"processes", "FILE"}},
      {Sql("FactsOfSnapshots", FactsOfSnapshots(n(50000, 2000), n(5000, 500))), {"info", "FILE"}},
      {Sql("OverlappingMappings", OverlappingMappings(n(100000, 5000))), {"diff-maps", "FILE"}},
      {Sql("LongSeries", LongSeries(n(86400, 500))), {"timeline", "FILE"}},
      {Made("RunsOfRam", [=] { return RunsOfRam(n(300000, 300)); }), {"ram", "FILE"}},
      {Made("BlocksOfRam", [=] { return RunsOfRam(n(300000, 300)); }), {"fragmentation", "FILE"}},
      {Sql("MovedMappings", MovedMappings(n(100000, 5000))), {"diff-maps", "FILE"}},
  };
}

}  // namespace pagesnap
