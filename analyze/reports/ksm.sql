-- title: Merged pages
-- group: Frames
-- about: Which mappings have pages that the kernel merged with equal ones (KSM)
-- parameter pid integer: only the process with this pid
-- parameter name text: only processes with a name like this
-- parameter path text: only mappings of a path like this
-- total: page_count, kib
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte
-- column path: of the mapping; empty for anonymous memory
-- column first_address: of the first such page
-- column page_count: such pages
-- column kib: KiB of those
SELECT
  pid,
  name,
  start,
  path,
  page_address(MIN(first_page), page_size) AS first_address,
  SUM(page_count) AS page_count,
  SUM(kib) AS kib
FROM page_group_detail
WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid = :pid)
  AND name GLOB COALESCE(:name, '*') AND path GLOB COALESCE(:path, '*')
  AND flags & frame_flag('KSM')
GROUP BY mapping_id
ORDER BY pid, mapping_id;
