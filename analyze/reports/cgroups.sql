-- title: Memory cgroups
-- group: Frames
-- about: Which memory cgroup pays for frames, against the cgroups of the processes that map them
-- note: a frame that several pages map is counted for each of them
-- parameter pid integer: only pages of this process
-- total: page_count, kib
-- column charged_to: path of the memory cgroup that pays; its inode when it was removed
-- column charge: charged; removed: the cgroup is gone; uncharged: nobody pays; unknown
-- column mapped_by: memory cgroup of the processes
-- column process_count: processes
-- column page_count: their present pages
-- column kib: KiB of those
WITH counted AS (
  SELECT r.cgroup_inode AS inode, p.cgroup AS mapped_by,
         COUNT(DISTINCT p.id) AS process_count, SUM(r.page_count) AS page_count
  FROM process p
  CROSS JOIN page_run r ON r.process_id = p.id
  WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid = :pid) AND r.state = 'present'
  GROUP BY r.cgroup_inode, p.cgroup
)
SELECT
  IIF(n.inode > 0, COALESCE(c.path, 'inode ' || n.inode), NULL) AS charged_to,
  CASE WHEN n.inode IS NULL THEN 'unknown' WHEN n.inode = 0 THEN 'uncharged'
       WHEN c.path IS NULL THEN 'removed' ELSE 'charged' END AS charge,
  n.mapped_by,
  n.process_count,
  n.page_count,
  n.page_count * s.page_size / 1024 AS kib
FROM counted n
JOIN snapshot s ON s.id = :snapshot
LEFT JOIN cgroup c ON c.snapshot_id = s.id AND c.inode = n.inode
ORDER BY n.page_count DESC, charged_to, n.mapped_by;
