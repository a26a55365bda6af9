-- title: Shared with others
-- group: Sharing
-- about: Frames with a map count above the mappings seen: somebody outside the capture maps them
-- note: a frame that several mappings have is in the line of each; lines do not add up
-- parameter pid integer: only the process with this pid
-- parameter name text: only processes with a name like this
-- parameter path text: only mappings of a path like this
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte
-- column path: of the mapping
-- column page_count: pages whose frame is mapped more often than the capture shows
-- column kib: KiB of those
-- column outside_count: map counts without the mappings seen, summed over these pages
SELECT
  pid,
  name,
  start,
  path,
  outside_page_count AS page_count,
  outside_kib AS kib,
  outside_map_count AS outside_count
FROM mapping_sharing_detail
WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid = :pid)
  AND matches(name, :name) AND matches(path, :path)
  AND outside_page_count > 0
ORDER BY page_count DESC, pid, mapping_id;
