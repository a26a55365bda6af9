-- title: Layout of memory
-- form of: layout --physical
-- group: Overview
-- about: A picture of the frames: who owns what in each block of 2 MiB; of all RAM where it was captured, otherwise blocks of others are collapsed
-- picture zone: not captured
-- legend column: contents
-- note: a cell shows who has most of its captured frames, the legend adds up what is in all cells
-- parameter cell integer: KiB of memory in a cell; by default 2048
-- column start: physical address of the first byte
-- column end: physical address behind the last byte
-- column node: NUMA node
-- column zone: node and zone
-- column cell_kib: KiB of memory in a cell
-- column cell: a letter for each process, A owns most; * shared, + more processes than letters, - nobody; of RAM that no captured process has: . free, = page cache and other processes, % kernel; small when less than half of the block was captured
-- column state: the process with pid and name, shared, other processes, nobody (zero pages), or what '.', '=' and '%' stand for
-- column kib: KiB of captured frames
-- column owned_kib: KiB that the process alone maps, of those captured
-- column shared_kib: KiB that several captured processes map
-- column contents: all of kib, as a JSON array of [letter, state, KiB]
WITH size AS MATERIALIZED (
  SELECT id, page_size, MAX(1, MIN(COALESCE(:cell, 2048), 1 << 40) * 1024 / page_size) AS block_frames
  FROM snapshot WHERE id = :snapshot
), captured AS MATERIALIZED (
  SELECT b.* FROM size s CROSS JOIN frame_block(s.block_frames) b ON b.snapshot_id = s.id
), ram AS MATERIALIZED (
  -- All RAM, where it was captured. The captured frames are subtracted from what can be mapped.
  SELECT r.*, r.slab_count + r.page_table_count + r.kernel_count + r.unflagged_count AS of_kernel_count,
         MAX(0, r.anonymous_count + r.shmem_count + r.file_count + r.hugetlb_count -
                COALESCE((SELECT frame_count FROM captured c WHERE c.pfn = r.pfn), 0)) AS rest_count
  FROM size s CROSS JOIN ram_block(s.block_frames) r ON r.snapshot_id = s.id
), block AS MATERIALIZED (
  SELECT s.block_frames, s.page_size, c.pfn, c.frame_count, c.shared_count, c.process_id, c.owned_count, c.owners, c.node, c.zone,
         COALESCE(r.free_count, 0) AS free_count, COALESCE(r.of_kernel_count, 0) AS of_kernel_count,
         COALESCE(r.rest_count, 0) AS rest_count
  FROM size s JOIN captured c LEFT JOIN ram r ON r.pfn = c.pfn
  UNION ALL
  SELECT s.block_frames, s.page_size, pfn, 0, 0, NULL, 0, '{}', node, zone, free_count, of_kernel_count, rest_count
  FROM size s JOIN ram WHERE pfn NOT IN (SELECT pfn FROM captured)
), owner AS MATERIALIZED (
  SELECT process_id, IIF(rank > 26, '+', char(64 + rank)) AS letter,
         IIF(rank > 26, 'other processes', printable(p.pid || ' ' || p.name)) AS state
  FROM (SELECT CAST(w.key AS INTEGER) AS process_id,
               ROW_NUMBER() OVER (ORDER BY SUM(w.value) DESC, CAST(w.key AS INTEGER)) AS rank
        FROM block b, json_each(b.owners) w
        GROUP BY w.key)
  JOIN process p ON p.id = process_id
), part AS (
  -- What is in each block, beside the block: a join would go through all of it for each.
  SELECT b.*, o.process_id AS owner_id, o.letter, o.state, w.value AS part_count
  FROM block b, json_each(b.owners) w
  JOIN owner o ON o.process_id = CAST(w.key AS INTEGER)
  UNION ALL
  SELECT b.*, NULL, '*', 'shared', shared_count FROM block b
  UNION ALL
  SELECT b.*, NULL, '-', 'nobody',
         frame_count - shared_count - COALESCE((SELECT SUM(value) FROM json_each(owners)), 0)
  FROM block b
  UNION ALL
  SELECT b.*, NULL, '.', 'free', free_count FROM block b WHERE free_count > 0
  UNION ALL
  SELECT b.*, NULL, '=', 'page cache and other processes', rest_count FROM block b WHERE rest_count > 0
  UNION ALL
  SELECT b.*, NULL, '%', 'kernel', of_kernel_count FROM block b WHERE of_kernel_count > 0
), cell AS (
  SELECT *,
         CASE WHEN MAX(free_count, rest_count, of_kernel_count) > MAX(shared_count, owned_count, 0)
              THEN letter = CASE MAX(free_count, rest_count, of_kernel_count)
                            WHEN free_count THEN '.' WHEN rest_count THEN '=' ELSE '%' END
              WHEN letter IN ('.', '=', '%') THEN 0
              WHEN shared_count > owned_count THEN letter = '*'
              ELSE process_id IS owner_id AND letter <> '*' END AS is_most
  FROM part
)
SELECT
  page_address(pfn, page_size) AS start,
  page_address(pfn + block_frames, page_size) AS end,
  node,
  COALESCE('node ' || node || ' ' || zone, 'no zone') AS zone,
  MAX(1, block_frames * page_size / 1024) AS cell_kib,
  IIF(2 * frame_count < block_frames, lower(MAX(letter) FILTER (WHERE is_most)),
      MAX(letter) FILTER (WHERE is_most)) AS cell,
  MAX(state) FILTER (WHERE is_most) AS state,
  frame_count * page_size / 1024 AS kib,
  owned_count * page_size / 1024 AS owned_kib,
  shared_count * page_size / 1024 AS shared_kib,
  json_group_array(json_array(letter, state, part_count * page_size / 1024))
    FILTER (WHERE part_count > 0) AS contents
FROM cell
GROUP BY pfn
ORDER BY pfn;
