-- title: Shared with others
-- group: Sharing
-- about: Frames with a map count above the mappings seen: somebody outside the capture maps them
-- note: a frame that several mappings have is in the line of each; lines do not add up
-- parameter pid integer: only the process with this pid
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte
-- column path: of the mapping
-- column page_count: pages whose frame is mapped more often than the capture shows
-- column kib: KiB of those
-- column outside_count: map counts without the mappings seen, summed over these pages
WITH unexplained AS MATERIALIZED (
  SELECT pfn, map_count - user_count AS outside_count
  FROM frame
  WHERE snapshot_id = :snapshot AND map_count > user_count
), used AS (
  SELECT u.mapping_id, COUNT(*) AS page_count, SUM(x.outside_count) AS outside_count
  FROM unexplained x
  CROSS JOIN frame_user u ON u.snapshot_id = :snapshot AND u.pfn = x.pfn
  GROUP BY u.mapping_id
)
SELECT d.pid, d.process_name AS name, d.start, d.path, u.page_count,
       u.page_count * s.page_size / 1024 AS kib, u.outside_count
FROM used u
JOIN snapshot s ON s.id = :snapshot
JOIN mapping_detail d ON d.mapping_id = u.mapping_id
WHERE :pid IS NULL OR d.pid = :pid
ORDER BY u.page_count DESC, d.pid, d.first_page;
