#include "tests/hostile/crafted_files.h"

#include <fmt/format.h>

#include <fstream>

#include "lib/codec/checksum.h"
#include "lib/codec/frame_columns.h"
#include "lib/codec/page_words.h"
#include "lib/codec/plane.h"
#include "tests/hostile/crafted_sql.h"

namespace pagesnap {
namespace {

// One content of 4096 pages, and many chunks that have it.
std::string ChunksOfOneContent(int64_t count) {
  return FullContent(1 << 20, kFreeChunk << 16) +
         fmt::format(
             "; INSERT INTO frame_chunk SELECT 1, {} << 16, 4096, MIN(id) FROM "
             "frame_content; {}; {} INSERT INTO page_chunk SELECT {}, i * 4096, {}, 4096, "
             "0, 0 FROM n",
             kFreeChunk, CraftedMapping(count * 4096), Rows(count), kCraftedMapping, 1 << 20);
}

// Many contents, each of 4096 pages that no other has a page like.
std::string KindsOfPages(int64_t count) {
  FrameColumns columns;
  for (uint32_t i = 0; i < kFramesPerChunk; ++i) {
    columns.referenced[i / 64] |= uint64_t{1} << i % 64;
    columns.flags.Append(0x5828 | (uint64_t{i} & 0xff) << 40);
    columns.map_count.Append(1);
    columns.cgroup.Append(i >> 8);
  }
  std::string sql = fmt::format(
      "INSERT INTO frame_content VALUES ({0}, NULL, {1}); INSERT INTO frame_chunk "
      "VALUES (1, {2} << 16, 65536, {0}); {3}",
      1 << 20, BlobValues(EncodeFrameColumns(columns)), kFreeChunk, CraftedMapping(count * 4096));
  for (int64_t i = 0; i < count; ++i) {
    const auto first_pfn = static_cast<uint64_t>((kFreeChunk << 16) + i * 61440 / count);
    sql += ";" + FullContent((1 << 20) + i, first_pfn);
  }
  return sql + fmt::format(
                   "; {} INSERT INTO page_chunk SELECT {}, i * 4096, {} + i, 4096, 0, 0 "
                   "FROM n",
                   Rows(count), kCraftedMapping, 1 << 20);
}

// Frame contents of a hundred bytes that unpack to 64 KiB, each another.
std::string FrameContentBomb(int64_t count) {
  std::string sql;
  for (int64_t i = 0; i < count; ++i) {
    FrameColumns columns;
    for (uint32_t frame = 0; frame < kFramesPerChunk; ++frame) {
      columns.referenced[frame / 64] |= uint64_t{1} << frame % 64;
      columns.flags.Append(0x5828 | uint64_t{frame % 2} << 40);
      columns.map_count.Append(1);
      columns.cgroup.Append(i);
    }
    sql += fmt::format(
        "INSERT INTO frame_content VALUES ({0}, NULL, {1}); INSERT INTO frame_chunk "
        "VALUES (1, {2} << 16, 65536, {0});",
        (1 << 20) + i, BlobValues(EncodeFrameColumns(columns)), kFreeChunk + i);
  }
  return sql;
}

// Accounting that is as large as its mappings allow: all columns, a byte for each figure.
std::string AccountingBomb(int64_t mapping_count) {
  std::string raw;
  AppendVarint(&raw, 256);
  for (int column = 0; column < 256; ++column) {
    static constexpr const char* kNames[] = {"Rss", "Pss", "Swap", "Anonymous", "Locked"};
    const std::string name = column < 5 ? std::string(kNames[column]) : fmt::format("F{}", column);
    AppendVarint(&raw, name.size());
    raw += name + std::string(static_cast<size_t>(mapping_count), '\1');
  }
  std::string blob;
  AppendVarint(&blob, raw.size());
  AppendPlane(&blob, AsBytes(raw));
  return fmt::format(
      "DELETE FROM mapping WHERE process_id = {0}; {1} INSERT INTO mapping SELECT "
      "{2} + i, 3, i * 2 + 16, 1, 'rw-p', 0, NULL, NULL, NULL FROM n; {5}; "
      "INSERT INTO kernel_accounting VALUES (3, {3}, {4}, NULL)",
      kLastProcess, Rows(mapping_count), kCraftedMapping, mapping_count, BlobValues(blob),
      CraftedProcess(3, 1, 3, mapping_count));
}

// The planes of one word format: all bytes of the words, each plane said to unpack to `size` zeros.
std::string ZstdBomb(size_t size) {
  std::string plane;
  AppendPlane(&plane, AsBytes(std::string(size, '\1') + "\2"));
  std::string blob = "\1";
  for (int i = 0; i < 8; ++i) blob += plane;
  return SetBlob("page_content", "words", blob, "id = 1");
}

// As many sums as contents and snapshots allow, of contents that take long to decode.
std::string SumsOfEverything(int64_t snapshots, int64_t contents) {
  return KindsOfPages(contents) + "; " + CopiesOfSnapshot(snapshots) +
         "; INSERT OR REPLACE INTO content_usage SELECT s.id, c.id, 0, 4096, 4096, 0, 4096, 0, 0, "
         "0, 4096 << 24 FROM snapshot s, page_content c WHERE c.id >= 1 << 20";
}

// Contents that lead to each other: each is the one before, without any difference.
std::string BaseChain(int64_t length) {
  const std::string nothing_differs("\0\0", 2);
  return fmt::format(
      "{}; {} INSERT INTO page_content SELECT {} + i, 4096, {} + i - (i > 0), {} "
      "FROM n; UPDATE page_content SET base_id = {} WHERE id = {}; {}; INSERT INTO "
      "page_chunk VALUES ({}, 0, {}, 4096, 0, 0)",
      FullContent(1 << 20, kFreeChunk << 16), Rows(length), (1 << 20) + 1, 1 << 20,
      BlobValues(nothing_differs), 1 << 20, (1 << 20) + 1, CraftedMapping(4096), kCraftedMapping,
      (1 << 20) + length);
}

// Overwrites bytes of the file itself.
CraftedFile Bytes(const std::string& name, std::streamoff offset, const std::string& bytes) {
  return {name, [offset, bytes](const std::string& path) {
            std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(offset);
            file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
          }};
}

// Texts that would move the cursor, change colours or end a line.
constexpr char kControls[] =
    "UPDATE process SET name = char(27) || '[31m' || char(10, 7, 155) || 'x', cgroup = char(127), "
    "cmdline = char(27) || ']0;' || char(7), exe = char(13); "
    "UPDATE file SET path = char(27) || '[2J' || char(10, 13, 133) || path; "
    "UPDATE snapshot SET host = char(27) || '[1m', options = char(10, 27), tool_version = "
    "char(27); "
    "UPDATE cgroup SET path = path || char(27); UPDATE swap_device SET path = char(27, 10); "
    "INSERT INTO gap (snapshot_id, source, reason) VALUES (1, char(27, 10), char(155, 10, 27))";

std::vector<CraftedFile> Numbers() {
  return {
      Sql("Sound", "SELECT 1"),
      Sql("MappingOfAllAddresses", "UPDATE mapping SET first_page = 0, page_count = 1 << 55"),
      Sql("MappingsOfTerabytes", "UPDATE mapping SET page_count = 1 << 40"),
      Sql("ChunkFarAway",
          "UPDATE mapping SET page_count = 1 << 55; UPDATE page_chunk SET "
          "first_page = first_page + (1 << 54)"),
      Sql("OverlappingMappings", "UPDATE mapping SET first_page = 1000, page_count = 100000"),
      Sql("NegativeNumbers",
          "UPDATE process SET pid = -pid, ppid = -1, uid = -5, thread_count = -9, mapping_count = "
          "-1, start_time_ticks = -7; UPDATE mapping SET offset = -1; UPDATE file SET inode = -1"),
      Sql("NegativeZones", "UPDATE memory_zone SET start_pfn = -5, spanned_count = -1, node = -3"),
      Sql("EndlessZone",
          "UPDATE memory_zone SET start_pfn = 0, spanned_count = 9223372036854775807"),
      Sql("TimesAtTheEnds",
          "UPDATE snapshot SET wall_time_ns = 9223372036854775807, boot_time_ns "
          "= -9223372036854775807 - 1"),
      Sql("LargePages", "UPDATE snapshot SET page_size = 1 << 24"),
      Sql("SmallPages", "UPDATE snapshot SET page_size = 1024"),
      Sql("OddRelease", "UPDATE snapshot SET kernel_release = '99999999999999999999.-1.x'"),
      Sql("OddStates",
          "UPDATE snapshot SET flags_state = 'x', map_count_state = '', pfn_visible = "
          "7, frozen = -1"),
      Sql("HugeCosts", "UPDATE cost SET wall_ns = 9223372036854775807, byte_count = -1"),
      Sql("OnePidForAll", "UPDATE process SET pid = 1, start_time_ticks = 1"),
      Sql("ParentsInCircles", "UPDATE process SET ppid = 3 - ppid"),
      Sql("GapsEverywhere",
          "INSERT INTO gap (snapshot_id, process_id, mapping_id, source, first, "
          "count, reason) SELECT 1, process_id, id, 'pagemap', -5, "
          "9223372036854775807, 'r' FROM mapping"),
      Sql("FrameChunkFarAway",
          "UPDATE frame_chunk SET first_pfn = 1048575 << 16 WHERE first_pfn = "
          "(SELECT MAX(first_pfn) FROM frame_chunk)"),
      Sql("FrameContentOfAnotherRange", "UPDATE frame_chunk SET frame_content_id = 1"),
      Sql("NoFrames", "DELETE FROM frame_chunk"),
      Sql("NegativeSums", "UPDATE content_usage SET rss_count = -1, pss = -1"),
      Sql("EndlessSums", "UPDATE content_usage SET torn_count = 9223372036854775807"),
      Sql("WrongSums", "UPDATE content_usage SET rss_count = 4096, pss = 0, facts_hash = 0"),
      Sql("SumsOfNothing",
          "UPDATE content_usage SET content_id = content_id + (1 << 39), snapshot_id = snapshot_id "
          "+ content_id % 2"),
  };
}

std::vector<CraftedFile> Texts() {
  return {
      Sql("ControlCharacters", kControls),
      Sql("NoUtf8",
          "UPDATE process SET name = CAST(x'fffe80c3' AS TEXT); UPDATE file SET path = "
          "CAST(x'2fff80c328' AS TEXT)"),
      Sql("ZeroBytes", "UPDATE process SET name = CAST(x'410042' AS TEXT)"),
      Sql("GiantName", "UPDATE process SET name = printf('%.*c', 2000000, 'x')"),
      Sql("GiantCommandLine", "UPDATE process SET cmdline = printf('%.*c', 2000000, 'x')"),
      Sql("GiantPath", "UPDATE file SET path = printf('%.*c', 100000, '/') || id"),
      Sql("GiantOptions", "UPDATE snapshot SET options = printf('%.*c', 5000000, 'x')"),
      Sql("GiantPermissions",
          "UPDATE mapping SET perms = printf('%.*c', 5000000, 'x') WHERE id IN "
          "(SELECT MIN(id) FROM mapping)"),
      // The longest that are taken.
      Sql("LongPaths", "UPDATE file SET path = printf('%.*c', 65000, '/') || id"),
      Sql("LongPermissions", "UPDATE mapping SET perms = printf('%.*c', 65000, 'x')"),
      Sql("LongLines",
          "UPDATE snapshot SET options = printf('%.*c', 1 << 20, 'x'); UPDATE process SET cmdline "
          "= "
          "printf('%.*c', 1 << 20, 'y'); UPDATE system_fact SET value = printf('%.*c', 1 << 20, "
          "'9') WHERE name = 'meminfo.MemTotal_kib'"),
      Sql("LongTexts",
          "UPDATE snapshot SET host = printf('%.*c', 65536, 'h'), kernel_release = host, "
          "kernel_version = host, machine = host, boot_id = host, tool_version = host, flags_state "
          "= host, map_count_state = host, cgroup_state = host; UPDATE process SET name = "
          "printf('%.*c', 65536, 'n'), exe = name, state = name, cgroup = name; UPDATE cost SET "
          "source = printf('%.*c', 65000, 'c') || source WHERE source <> 'total'; INSERT INTO gap "
          "(snapshot_id, source, reason) SELECT 1, printf('%.*c', 65000, 's') || id, "
          "printf('%.*c', "
          "65000, 'r') FROM mapping"),
  };
}

std::vector<CraftedFile> Bombs() {
  return {
      Made("PlanesOfMoreThanTheirPages", [] { return ZstdBomb(64 << 20); }),
      Sql("ManyPagesOfOneFrame", "UPDATE page_chunk SET content_id = 1"),
      Made("LongBaseChain", [] { return BaseChain(16); }),
      Made("BaseChainTooLong", [] { return BaseChain(17); }),
      Sql("BaseInACircle", "UPDATE page_content SET base_id = id + 1"),
      Sql("BaseOfItself", "UPDATE frame_content SET base_id = id"),
      Sql("CopyOfItself", "UPDATE mapping_copy SET source_mapping_id = first_mapping_id"),
      Sql("CopyOfWhatIsNotThere", "UPDATE mapping_copy SET source_mapping_id = 1 << 30"),
      Sql("EndlessCopy", "UPDATE mapping_copy SET row_count = 1 << 62"),
      Sql("CopyOverAllIds",
          "UPDATE mapping_copy SET row_count = 1 << 39 WHERE "
          "first_mapping_id = (SELECT MAX(first_mapping_id) FROM mapping_copy)"),
      Sql("FiguresAgainstThemselves", "UPDATE kernel_accounting SET base_process_id = process_id"),
      Sql("FiguresAgainstNothing", "UPDATE kernel_accounting SET base_process_id = 1 << 62"),
      Made("AccountingBomb", [] { return AccountingBomb(10000); }),
      Made("FrameContentBomb", [] { return FrameContentBomb(1500); }),
      Made("KindsOfPages", [] { return KindsOfPages(300); }),
      Made("ChunksOfOneContent", [] { return ChunksOfOneContent(6000); }),
      Made("SumsOfEverything", [] { return SumsOfEverything(300, 100); }),
  };
}

std::vector<CraftedFile> Multitudes() {
  const std::string n = Rows(20000);
  return {
      Sql("FrameChunksNear", n + "INSERT OR IGNORE INTO frame_chunk SELECT 1, (i + 16) << 16, 1, 1 "
                                 "FROM n"),
      Sql("FrameChunksFar", n + "INSERT INTO frame_chunk SELECT 1, (i << 16) + (1 << 50), 65536, 1 "
                                "FROM n"),
      // Half a terabyte: as much time as others take, of which each block of a picture needs its
      // part.
      Sql("RamChunks", Rows(2000) +
                           "INSERT INTO ram_chunk SELECT 1, i << 16, 65536, 1 FROM n; INSERT INTO "
                           "ram_range VALUES (1, 0, 2000 << 16)"),
      Sql("RamRanges", n + "INSERT INTO ram_range SELECT 1, 2 * i, 1 FROM n; INSERT INTO ram_chunk "
                           "VALUES (1, 0, 20000, 1)"),
      Sql("FreeAreas", n + "INSERT INTO free_area SELECT 1, 0, 'Z', i, 1 << 62 FROM n"),
      Sql("Snapshots", CopiesOfSnapshot(3000)),
      Sql("Processes", CraftedProcesses(100, 20000)),
      Sql("Mappings", n + fmt::format("INSERT INTO mapping SELECT {} + i, {}, (1 << 40) + i, 1, "
                                      "'rw-p', 0, NULL, NULL, NULL FROM n",
                                      kCraftedMapping, kLastProcess)),
      Sql("CopiedMappings",
          Rows(400) + fmt::format("INSERT INTO mapping_copy SELECT {} + i * 50, {}, "
                                  "50, 1 FROM n",
                                  kCraftedMapping, kLastProcess)),
      Sql("Gaps", n + "INSERT INTO gap (snapshot_id, process_id, mapping_id, source, first, count, "
                      "reason) SELECT 1, process_id, id, 'pagemap', 0, 1, 'r' || i FROM n, (SELECT "
                      "id, process_id FROM mapping LIMIT 1)"),
      Sql("Zones", n + "INSERT INTO memory_zone SELECT 1, i + 10, 'Z', i, 1, 1, 1 FROM n"),
      Sql("Flags", n + "INSERT OR IGNORE INTO flag_name SELECT 1, i + 100, 'F' || i, NULL FROM n"),
      Sql("Cgroups", n + "INSERT OR IGNORE INTO cgroup SELECT 1, i + 10000000, '/' || i FROM n"),
      Sql("SystemFacts", n + "INSERT OR IGNORE INTO system_fact SELECT 1, 'n' || i, 'v' FROM n"),
      Sql("SwapDevices", n + "INSERT INTO swap_device SELECT 1, i + 10, '/s', 'file', 1, 1, 0 FROM "
                             "n"),
  };
}

std::vector<CraftedFile> Databases() {
  return {
      // sqlite.org/fileformat2.html: 18 and 19 say that a write-ahead log belongs to it, 20 is
      // reserved space, 32 the first page of the list of free ones, 36 their number.
      Bytes("WalMode", 18, "\2\2"),
      Bytes("FutureFormat", 18, "\7\7"),
      Bytes("ReservedSpace", 20, "\xff"),
      Bytes("FreeList", 32, std::string("\0\0\0\2\0\0\xff\xff", 8)),
      Bytes("RootPage", 100, std::string(40, '\xff')),
      Bytes("ForgedPage", 1024, std::string(200, '\x05')),
      Bytes("TextsInUtf16", 56, std::string("\0\0\0\2", 4)),
      Sql("Trigger", "CREATE TRIGGER t AFTER INSERT ON gap BEGIN DELETE FROM gap; END"),
      Sql("View", "DROP TABLE cost; CREATE VIEW cost AS SELECT * FROM gap"),
      Sql("GeneratedColumn", "ALTER TABLE gap ADD COLUMN g INTEGER AS (id + 1)"),
      Sql("OtherColumnType",
          "DROP TABLE vm_flags; CREATE TABLE vm_flags (id INTEGER PRIMARY KEY, "
          "names BLOB)"),
      Sql("CheckConstraint",
          "DROP TABLE vm_flags; CREATE TABLE vm_flags (id INTEGER PRIMARY KEY, "
          "names TEXT NOT NULL CHECK (randomblob(1000000000))) STRICT"),
      Sql("Statistics", "ANALYZE; UPDATE sqlite_stat1 SET stat = '9999999999 1 1 1'"),
  };
}

}  // namespace

std::vector<CraftedFile> CraftedFiles() {
  const std::pair<const char*, std::vector<CraftedFile>> kGroups[] = {{"Numbers", Numbers()},
                                                                      {"Texts", Texts()},
                                                                      {"Bombs", Bombs()},
                                                                      {"Multitudes", Multitudes()},
                                                                      {"Databases", Databases()}};
  std::vector<CraftedFile> all;
  for (const auto& [group, files] : kGroups) {
    for (CraftedFile file : files) {
      file.name = group + file.name;
      all.push_back(std::move(file));
    }
  }
  return all;
}

}  // namespace pagesnap
