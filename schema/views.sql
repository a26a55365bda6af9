-- Views over the tables and the virtual tables, made when a file is opened and never stored.

-- A mapping with the names of what it refers to.
CREATE TEMP VIEW mapping_detail AS
SELECT
  p.snapshot_id,
  m.process_id,
  m.id AS mapping_id,
  p.pid,
  p.name AS process_name,
  m.first_page,                                            -- virtual page number
  m.page_count,
  page_address(m.first_page, s.page_size) AS start,        -- address of the first byte, 0x hex
  page_address(m.first_page + m.page_count, s.page_size) AS end,  -- address behind the last byte
  m.perms,
  m.offset,                                                -- bytes into the file
  COALESCE(f.path, '') AS path,                            -- '' for anonymous memory
  f.device,
  f.inode,
  v.names AS vm_flags,
  m.page_count * s.page_size / 1024 AS virtual_kib,
  m.file_id                                                -- NULL for anonymous memory
FROM mapping m
JOIN process p ON p.id = m.process_id
JOIN snapshot s ON s.id = p.snapshot_id
LEFT JOIN file f ON f.id = m.file_id
LEFT JOIN vm_flags v ON v.id = m.vm_flags_id;

-- The pages of a mapping that are of one kind, with the names of what they belong to. Where pid or
-- name choose a process, the pages of no other are looked at.
CREATE TEMP VIEW page_group_detail AS
SELECT
  p.snapshot_id,
  p.id AS process_id,
  g.mapping_id,
  p.pid,
  p.name,
  p.cgroup AS process_cgroup,                              -- path; NULL: unknown
  page_address(m.first_page, s.page_size) AS start,        -- address of the mapping's first byte
  COALESCE(f.path, '') AS path,                            -- '' for anonymous memory
  s.page_size,                                             -- bytes
  g.first_page,                                            -- virtual page number of the first page
  g.state,
  g.swap_type,
  g.flags,
  g.flag_names,
  g.cgroup_inode,
  g.node,
  g.zone,
  g.page_count,
  g.kib,
  g.from_page,                                             -- the part of the address space: all, unless asked
  g.to_page
FROM process p
JOIN snapshot s ON s.id = p.snapshot_id
CROSS JOIN page_group g ON g.process_id = p.id
JOIN mapping m ON m.id = g.mapping_id
LEFT JOIN file f ON f.id = m.file_id;

-- With whom each mapping shares its frames, with names and in KiB. A frame that several mappings have
-- is counted as frame in the first of them.
CREATE TEMP VIEW mapping_sharing_detail AS
SELECT
  p.snapshot_id,
  p.id AS process_id,
  h.mapping_id,
  p.pid,
  p.name,
  page_address(m.first_page, s.page_size) AS start,        -- address of the mapping's first byte
  m.offset,                                                -- bytes into the file
  COALESCE(f.path, '') AS path,                            -- '' for anonymous memory
  f.device,
  f.inode,
  h.outside_page_count,
  h.outside_map_count,
  h.page_count * s.page_size / 1024 AS present_kib,
  h.shared_page_count * s.page_size / 1024 AS shared_kib,              -- in pages
  h.shared_frame_count * s.page_size / 1024 AS shared_frame_kib,       -- in frames
  h.outside_page_count * s.page_size / 1024 AS outside_kib,            -- in pages
  m.file_id                                                -- NULL for anonymous memory
FROM process p
JOIN snapshot s ON s.id = p.snapshot_id
CROSS JOIN mapping_sharing h ON h.process_id = p.id
JOIN mapping m ON m.id = h.mapping_id
LEFT JOIN file f ON f.id = m.file_id;

-- What becomes of the frames of each mapping, with names.
CREATE TEMP VIEW frame_fate_detail AS
SELECT
  p.snapshot_id,
  p.id AS process_id,
  r.mapping_id,
  p.pid,
  p.name,
  page_address(m.first_page, s.page_size) AS start,        -- address of the mapping's first byte
  COALESCE(f.path, '') AS path,                            -- '' for anonymous memory
  r.at_exit,
  r.price,
  r.is_cold,
  r.frame_count,
  r.kib,
  r.group_by                                               -- 'process' unless it is asked for
FROM process p
JOIN snapshot s ON s.id = p.snapshot_id
CROSS JOIN frame_fate r ON r.process_id = p.id
JOIN mapping m ON m.id = r.mapping_id
LEFT JOIN file f ON f.id = m.file_id;

-- What is in swap, and other entries in swap format, with names: a row per mapping and kind.
CREATE TEMP VIEW swap_usage_detail AS
SELECT
  p.snapshot_id,
  p.id AS process_id,
  u.mapping_id,
  p.pid,
  p.name,
  page_address(m.first_page, s.page_size) AS start,        -- address of the mapping's first byte
  COALESCE(f.path, '') AS path,                            -- '' for anonymous memory
  u.state,
  u.swap_type,
  w.path AS device,                                        -- of the swap area; NULL: not in one
  u.page_count,
  u.kib,
  u.run_count,
  u.shared_page_count,
  u.pss_kib,
  u.uss_kib,
  u.pss,                                                   -- in 1/4096 bytes, as sums need it
  u.uss
FROM process p
JOIN snapshot s ON s.id = p.snapshot_id
CROSS JOIN swap_usage u ON u.process_id = p.id
JOIN mapping m ON m.id = u.mapping_id
LEFT JOIN file f ON f.id = m.file_id
LEFT JOIN snapshot_swap_device w
  ON w.snapshot_id = p.snapshot_id AND w.position = u.swap_type AND u.state = 'swapped';

-- Processes whose list of mappings is not complete, some of them twice: what is known of their memory is not
-- all of it.
CREATE TEMP VIEW incomplete_process AS
SELECT id AS process_id FROM process WHERE ended
UNION ALL
SELECT process_id FROM gap WHERE source = 'maps' AND process_id IS NOT NULL;

-- Our figures and the kernel's, a row per process with an address space of its own; NULL where they are
-- unknown for any mapping. pss_kib is rounded once, as in smaps_rollup. kernel_pss_kib is a sum of figures
-- that smaps rounded down for each mapping: it is up to 1 KiB a mapping too low.
-- maps_missing is 1 when the list of mappings itself is incomplete, as that of a process that ended.
CREATE TEMP VIEW process_usage AS
WITH incomplete AS (
  SELECT DISTINCT process_id FROM incomplete_process
), total AS (
  -- All that may choose a process is grouped by, so that SQLite looks at the pages of no other.
  SELECT
    p.snapshot_id, p.id AS process_id, p.pid, p.name, p.mapping_count,
    i.process_id IS NOT NULL AS maps_missing,
    -- A process without mappings, such as a kernel thread, has 0 of everything.
    COALESCE(SUM(u.present_count + u.swapped_count + u.special_count + u.absent_count + u.hidden_count), 0)
      * s.page_size / 1024 AS virtual_kib,
    IIF(p.mapping_count = 0, 0, known_sum(u.rss_kib)) AS rss_kib,
    IIF(p.mapping_count = 0, 0, known_sum(u.pss)) AS pss,
    IIF(p.mapping_count = 0, 0, known_sum(u.uss_kib)) AS uss_kib,
    IIF(p.mapping_count = 0, 0, known_sum(u.swap_kib)) AS swap_kib,
    IIF(p.mapping_count = 0, 0, known_sum(u.hugetlb_kib)) AS hugetlb_kib,
    IIF(p.mapping_count = 0, 0, known_sum(u.anonymous_kib)) AS anonymous_kib,
    IIF(p.mapping_count = 0, 0, known_sum(u.file_kib)) AS file_kib,
    IIF(p.mapping_count = 0, 0, known_sum(u.shmem_kib)) AS shmem_kib,
    IIF(p.mapping_count = 0, 0, known_sum(u.thp_kib)) AS thp_kib,
    IIF(p.mapping_count = 0, 0, known_sum(u.torn_count)) AS torn_count,
    IIF(p.mapping_count = 0, 0, SUM(u.gap_count)) AS gap_count,
    IIF(p.mapping_count = 0, 0, known_sum(k.rss_kib)) AS kernel_rss_kib,
    IIF(p.mapping_count = 0, 0, known_sum(k.pss_kib)) AS kernel_pss_kib,
    IIF(p.mapping_count = 0, 0, known_sum(k.uss_kib)) AS kernel_uss_kib,
    IIF(p.mapping_count = 0, 0, known_sum(k.swap_kib)) AS kernel_swap_kib,
    IIF(p.mapping_count = 0, 0, known_sum(k.hugetlb_kib)) AS kernel_hugetlb_kib
  FROM process p
  JOIN snapshot s ON s.id = p.snapshot_id
  LEFT JOIN incomplete i ON i.process_id = p.id
  LEFT JOIN mapping_usage u ON u.process_id = p.id
  LEFT JOIN kernel_usage k ON k.process_id = u.process_id AND k.mapping_id = u.mapping_id
  WHERE p.memory_process_id IS NULL
  GROUP BY p.snapshot_id, p.id, p.pid, p.name
)
SELECT
  snapshot_id, process_id, pid, name, mapping_count, maps_missing,
  IIF(maps_missing, NULL, virtual_kib) AS virtual_kib,
  IIF(maps_missing, NULL, rss_kib) AS rss_kib,
  IIF(maps_missing, NULL, pss >> 22) AS pss_kib,
  IIF(maps_missing, NULL, uss_kib) AS uss_kib,
  IIF(maps_missing, NULL, swap_kib) AS swap_kib,
  IIF(maps_missing, NULL, hugetlb_kib) AS hugetlb_kib,
  IIF(maps_missing, NULL, kernel_rss_kib) AS kernel_rss_kib,
  IIF(maps_missing, NULL, kernel_pss_kib) AS kernel_pss_kib,
  IIF(maps_missing, NULL, kernel_uss_kib) AS kernel_uss_kib,
  IIF(maps_missing, NULL, kernel_swap_kib) AS kernel_swap_kib,
  IIF(maps_missing, NULL, kernel_hugetlb_kib) AS kernel_hugetlb_kib,
  IIF(maps_missing, NULL, anonymous_kib) AS anonymous_kib,
  IIF(maps_missing, NULL, file_kib) AS file_kib,
  IIF(maps_missing, NULL, shmem_kib) AS shmem_kib,
  IIF(maps_missing, NULL, thp_kib) AS thp_kib,
  IIF(maps_missing, NULL, torn_count) AS torn_count,
  IIF(maps_missing, NULL, gap_count) AS gap_count,
  IIF(maps_missing, NULL, pss) AS pss                      -- in 1/4096 bytes, as sums need it
FROM total;

-- Figures counted from the captured page tables, a row as in process_usage; NULL where they are unknown
-- for any mapping. They take time in proportion to the pages of the snapshot: only who asks for them joins
-- this.
CREATE TEMP VIEW process_exact_usage AS
SELECT
  p.snapshot_id, p.id AS process_id,
  CASE WHEN i.process_id IS NOT NULL THEN NULL
       WHEN p.mapping_count = 0 THEN 0 ELSE known_sum(h.exact_pss) END AS exact_pss,  -- in 1/4096 bytes
  CASE WHEN i.process_id IS NOT NULL THEN NULL
       WHEN p.mapping_count = 0 THEN 0 ELSE known_sum(h.exact_uss_kib) END AS exact_uss_kib
FROM process p
LEFT JOIN (SELECT DISTINCT process_id FROM incomplete_process) i ON i.process_id = p.id
LEFT JOIN mapping_sharing h ON h.process_id = p.id
WHERE p.memory_process_id IS NULL
GROUP BY p.snapshot_id, p.id;

-- Whose rows say the facts of the machine for each snapshot: its own, and those of facts_snapshot_id.
CREATE TEMP VIEW facts_source AS
SELECT id AS snapshot_id, id AS facts_id FROM snapshot
UNION ALL
SELECT id, facts_snapshot_id FROM snapshot WHERE facts_snapshot_id <> id;

-- These facts. A row of the snapshot itself replaces an inherited one with the same key.
CREATE TEMP VIEW snapshot_cgroup AS
SELECT s.snapshot_id, f.inode, f.path
FROM facts_source s JOIN cgroup f ON f.snapshot_id = s.facts_id
WHERE s.facts_id = s.snapshot_id
   OR NOT EXISTS (SELECT 1 FROM cgroup o WHERE o.snapshot_id = s.snapshot_id AND o.inode = f.inode);

CREATE TEMP VIEW snapshot_swap_device AS
SELECT s.snapshot_id, f.position, f.path, f.kind, f.size_kib, f.used_kib, f.priority
FROM facts_source s JOIN swap_device f ON f.snapshot_id = s.facts_id
WHERE s.facts_id = s.snapshot_id
   OR NOT EXISTS (SELECT 1 FROM swap_device o WHERE o.snapshot_id = s.snapshot_id AND o.position = f.position);

CREATE TEMP VIEW snapshot_memory_zone AS
SELECT s.snapshot_id, f.node, f.name, f.start_pfn, f.spanned_count, f.present_count, f.managed_count
FROM facts_source s JOIN memory_zone f ON f.snapshot_id = s.facts_id
WHERE s.facts_id = s.snapshot_id
   OR NOT EXISTS (SELECT 1 FROM memory_zone o WHERE o.snapshot_id = s.snapshot_id AND o.node = f.node AND o.name = f.name);

CREATE TEMP VIEW snapshot_ram_range AS
SELECT s.snapshot_id, f.first_pfn, f.frame_count
FROM facts_source s JOIN ram_range f ON f.snapshot_id = s.facts_id
WHERE s.facts_id = s.snapshot_id
   OR NOT EXISTS (SELECT 1 FROM ram_range o WHERE o.snapshot_id = s.snapshot_id AND o.first_pfn = f.first_pfn);

CREATE TEMP VIEW snapshot_free_area AS
SELECT s.snapshot_id, f.node, f.zone, f.block_order, f.block_count
FROM facts_source s JOIN free_area f ON f.snapshot_id = s.facts_id
WHERE s.facts_id = s.snapshot_id
   OR NOT EXISTS (SELECT 1 FROM free_area o WHERE o.snapshot_id = s.snapshot_id AND o.node = f.node AND o.zone = f.zone
                  AND o.block_order = f.block_order);

CREATE TEMP VIEW snapshot_system_fact AS
SELECT s.snapshot_id, f.name, f.value
FROM facts_source s JOIN system_fact f ON f.snapshot_id = s.facts_id
WHERE s.facts_id = s.snapshot_id
   OR NOT EXISTS (SELECT 1 FROM system_fact o WHERE o.snapshot_id = s.snapshot_id AND o.name = f.name);

-- Who a process is, where several have one name: the command line, and the user as id(1) writes it, with
-- the name that the captured host gave to it.
CREATE TEMP VIEW process_identity AS
SELECT p.id AS process_id, c.cmdline AS command,
       p.uid || COALESCE('(' || (SELECT value FROM snapshot_system_fact
                                 WHERE snapshot_id = p.snapshot_id AND name = 'user.' || p.uid) || ')', '') AS user
FROM process p LEFT JOIN process c ON c.id = p.cmdline_process_id;

-- How the machine's memory management was set.
CREATE TEMP VIEW snapshot_setting AS
SELECT snapshot_id, SUBSTR(name, 9) AS name, value  -- without "setting."
FROM snapshot_system_fact WHERE name LIKE 'setting.%';

CREATE TEMP VIEW snapshot_flag_name AS
SELECT s.snapshot_id, f.word, f.bit, f.name
FROM facts_source s JOIN flag_name f ON f.snapshot_id = s.facts_id
WHERE s.facts_id = s.snapshot_id
   OR NOT EXISTS (SELECT 1 FROM flag_name o WHERE o.snapshot_id = s.snapshot_id AND o.word = f.word AND o.bit = f.bit);
