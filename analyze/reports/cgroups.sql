-- title: Memory cgroups
-- group: Frames
-- about: Which memory cgroup pays for frames, against the cgroups of the processes that map them
-- note: page_count and kib count a frame for each page that maps it; frame_kib counts it once, and compares with memory.stat of the cgroup as far as processes that map its memory were captured
-- note: soon after a cgroup was removed the kernel names its nearest ancestor instead, and it is no longer seen here that it paid
-- parameter pid: only pages of the process with this pid
-- parameter name: only pages of processes with a name like this
-- parameter path: only pages of mappings of a path like this
-- total: page_count, kib
-- column charged_to: path of the memory cgroup that pays; 'inode N' where it has none
-- column charge: charged; removed: the cgroup that pays was gone when the snapshot was taken; outside: it is outside the part of the hierarchy that capture saw, as in a container, or was removed; unnamed: cgroups were not to be seen; uncharged: nobody pays; unknown: it was not read
-- column mapped_by: memory cgroup of the processes
-- column process_count: processes
-- column page_count: their present pages
-- column kib: KiB of those
-- column frame_kib: KiB of all captured frames that charged_to pays for, each once, whoever maps them: the same in every line of it
WITH counted AS (
  SELECT cgroup_inode AS inode, process_cgroup AS mapped_by,
         COUNT(DISTINCT process_id) AS process_count, SUM(page_count) AS page_count,
         SUM(kib) AS kib
  FROM page_group_detail
  WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid IN (SELECT value FROM json_each(:pid)))
    AND matches(name, :name) AND matches(path, :path)
    AND state = 'present'
  GROUP BY cgroup_inode, process_cgroup
), charged AS MATERIALIZED (
  SELECT cgroup_inode AS inode, SUM(kib) AS kib
  FROM frame_group
  -- The zero page, and what has no frame, is charged to nobody and no memory.
  WHERE snapshot_id = :snapshot AND NOT COALESCE(flags & frame_flag('NOPAGE', 'ZERO_PAGE'), 0)
  GROUP BY cgroup_inode
)
SELECT
  cgroup_name(:snapshot, n.inode) AS charged_to,
  CASE WHEN n.inode IS NULL THEN 'unknown' WHEN n.inode = 0 THEN 'uncharged'
       WHEN c.path IS NOT NULL THEN 'charged'
       WHEN EXISTS (SELECT 1 FROM gap WHERE snapshot_id = :snapshot AND source = 'cgroupfs')
       THEN 'unnamed'
       ELSE COALESCE((SELECT IIF(value = 'part', 'outside', 'unnamed') FROM snapshot_system_fact
                      WHERE snapshot_id = :snapshot AND name = 'capture.cgroups'), 'removed') END AS charge,
  n.mapped_by,
  n.process_count,
  n.page_count,
  n.kib,
  IIF(s.pfn_visible, COALESCE(h.kib, 0), NULL) AS frame_kib
FROM counted n
JOIN snapshot s ON s.id = :snapshot
LEFT JOIN charged h ON h.inode IS n.inode
LEFT JOIN snapshot_cgroup c ON c.snapshot_id = :snapshot AND c.inode = n.inode
ORDER BY n.page_count DESC, charged_to, n.mapped_by;
