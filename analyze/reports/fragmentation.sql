-- title: Fragmentation
-- group: Overview
-- about: Free memory by size of block, how many huge pages are to be had, and what is in the blocks of 2 MiB that are not free
-- frames: all
-- note: a block is listed under the first of these that it has: hugetlb, kernel, slab, page tables, no flags, memory that can be moved
-- spare: percent
-- column section: 'free': free blocks by size; 'huge pages': free and aligned; 'blocks': what is in each block of the size that one PMD maps (2 MiB on x86-64)
-- column node: NUMA node
-- column zone: of this node
-- column item: size of the blocks, or what is in them
-- column block_count: how many
-- column kernel_count: the same by /proc/buddyinfo; NULL: it does not say
-- column kib: KiB of those; in 'blocks', of what names the line
-- column free_kib: in 'blocks', KiB that are free in these blocks
-- column percent: of the memory of all zones
WITH s AS (
  SELECT id, page_size, page_size / 8 AS pmd_pages FROM snapshot WHERE id = :snapshot
), free AS MATERIALIZED (
  SELECT node, zone, block_order, block_count FROM ram_free_block WHERE snapshot_id = :snapshot
), area AS MATERIALIZED (
  SELECT node, zone, block_order, block_count FROM snapshot_free_area WHERE snapshot_id = :snapshot
), block AS MATERIALIZED (
  SELECT b.* FROM s CROSS JOIN ram_block(s.pmd_pages) b ON b.snapshot_id = s.id
), giant AS (
  SELECT b.node, b.zone, COUNT(*) AS block_count, s.pmd_pages * 512 AS frames
  FROM s CROSS JOIN ram_block(s.pmd_pages * 512) b ON b.snapshot_id = s.id
  WHERE b.free_count = s.pmd_pages * 512 GROUP BY b.node, b.zone
), total AS (
  SELECT SUM(frame_count) AS frame_count FROM block
), kept AS (
  SELECT *, frame_count - free_count AS used_count,
         anonymous_count + shmem_count + file_count AS movable_count,
         CASE WHEN free_count = frame_count THEN 1
              WHEN unread_count > 0 THEN 10
              WHEN hugetlb_count > 0 THEN 2
              WHEN kernel_count > 0 THEN 3
              WHEN slab_count > 0 THEN 4
              WHEN page_table_count > 0 THEN 5
              WHEN unflagged_count > 0 THEN 6
              WHEN file_count + shmem_count = 0 THEN 7
              WHEN anonymous_count = 0 THEN 8
              ELSE 9 END AS place
  FROM block WHERE frame_count > 0
), named (place, item) AS (
  VALUES (1, 'free'), (2, 'hugetlb'), (3, 'kernel, cannot be moved'), (4, 'slab'), (5, 'page tables'),
         (6, 'no flags: kernel, or free on a CPU''s list'), (7, 'anonymous, can be moved'),
         (8, 'page cache, can be moved'), (9, 'both, can be moved'), (10, 'not read')
), line AS (
  SELECT 1 AS section, COALESCE(f.node, a.node) AS node, COALESCE(f.zone, a.zone) AS zone, a.block_order AS place,
         human_bytes(s.page_size << a.block_order) AS item, COALESCE(f.block_count, 0) AS block_count,
         a.block_count AS kernel_count,
         (COALESCE(f.block_count, 0) << a.block_order) AS frames, NULL AS free_frames
  FROM s JOIN area a LEFT JOIN free f ON f.node = a.node AND f.zone = a.zone AND f.block_order = a.block_order
  UNION ALL
  SELECT 1, f.node, f.zone, f.block_order, human_bytes(s.page_size << f.block_order), f.block_count, NULL,
         f.block_count << f.block_order, NULL
  FROM s JOIN free f
  WHERE NOT EXISTS (SELECT 1 FROM area a
                    WHERE a.node = f.node AND a.zone = f.zone AND a.block_order = f.block_order)
  UNION ALL
  SELECT 2, node, zone, 1, human_bytes(s.page_size * s.pmd_pages), COUNT(*), NULL, COUNT(*) * s.pmd_pages, NULL
  FROM s JOIN block WHERE free_count = s.pmd_pages GROUP BY node, zone
  UNION ALL
  SELECT 2, node, zone, 2, human_bytes(s.page_size * frames), block_count, NULL, block_count * frames, NULL
  FROM s JOIN giant
  UNION ALL
  SELECT 2, NULL, NULL, 3, human_bytes(1024 * CAST(substr(name, 11) AS INTEGER)) || ', free in a pool', f.free_count, NULL,
         f.free_count * (1024 * CAST(substr(name, 11) AS INTEGER) / s.page_size), NULL
  FROM s JOIN (
    -- Those that are reserved are for the mappings that reserved them.
    SELECT f.name, f.snapshot_id, CAST(f.value AS INTEGER) - COALESCE(CAST(r.value AS INTEGER), 0) AS free_count
    FROM snapshot_system_fact f LEFT JOIN snapshot_system_fact r
      ON r.snapshot_id = f.snapshot_id AND r.name = REPLACE(f.name, '.free', '.reserved')
    WHERE f.name GLOB 'hugepages.*_kib.free'
  ) f ON f.snapshot_id = s.id
  WHERE f.free_count > 0
  UNION ALL
  SELECT 3, k.node, k.zone, k.place, n.item, COUNT(*), NULL,
         SUM(CASE k.place WHEN 1 THEN k.free_count WHEN 2 THEN k.hugetlb_count WHEN 3 THEN k.kernel_count
                          WHEN 4 THEN k.slab_count WHEN 5 THEN k.page_table_count WHEN 6 THEN k.unflagged_count
                          WHEN 10 THEN k.unread_count
                          ELSE k.movable_count END), SUM(k.free_count)
  FROM kept k JOIN named n ON n.place = k.place GROUP BY k.node, k.zone, k.place
)
SELECT
  CASE section WHEN 1 THEN 'free' WHEN 2 THEN 'huge pages' ELSE 'blocks' END AS section,
  node, zone, item, block_count, kernel_count,
  frames * s.page_size / 1024 AS kib,
  free_frames * s.page_size / 1024 AS free_kib,
  ROUND(100.0 * frames / t.frame_count, 1) AS percent
FROM line JOIN s JOIN total t
WHERE block_count > 0 OR kernel_count > 0
ORDER BY line.section, node IS NULL, node, zone, place;
