-- title: Memory that goes with a process
-- group: Sharing
-- about: What would become of the memory of each process if it alone exited
-- include: exit
-- note: page tables and other memory of the kernel come on top, what is left of large folios that were mapped in part, and pages of deleted files on a disk that nobody maps
-- note: whether a System V segment was removed is not in maps: where the file does not say it, its pages are in unknown_kib
-- note: a deleted file or memfd of which another process has touched nothing, but has it open or mapped, stays; here it counts as freed, with what nobody maps of it; where the other process was captured too ('capture -t' or '-a'), it is seen
-- note: what several processes have goes with the last of them: the total is not what they all free together
-- parameter pid
-- parameter name
-- parameter path: only what it has in mappings of a path like this
-- rows: processes
-- total: freed_kib, pool_kib, cached_kib, unknown_kib, swap_kib
-- column pid: process id
-- column name: comm
-- column freed_kib: KiB free then: anonymous memory, and deleted files, memfd, removed System V segments and shared anonymous memory that no other process maps a part of, with what is in no page table of these (files of format 5 on)
-- column pool_kib: KiB of hugetlb pages that go back to their pool: HugePages_Free has them, MemFree does not. While there are surplus pages (HugePages_Surp), as many are in freed_kib instead
-- column cached_kib: KiB that stay in the page cache, or in a hugetlbfs, as the file has a name
-- column kept_kib: KiB, in the line of each process that has them, that stay as another process maps them or their deleted file, or holds their swap slot, or as they are the kernel's own (vdso)
-- column unknown_kib: KiB of which the snapshot does not say it: System V segments, pages of device files, pages in the swap cache that were shared by fork, and large folios where the kernel counts only averages of how often they are mapped
-- column swap_kib: KiB in swap slots that no other process has, freed then, but for slots whose page is in memory, too; SwapPss of smaps tells of processes that were not captured
WITH grouping AS (SELECT 'process' AS group_by, 0 AS only_read),
listed AS (
  SELECT p.id AS process_id, p.pid, p.name,
         IIF(p.id IN (SELECT process_id FROM incomplete_process), NULL, 0) AS zero
  FROM process p
  WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid)))
    AND matches(p.name, :name)
    AND EXISTS (SELECT 1 FROM mapping m LEFT JOIN file f ON f.id = m.file_id
                WHERE m.process_id = p.id AND matches(COALESCE(f.path, ''), :path))
)
SELECT
  l.pid,
  l.name,
  IIF(f.group_id IS NULL, 0, f.freed_kib) + l.zero AS freed_kib,
  IIF(f.group_id IS NULL, 0, f.pool_kib) + l.zero AS pool_kib,
  IIF(f.group_id IS NULL, 0, f.cached_kib) + l.zero AS cached_kib,
  IIF(f.group_id IS NULL, 0, f.kept_kib) + l.zero AS kept_kib,
  IIF(f.group_id IS NULL, 0, f.unknown_kib) + l.zero AS unknown_kib,
  CASE WHEN f.group_id IS NOT NULL AND f.kib IS NULL THEN NULL  -- pages were not read
       WHEN w.group_id IS NULL THEN l.zero
       ELSE w.kib + l.zero END AS swap_kib
FROM listed l
LEFT JOIN fate f ON f.group_id = l.process_id
LEFT JOIN swapped w ON w.group_id = l.process_id
ORDER BY freed_kib DESC, l.pid;
