#include "lib/store/write/writer_statements.h"

#include "lib/store/sqlite/row_table.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {

void AddPendingTables(const Database& database, const PendingRows::Rows& rows) {
  AddRowTable(
      database, "pending_file", rows.files, &FileRow::id,
      [](const FileRow& row) { return std::string_view(row.device); }, &FileRow::inode,
      [](const FileRow& row) { return std::string_view(row.path); },
      [](const FileRow& row) { return row.identity.size.value_or(kUnknownInFile); },
      [](const FileRow& row) { return row.identity.mtime_ns.value_or(kUnknownInFile); },
      [](const FileRow& row) { return std::string_view(row.identity.build_id); },
      [](const FileRow& row) { return row.identity.link_count.value_or(kUnknownInFile); },
      [](const FileRow& row) { return row.identity.block_count.value_or(kUnknownInFile); });
  AddRowTable(database, "pending_replaced_file", rows.replaced_files, &ReplacedFileRow::old_id,
              &ReplacedFileRow::new_id, &ReplacedFileRow::last_mapping_id);
  AddRowTable(database, "pending_vm_flags", rows.vm_flags, &VmFlagsRow::id,
              [](const VmFlagsRow& row) { return std::string_view(row.names); });
  auto perms = [](const MappingRow& row) { return std::string_view(row.perms.data(), 4); };
  AddRowTable(database, "pending_mapping", rows.mappings, &MappingRow::id, &MappingRow::process_id,
              &MappingRow::first_page, &MappingRow::page_count, perms, &MappingRow::offset,
              &MappingRow::file_id, &MappingRow::vm_flags_id);
  AddRowTable(database, "pending_mapping_copy", rows.mapping_copies, &MappingCopyRow::first_id,
              &MappingCopyRow::process_id, &MappingCopyRow::row_count, &MappingCopyRow::source_id);
  AddRowTable(
      database, "pending_page_content", rows.contents, &ContentRow::id, &ContentRow::page_count,
      &ContentRow::base_id, [](const ContentRow& row) { return AsBytes(row.words); },
      &ContentRow::checksum);
  AddRowTable(database, "pending_page_chunk", rows.chunks, &ChunkRow::mapping_id,
              &ChunkRow::first_page, &ChunkRow::content_id, &ChunkRow::present_count,
              &ChunkRow::swapped_count, &ChunkRow::special_count);
}

WriterStatements::WriterStatements(const Database& database)
    : snapshot(database,
               "INSERT INTO snapshot (id, wall_time_ns, boot_time_ns, host, kernel_release, "
               "kernel_version, machine, boot_id, page_size, tool_version, options, pfn_visible, "
               "frozen, map_count_kind, facts_snapshot_id, flags_state, map_count_state, "
               "cgroup_state) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?1,"
               "'missing','missing','missing')"),
      process(database,
              InsertSql("process",
                        "id, snapshot_id, pid, ppid, start_time_ticks, name, exe, cmdline, uid, "
                        "state, thread_count, cgroup, kernel_thread, mapping_count, "
                        "cmdline_process_id, cmdline_length, frozen, stopped_ns, "
                        "memory_process_id, ended, page_table_kib")),
      mapping_count(database, "UPDATE process SET mapping_count = ?2 WHERE id = ?1"),
      stop(database, "UPDATE process SET frozen = ?2, stopped_ns = ?3 WHERE id = ?1"),
      ended(database, "UPDATE process SET ended = 1 WHERE id = ?1"),
      memory_of(database,
                "UPDATE process SET memory_process_id = (SELECT m.id FROM process m WHERE "
                "m.snapshot_id = ?1 AND m.pid = ?3) WHERE snapshot_id = ?1 AND pid = ?2"),
      mappings(database,
               "INSERT INTO mapping (id, process_id, first_page, page_count, perms, offset, "
               "file_id, vm_flags_id) SELECT c0, c1, c2, c3, c4, c5, NULLIF(c6, 0), "
               "NULLIF(c7, 0) FROM pending_mapping"),
      mapping_copies(database,
                     "INSERT INTO mapping_copy (first_mapping_id, process_id, row_count, "
                     "source_mapping_id) SELECT * FROM pending_mapping_copy"),
      changed_count(database, "UPDATE mapping SET changed_count = ?2 WHERE id = ?1"),
      files(database,
            "INSERT INTO file (id, device, inode, path, size, mtime_ns, build_id, link_count, "
            "block_count) SELECT c0, c1, c2, c3, NULLIF(c4, ?1), NULLIF(c5, ?1), NULLIF(c6, ''), "
            "NULLIF(c7, ?1), NULLIF(c8, ?1) FROM pending_file"),
      replaced_files(database,
                     "UPDATE mapping SET file_id = r.c1 FROM pending_replaced_file r "
                     "WHERE id > r.c2 AND file_id = r.c0"),
      vm_flags(database, "INSERT INTO vm_flags (id, names) SELECT * FROM pending_vm_flags"),
      accounting(database, InsertSql("kernel_accounting",
                                     "process_id, row_count, figures, checksum, base_process_id")),
      contents(database,
               "INSERT INTO page_content (id, page_count, base_id, words, checksum) "
               "SELECT c0, c1, NULLIF(c2, 0), c3, c4 FROM pending_page_content"),
      select_content(database, kSelectContent),
      chunks(database,
             "INSERT INTO page_chunk (mapping_id, first_page, content_id, present_count, "
             "swapped_count, special_count) SELECT * FROM pending_page_chunk"),
      frame_content(database,
                    "INSERT INTO frame_content (id, base_id, facts, checksum) "
                    "VALUES (?,NULLIF(?,0),?,?)"),
      select_frames(database, kSelectFrameContent),
      frames(database,
             InsertSql("frame_chunk", "snapshot_id, first_pfn, frame_count, frame_content_id")),
      ram(database,
          InsertSql("ram_chunk", "snapshot_id, first_pfn, frame_count, frame_content_id")),
      sources(database,
              "UPDATE snapshot SET flags_state = ?2, map_count_state = ?3, cgroup_state = ?4 "
              "WHERE id = ?1"),
      frozen(database, "UPDATE snapshot SET frozen = ?2 WHERE id = ?1"),
      gap(database,
          InsertSql("gap", "snapshot_id, process_id, mapping_id, source, first, count, reason")),
      cost(database, InsertSql("cost",
                               "snapshot_id, source, wall_ns, call_count, byte_count, "
                               "longest_ns, user_ns, system_ns, peak_rss_kib")),
      counters(database,
               InsertSql("machine_counters", "snapshot_id, base_snapshot_id, figures, checksum")) {}

}  // namespace pagesnap
