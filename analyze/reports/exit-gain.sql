-- title: Memory that goes with a process
-- group: Sharing
-- about: What would become of the memory of each process if it alone exited
-- note: page tables and other memory of the kernel come on top, and pages of deleted files that are not mapped
-- note: whether a System V segment was removed is not in maps: where the file does not say it, its pages are in unknown_kib
-- note: a deleted file or memfd that another process has open and does not map stays; here it counts as freed
-- parameter pid integer: only the process with this pid
-- parameter name text: only processes with a name like this
-- parameter path text: only what it has in mappings of a path like this
-- rows: processes
-- total: freed_kib, pool_kib, cached_kib, unknown_kib, swap_kib
-- column pid: process id
-- column name: comm
-- column freed_kib: KiB free then: anonymous memory, deleted files, memfd, removed System V segments and shared anonymous memory that no other process maps
-- column pool_kib: KiB of hugetlb pages that go back to their pool: HugePages_Free has them, MemFree does not
-- column cached_kib: KiB that stay in the page cache, or in a hugetlbfs, as the file has a name
-- column kept_kib: KiB, in the line of each process that has them, that stay as another process maps them or their deleted file, or holds their swap slot, or as they are the kernel's own (vdso)
-- column unknown_kib: KiB of which the snapshot does not say it: System V segments, pages of device files, and pages in the swap cache that were shared by fork
-- column swap_kib: KiB in swap slots that no other process has, freed then; SwapPss of smaps tells of processes that were not captured
WITH listed AS (
  SELECT p.id AS process_id, p.pid, p.name,
         p.id IN (SELECT memory_process_id FROM process
                  WHERE snapshot_id = :snapshot AND memory_process_id IS NOT NULL) AS is_shared,
         IIF(p.id IN (SELECT process_id FROM gap
                      WHERE source = 'maps' AND process_id IS NOT NULL), NULL, 0) AS zero
  FROM process p
  WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid = :pid)
    AND matches(p.name, :name)
    AND EXISTS (SELECT 1 FROM mapping m LEFT JOIN file f ON f.id = m.file_id
                WHERE m.process_id = p.id AND matches(COALESCE(f.path, ''), :path))
), slots AS (
  -- What a slot counts less in SwapPss is the share of processes that were not captured; where each
  -- such slot has one more user, that is half of it.
  SELECT u.process_id,
         MAX(0, SUM(u.uss) - IIF(k.swap_pss_kib IS NULL, 0,
             MAX(0, (SUM(u.pss) >> 22) - k.swap_pss_kib) << 23)) AS freed,
         SUM(u.state IN ('swapped', 'swap_entry') AND u.uss IS NULL) AS unknown_count
  FROM listed l
  CROSS JOIN swap_usage_detail u ON u.process_id = l.process_id
  LEFT JOIN kernel_usage k ON k.process_id = u.process_id AND k.mapping_id = u.mapping_id
  WHERE matches(u.path, :path)
  GROUP BY u.process_id, u.mapping_id
), swapped AS MATERIALIZED (
  SELECT process_id, IIF(SUM(unknown_count) > 0, NULL, COALESCE(SUM(freed), 0) >> 22) AS kib
  FROM slots
  GROUP BY process_id
), fate AS MATERIALIZED (
  -- Where the fate of a frame was not read, all of these are unknown.
  SELECT process_id,
         known_sum(IIF(at_exit IS NULL, NULL, IIF(at_exit = 'freed', kib, 0))) AS freed_kib,
         known_sum(IIF(at_exit IS NULL, NULL, IIF(at_exit = 'pool', kib, 0))) AS pool_kib,
         known_sum(IIF(at_exit IS NULL, NULL, IIF(at_exit = 'cached', kib, 0))) AS cached_kib,
         known_sum(IIF(at_exit IS NULL, NULL, IIF(at_exit = 'kept', kib, 0))) AS kept_kib,
         known_sum(IIF(at_exit IS NULL, NULL, IIF(at_exit = 'unknown', kib, 0))) AS unknown_kib,
         known_sum(kib) AS kib
  FROM frame_fate_detail
  WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid = :pid)
    AND matches(name, :name) AND matches(path, :path)
  GROUP BY process_id
)
SELECT
  l.pid,
  l.name,
  IIF(f.process_id IS NULL, 0, f.freed_kib) + l.zero AS freed_kib,
  IIF(f.process_id IS NULL, 0, f.pool_kib) + l.zero AS pool_kib,
  IIF(f.process_id IS NULL, 0, f.cached_kib) + l.zero AS cached_kib,
  IIF(f.process_id IS NULL, 0, f.kept_kib) + l.zero AS kept_kib,
  IIF(f.process_id IS NULL, 0, f.unknown_kib) + l.zero AS unknown_kib,
  CASE WHEN f.process_id IS NOT NULL AND f.kib IS NULL THEN NULL  -- pages were not read
       WHEN w.process_id IS NULL OR l.is_shared THEN l.zero
       ELSE w.kib + l.zero END AS swap_kib
FROM listed l
LEFT JOIN fate f ON f.process_id = l.process_id
LEFT JOIN swapped w ON w.process_id = l.process_id
ORDER BY freed_kib DESC, l.pid;
