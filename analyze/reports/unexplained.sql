-- title: Shared with others
-- group: Sharing
-- about: Frames with a map count above the mappings seen: somebody outside the capture maps them
-- note: where the kernel counts only averages for large folios, a mapping with folios that others may map is unknown, and left out
-- note: a frame that several mappings have is in the line of each; lines do not add up
-- parameter pid
-- parameter name
-- parameter path
-- column pid: process id; NULL: no captured process maps the frames, of which only a capture of all frames knows
-- column name: comm
-- column start: address of the mapping's first byte
-- column path: of the mapping; without a pid, the kind of memory
-- column page_count: pages whose frame is mapped more often than the capture shows
-- column kib: KiB of those
-- column outside_count: map counts without the mappings seen, summed over these pages
WITH line AS (
  SELECT pid, mapping_id, name, start, path, outside_page_count AS page_count, outside_kib AS kib,
         outside_map_count AS outside_count
  FROM mapping_sharing_detail
  WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid IN (SELECT value FROM json_each(:pid)))
    AND matches(name, :name) AND matches(path, :path)
    AND outside_page_count > 0
  UNION ALL
  SELECT NULL, NULL, NULL, NULL,
         CASE kind WHEN 'anonymous' THEN 'anonymous memory' WHEN 'shmem' THEN 'shared memory, tmpfs'
                   WHEN 'file' THEN 'page cache of files' ELSE kind END,
         SUM(frame_count), SUM(kib), SUM(map_count * frame_count)
  FROM ram_group
  WHERE snapshot_id = :snapshot AND owner = 'others' AND COALESCE(:pid, :name, :path) IS NULL
  GROUP BY kind
)
SELECT pid, name, start, path, page_count, kib, outside_count
FROM line
ORDER BY pid IS NULL, page_count DESC, pid, mapping_id;
