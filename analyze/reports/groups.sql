-- title: Groups of processes
-- group: Overview
-- about: What the processes of a cgroup, user, program or tree take together, each frame counted once
-- include: exit
-- note: a frame that several groups have is in ram_kib of each: only pss_kib and uss_kib add up
-- parameter by cgroup|user|name|exe|tree: what makes processes a group; by default their memory cgroup. tree: a process with its descendants, see column group_name
-- total: process_count, rss_kib, pss_kib, uss_kib, kernel_rss_kib, kernel_pss_kib, kernel_uss_kib, page_table_kib, unread_count
-- complete: page_table_kib
-- exact: pss_kib = pss
-- rows: groups
-- kernel: rss_kib = kernel_all_rss_kib, pss_kib = kernel_all_pss_kib
-- spare: page_table_kib, kernel_rss_kib, kernel_uss_kib, kernel_pss_kib, unknown_kib, cached_kib, kept_kib, pool_kib, hugetlb_kib, unread_count
-- column group_name: path of the memory cgroup, user id, comm, path of the program, or pid and comm of the root of the tree: the topmost ancestor that was captured. pid 1 is the ancestor of those alone that run its program, and each of its other children is a root. NULL: unknown
-- column process_count: processes, but for kernel threads; those that share an address space are one
-- column rss_kib: KiB in memory, added up over the processes: a frame counts for each page that maps it
-- column ram_kib: KiB of the distinct frames of these, each once: what the group takes in RAM
-- column pss_kib: KiB in memory, shared frames divided among their mappings
-- column uss_kib: KiB of frames that processes of this group alone map. Unknown where map counts do not tell
-- column swap_kib: KiB of the distinct swap slots of the group
-- column hugetlb_kib: KiB of distinct hugetlb pages; not part of rss_kib and ram_kib
-- column freed_kib: KiB free if all processes of the group exited, and no others; as in exit-gain, of which this and the next columns have the definitions
-- column pool_kib: KiB of hugetlb pages that go back to their pool then, but for surplus pages
-- column cached_kib: KiB that stay in the page cache, or in a hugetlbfs, as the file has a name
-- column kept_kib: KiB that stay as a process outside the group maps them, or their deleted file, or holds their swap slot, or as they are the kernel's own (vdso)
-- column unknown_kib: KiB of which the snapshot does not say it
-- column swap_freed_kib: KiB in swap slots that no process outside the group has, freed then
-- column kernel_rss_kib: KiB, Rss of smaps; this and the next two are unknown unless smaps was read of all processes of the group that were read
-- column kernel_pss_kib: KiB, Pss of smaps, rounded down for each mapping and added up
-- column kernel_uss_kib: KiB, Private_Clean + Private_Dirty of smaps: what other processes of the group map, too, is not in it
-- column page_table_kib: KiB of page tables (VmPTE of /proc/PID/status), which are freed as well. Unknown before format version 6
-- column unread_count: processes of which not all was read, as they ended during the capture or it was not permitted. What was read of them is in ram_kib, uss_kib, swap_kib and hugetlb_kib alone: the group has more
WITH grouping AS (SELECT COALESCE(:by, 'cgroup') AS group_by, 1 AS only_read),
summed AS (
  SELECT g.group_id, COUNT(*) AS process_count,
         SUM(u.process_id NOT IN (SELECT process_id FROM member)) AS unread_count,
         partial_sum(u.rss_kib) AS rss_kib, partial_sum(u.pss) AS pss,
         -- Of all processes that rss_kib is of, or unknown.
         known_sum(IIF(u.rss_kib IS NULL, 0, u.kernel_rss_kib)) AS kernel_rss_kib,
         known_sum(IIF(u.rss_kib IS NULL, 0, u.kernel_pss_kib)) AS kernel_pss_kib,
         known_sum(IIF(u.rss_kib IS NULL, 0, u.kernel_uss_kib)) AS kernel_uss_kib,
         known_sum(u.kernel_rss_kib) AS kernel_all_rss_kib,
         known_sum(u.kernel_pss_kib) AS kernel_all_pss_kib,
         partial_sum(p.page_table_kib) AS page_table_kib
  FROM process_usage u
  JOIN process_group g ON g.process_id = u.process_id
  JOIN process p ON p.id = u.process_id
  WHERE g.group_by = (SELECT group_by FROM grouping) AND g.snapshot_id = :snapshot
    AND u.snapshot_id = :snapshot AND NOT p.kernel_thread
  GROUP BY g.group_id
), usage AS (
  -- Those of which all was read may be without memory: then nothing is known of the group.
  SELECT group_id, process_count, unread_count,
         IIF(unread_count > 0 AND rss_kib = 0, NULL, rss_kib) AS rss_kib,
         IIF(unread_count > 0 AND rss_kib = 0, NULL, pss) AS pss,
         IIF(unread_count > 0 AND rss_kib = 0, NULL, kernel_rss_kib) AS kernel_rss_kib,
         IIF(unread_count > 0 AND rss_kib = 0, NULL, kernel_pss_kib) AS kernel_pss_kib,
         IIF(unread_count > 0 AND rss_kib = 0, NULL, kernel_uss_kib) AS kernel_uss_kib,
         kernel_all_rss_kib, kernel_all_pss_kib, page_table_kib
  FROM summed
), frames AS (
  SELECT g.group_id, g.frame_count * s.page_size / 1024 AS ram_kib,
         g.own_frame_count * s.page_size / 1024 AS uss_kib,
         g.hugetlb_frame_count * s.page_size / 1024 AS hugetlb_kib,
         g.slot_count * s.page_size / 1024 AS swap_kib
  FROM group_usage g JOIN snapshot s ON s.id = g.snapshot_id
  WHERE g.group_by = (SELECT group_by FROM grouping) AND g.snapshot_id = :snapshot
)
SELECT
  CASE (SELECT group_by FROM grouping)
    WHEN 'user' THEN CAST(p.uid AS TEXT) WHEN 'name' THEN p.name WHEN 'exe' THEN p.exe
    WHEN 'tree' THEN p.pid || ' ' || p.name ELSE p.cgroup END AS group_name,
  u.process_count,
  u.rss_kib,
  -- Of a group of which nothing was read, nothing is known.
  IIF(u.rss_kib IS NULL, NULL, r.ram_kib) AS ram_kib,
  u.pss >> 22 AS pss_kib,
  IIF(u.rss_kib IS NULL, NULL, r.uss_kib) AS uss_kib,
  IIF(u.rss_kib IS NULL, NULL, r.swap_kib) AS swap_kib,
  IIF(u.rss_kib IS NULL, NULL, r.hugetlb_kib) AS hugetlb_kib,
  IIF(u.rss_kib IS NULL, NULL, IIF(f.group_id IS NULL, 0, f.freed_kib)) AS freed_kib,
  IIF(u.rss_kib IS NULL, NULL, IIF(f.group_id IS NULL, 0, f.pool_kib)) AS pool_kib,
  IIF(u.rss_kib IS NULL, NULL, IIF(f.group_id IS NULL, 0, f.cached_kib)) AS cached_kib,
  IIF(u.rss_kib IS NULL, NULL, IIF(f.group_id IS NULL, 0, f.kept_kib)) AS kept_kib,
  IIF(u.rss_kib IS NULL, NULL, IIF(f.group_id IS NULL, 0, f.unknown_kib)) AS unknown_kib,
  IIF(u.rss_kib IS NULL, NULL, IIF(w.group_id IS NULL, 0, w.kib)) AS swap_freed_kib,
  u.kernel_rss_kib, u.kernel_pss_kib, u.kernel_uss_kib, u.page_table_kib, u.unread_count,
  u.pss, u.kernel_all_rss_kib, u.kernel_all_pss_kib
FROM usage u
JOIN process p ON p.id = u.group_id
JOIN frames r ON r.group_id = u.group_id
LEFT JOIN fate f ON f.group_id = u.group_id
LEFT JOIN swapped w ON w.group_id = u.group_id
ORDER BY COALESCE(ram_kib, u.rss_kib, u.kernel_all_rss_kib) DESC, u.group_id;
