-- title: Shared memory
-- group: Sharing
-- about: Which processes share frames, by the exact set of them, and how much
-- note: each frame is in one group; frames shared with processes outside the capture only are in 'unexplained'
-- parameter pid: only groups with this process
-- parameter name: only groups with a process of a name like this
-- total: frame_count, kib
-- column process_count: processes in the group
-- column frame_count: frames that all of them map, and no other captured process
-- column kib: KiB of those
-- column pids: their process ids
-- column names: their names, each once
WITH member AS MATERIALIZED (
  SELECT m.group_id, p.pid, p.name
  FROM sharing_group_member m
  JOIN process p ON p.id = m.process_id
  WHERE m.snapshot_id = :snapshot
)
SELECT
  g.process_count,
  g.frame_count,
  g.kib,
  g.pids,
  (SELECT group_concat(name, ',')
   FROM (SELECT DISTINCT name FROM member WHERE group_id = g.group_id ORDER BY name)) AS names
FROM sharing_group g
WHERE g.snapshot_id = :snapshot
  AND g.group_id IN (SELECT group_id FROM member WHERE (:pid IS NULL OR pid IN (SELECT value FROM json_each(:pid)))
                       AND matches(name, :name))
ORDER BY g.frame_count DESC, g.group_id;
