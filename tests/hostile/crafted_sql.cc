#include "tests/hostile/crafted_sql.h"

#include <fmt/format.h>

#include "lib/codec/checksum.h"
#include "lib/codec/page_words.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

constexpr char kProcessColumns[] =
    "(id, snapshot_id, pid, ppid, start_time_ticks, name, state, thread_count, kernel_thread, "
    "mapping_count, cmdline_process_id, frozen, ended)";

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (unsigned char byte : bytes) hex += fmt::format("{:02x}", byte);
  return "x'" + hex + "'";
}

}  // namespace

std::string Rows(int64_t count) {
  return fmt::format(
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {}) ", count);
}

std::string BlobValues(const std::string& blob) {
  return fmt::format("{}, {}", Hex(blob), BlobChecksum(AsBytes(blob)));
}

std::string SetBlob(const char* table, const char* column, const std::string& blob,
                    const std::string& where) {
  return fmt::format("UPDATE {} SET {} = {}, checksum = {} WHERE {}", table, column, Hex(blob),
                     BlobChecksum(AsBytes(blob)), where);
}

std::string Content(int64_t id, const std::vector<uint64_t>& words) {
  return fmt::format("INSERT INTO page_content VALUES ({}, {}, NULL, {})", id, words.size(),
                     BlobValues(EncodePageWords(words)));
}

std::string FullContent(int64_t id, uint64_t first_pfn) {
  std::vector<uint64_t> words(kPagesPerChunk);
  for (size_t i = 0; i < words.size(); ++i) words[i] = Present(first_pfn + i);
  return Content(id, words);
}

std::string CraftedMapping(int64_t page_count) {
  return fmt::format(
      "INSERT INTO mapping VALUES ({}, {}, 1 << 45, {}, 'rw-p', 0, NULL, NULL, NULL)",
      kCraftedMapping, kLastProcess, page_count);
}

std::string CopiesOfSnapshot(int64_t count) {
  return Rows(count) +
         "INSERT INTO snapshot (id, wall_time_ns, boot_time_ns, host, kernel_release, "
         "kernel_version, machine, boot_id, page_size, tool_version, options, pfn_visible, "
         "flags_state, map_count_state, cgroup_state, frozen, facts_snapshot_id) "
         "SELECT 2 + i, wall_time_ns + i + 1, boot_time_ns, host, kernel_release, kernel_version, "
         "machine, boot_id, page_size, tool_version, options, pfn_visible, flags_state, "
         "map_count_state, cgroup_state, frozen, 1 FROM n, snapshot s WHERE s.id = 1";
}

std::string CraftedProcesses(int64_t first_id, int64_t count, const char* snapshot) {
  return fmt::format(
      "{} INSERT INTO process {} SELECT {} + i, {}, 100000 + i, 1, 1, 'p', 'S', 1, 0, "
      "1, {} + i, 0, 0 FROM n",
      Rows(count), kProcessColumns, first_id, snapshot, first_id);
}

std::string CraftedProcess(int64_t id, int64_t snapshot, int64_t pid, int64_t mapping_count) {
  return fmt::format(
      "INSERT INTO process {0} VALUES ({1}, {2}, {3}, 1, 1, 'p', 'S', 1, 0, {4}, {1}, 0, 0)",
      kProcessColumns, id, snapshot, pid, mapping_count);
}

CraftedFile Sql(const std::string& name, const std::string& sql) {
  return {name, [sql](const std::string& path) { ChangeFile(path, sql); }};
}

CraftedFile Made(const std::string& name, const std::function<std::string()>& make) {
  return {name, [make](const std::string& path) { ChangeFile(path, make()); }};
}

}  // namespace pagesnap
