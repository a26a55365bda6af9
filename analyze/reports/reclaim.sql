-- title: Reclaim
-- group: Frames
-- about: What the kernel could take back from each process under memory pressure, and at what price
-- note: a frame that several processes map is in the line of each: all of them would lose it; one that a process maps several times counts once
-- note: what is for swap stays where no swap area has room ('info' says what there is)
-- note: the dirty bits of page tables are not in kpageflags: some of clean_kib may have to be written first; for memory given up by MADV_FREE, LazyFree of smaps tells, where it was read
-- parameter pid
-- parameter name
-- parameter path
-- parameter by process|mapping: a line for each of these; by default for each process
-- total: present_kib, clean_kib, dirty_kib, swap_kib, locked_kib, unreclaimable_kib, rest_kib, cold_kib
-- spare: rest_kib, present_kib
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte; NULL by process
-- column path: of the mapping; empty for anonymous memory; NULL by process
-- column present_kib: KiB in memory: the six that follow
-- column clean_kib: KiB that can be dropped at once: file pages as they are on disk, memory given up by MADV_FREE and not written again, and pages whose copy in swap is good
-- column dirty_kib: KiB of files to be written back first
-- column swap_kib: KiB of anonymous and shared memory to be written to swap first
-- column locked_kib: KiB that cannot be taken: locked, secretmem, in ramfs, hugetlb, ...
-- column unreclaimable_kib: KiB on no LRU list, which the kernel cannot take either: pages of drivers (packet rings, io_uring), vdso
-- column rest_kib: KiB of which it is not known: tails of large folios, to which the kernel gives no flags of their own before 6.10
-- column cold_kib: KiB of clean, dirty and swap that are neither active nor were referenced lately: taken first
WITH kind AS (
  SELECT *
  FROM frame_fate_detail
  WHERE snapshot_id = :snapshot AND price IS NOT 'unmapped' AND (:pid IS NULL OR pid IN (SELECT value FROM json_each(:pid)))
    AND matches(name, :name) AND matches(path, :path)
), lazy AS (
  SELECT process_id, mapping_id, pid, name, start, path,
         SUM(kib) AS kib, SUM(IIF(is_cold, kib, 0)) AS cold_kib
  FROM kind
  WHERE price = 'lazy_free'
  GROUP BY process_id, mapping_id
), rewritten AS (
  -- Written again since MADV_FREE.
  SELECT l.*, l.kib - k.lazy_free_kib AS rewritten_kib
  FROM lazy l
  JOIN kernel_usage k ON k.process_id = l.process_id AND k.mapping_id = l.mapping_id
  WHERE l.kib > k.lazy_free_kib
), priced AS (
  SELECT process_id, mapping_id, pid, name, start, path,
         IIF(price = 'lazy_free', 'clean', price) AS price, kib, IIF(is_cold, kib, 0) AS cold_kib
  FROM kind
  -- Moves it: less is clean, as much more is for swap, and none of it is cold.
  UNION ALL
  SELECT process_id, mapping_id, pid, name, start, path,
         'clean', -rewritten_kib, -MIN(rewritten_kib, cold_kib)
  FROM rewritten
  UNION ALL
  SELECT process_id, mapping_id, pid, name, start, path, 'swap', rewritten_kib, 0
  FROM rewritten
), grouped AS (
  SELECT *, IIF(:by = 'mapping', mapping_id, NULL) AS row_mapping_id FROM priced
)
SELECT
  pid,
  name,
  IIF(row_mapping_id IS NULL, NULL, start) AS start,
  IIF(row_mapping_id IS NULL, NULL, path) AS path,
  known_sum(kib) AS present_kib,
  -- Where the flags of a frame are unknown, all of these are.
  known_sum(IIF(price IS NULL, NULL, IIF(price = 'clean', kib, 0))) AS clean_kib,
  known_sum(IIF(price IS NULL, NULL, IIF(price = 'dirty', kib, 0))) AS dirty_kib,
  known_sum(IIF(price IS NULL, NULL, IIF(price = 'swap', kib, 0))) AS swap_kib,
  known_sum(IIF(price IS NULL, NULL, IIF(price = 'locked', kib, 0))) AS locked_kib,
  known_sum(IIF(price IS NULL, NULL, IIF(price = 'unreclaimable', kib, 0))) AS unreclaimable_kib,
  known_sum(IIF(price IS NULL, NULL, IIF(price = 'rest', kib, 0))) AS rest_kib,
  known_sum(IIF(price IS NULL, NULL, cold_kib)) AS cold_kib
FROM grouped
GROUP BY process_id, row_mapping_id
ORDER BY pid, process_id, row_mapping_id;
