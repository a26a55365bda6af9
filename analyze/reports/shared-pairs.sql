-- title: Shared memory, by pairs
-- group: Sharing
-- about: How much each two processes share, a matrix as rows
-- note: a frame of three processes is in three pairs: pairs do not add up
-- parameter pid: only pairs with this process, which then is the first
-- parameter name: likewise, with processes of a name like this
-- column pid: process id
-- column name: comm
-- column other_pid: process id of the other
-- column other_name: comm of the other
-- column frame_count: frames that both map
-- column kib: KiB of those
WITH member AS MATERIALIZED (
  SELECT m.group_id, p.pid, p.name, g.frame_count, g.kib
  FROM sharing_group g
  CROSS JOIN sharing_group_member m ON m.snapshot_id = g.snapshot_id AND m.group_id = g.group_id
  JOIN process p ON p.id = m.process_id
  WHERE g.snapshot_id = :snapshot
)
SELECT a.pid, a.name, b.pid AS other_pid, b.name AS other_name,
       SUM(a.frame_count) AS frame_count, SUM(a.kib) AS kib
FROM member a
JOIN member b ON b.group_id = a.group_id
  AND IIF(COALESCE(:pid, :name) IS NULL, a.pid < b.pid, a.pid <> b.pid)
WHERE (:pid IS NULL OR a.pid IN (SELECT value FROM json_each(:pid))) AND matches(a.name, :name)
GROUP BY a.pid, b.pid
ORDER BY frame_count DESC, a.pid, b.pid;
