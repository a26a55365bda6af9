-- title: Memory cgroups
-- group: Frames
-- about: Which memory cgroup pays for frames, against the cgroups of the processes that map them
-- note: a frame that several pages map is counted for each of them
-- note: soon after a cgroup was removed the kernel names its nearest ancestor instead, and it is no longer seen here that it paid
-- parameter pid integer: only pages of the process with this pid
-- parameter name text: only pages of processes with a name like this
-- parameter path text: only pages of mappings of a path like this
-- total: page_count, kib
-- column charged_to: path of the memory cgroup that pays; 'inode N' where it has none
-- column charge: charged; removed: the cgroup that pays was gone when the snapshot was taken; outside: it is outside the part of the hierarchy that capture saw, as in a container, or was removed; unnamed: cgroups were not to be seen; uncharged: nobody pays; unknown: it was not read
-- column mapped_by: memory cgroup of the processes
-- column process_count: processes
-- column page_count: their present pages
-- column kib: KiB of those
WITH counted AS (
  SELECT cgroup_inode AS inode, process_cgroup AS mapped_by,
         COUNT(DISTINCT process_id) AS process_count, SUM(page_count) AS page_count,
         SUM(kib) AS kib
  FROM page_group_detail
  WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid = :pid)
    AND matches(name, :name) AND matches(path, :path)
    AND state = 'present'
  GROUP BY cgroup_inode, process_cgroup
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
  n.kib
FROM counted n
LEFT JOIN snapshot_cgroup c ON c.snapshot_id = :snapshot AND c.inode = n.inode
ORDER BY n.page_count DESC, charged_to, n.mapped_by;
