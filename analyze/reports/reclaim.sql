-- title: Reclaim
-- group: Frames
-- about: What the kernel could take back from each process under memory pressure, and at what price
-- note: a page that several processes map is in the line of each: all of them would lose it
-- note: what is for swap stays where no swap area has room ('info' says what there is)
-- note: the dirty bits of page tables are not in kpageflags: some of clean_kib may have to be written first
-- parameter pid integer: only the process with this pid
-- parameter name text: only processes with a name like this
-- parameter path text: only mappings of a path like this
-- parameter by process|mapping: a line for each of these; by default for each process
-- total: present_kib, clean_kib, dirty_kib, swap_kib, locked_kib, rest_kib, cold_kib
-- spare: rest_kib, present_kib
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte; NULL by process
-- column path: of the mapping; empty for anonymous memory; NULL by process
-- column present_kib: KiB in memory: the five that follow
-- column clean_kib: KiB that can be dropped at once: file pages as they are on disk, memory given up by MADV_FREE, and pages whose copy in swap is good
-- column dirty_kib: KiB of files to be written back first
-- column swap_kib: KiB of anonymous and shared memory to be written to swap first
-- column locked_kib: KiB that cannot be taken: locked, in ramfs, hugetlb, ...
-- column rest_kib: KiB of zero pages and device memory, which are nobody's to give back, and of tails of large folios that the kernel gives no flags of their own (before 6.10)
-- column cold_kib: KiB of clean, dirty and swap that are neither active nor were referenced lately: taken first
WITH kind AS (
  SELECT
    process_id, pid, name, IIF(:by = 'mapping', mapping_id, NULL) AS row_mapping_id, start, path, kib,
    flags & frame_flag('REFERENCED', 'ACTIVE') = 0 AS is_cold,
    CASE
      WHEN flags IS NULL THEN NULL
      WHEN flags & frame_flag('NOPAGE', 'ZERO_PAGE') THEN 'rest'
      WHEN flags & frame_flag('HUGE', 'UNEVICTABLE', 'MLOCKED') THEN 'locked'
      WHEN flags & frame_flag('COMPOUND_TAIL') AND NOT flags & frame_flag('LRU')
        THEN IIF(flags & frame_flag('ANON'), 'swap', 'rest')
      -- Anonymous and not SWAPBACKED is what MADV_FREE leaves (mm/swap.c, lru_lazyfree).
      WHEN flags & frame_flag('SWAPBACKED', 'ANON', 'DIRTY') = frame_flag('ANON') THEN 'clean'
      WHEN flags & frame_flag('ANON', 'SWAPBACKED') AND flags & frame_flag('SWAPCACHE')
           AND NOT flags & frame_flag('DIRTY', 'WRITEBACK') THEN 'clean'
      WHEN flags & frame_flag('ANON', 'SWAPBACKED') THEN 'swap'
      WHEN flags & frame_flag('DIRTY', 'WRITEBACK') THEN 'dirty'
      ELSE 'clean'
    END AS price
  FROM page_group_detail
  WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid = :pid)
    AND name GLOB COALESCE(:name, '*') AND path GLOB COALESCE(:path, '*')
    AND state = 'present'
)
SELECT
  pid,
  name,
  IIF(row_mapping_id IS NULL, NULL, start) AS start,
  IIF(row_mapping_id IS NULL, NULL, path) AS path,
  SUM(kib) AS present_kib,
  -- Where the flags of a page are unknown, all of these are.
  known_sum(IIF(price IS NULL, NULL, IIF(price = 'clean', kib, 0))) AS clean_kib,
  known_sum(IIF(price IS NULL, NULL, IIF(price = 'dirty', kib, 0))) AS dirty_kib,
  known_sum(IIF(price IS NULL, NULL, IIF(price = 'swap', kib, 0))) AS swap_kib,
  known_sum(IIF(price IS NULL, NULL, IIF(price = 'locked', kib, 0))) AS locked_kib,
  known_sum(IIF(price IS NULL, NULL, IIF(price = 'rest', kib, 0))) AS rest_kib,
  known_sum(IIF(price IS NULL, NULL, IIF(is_cold AND price IN ('clean', 'dirty', 'swap'), kib, 0)))
    AS cold_kib
FROM kind
GROUP BY process_id, row_mapping_id
ORDER BY pid, process_id, row_mapping_id;
