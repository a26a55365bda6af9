-- title: NUMA nodes
-- group: Frames
-- about: On which NUMA node and in which zone the pages of each mapping are
-- parameter pid integer: only the process with this pid
-- parameter name text: only processes with a name like this
-- parameter path text: only mappings of a path like this
-- parameter remote integer: only pages that are not on this node
-- total: page_count, kib
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte
-- column path: of the mapping; empty for anonymous memory
-- column node: NUMA node; NULL: in no zone, or the PFN was hidden
-- column zone: DMA, DMA32, Normal, Movable, ...
-- column page_count: present pages
-- column kib: KiB of those
SELECT
  pid,
  name,
  start,
  path,
  node,
  zone,
  SUM(page_count) AS page_count,
  SUM(kib) AS kib
FROM page_group_detail
WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid = :pid)
  AND name GLOB COALESCE(:name, '*') AND path GLOB COALESCE(:path, '*')
  AND state = 'present' AND (:remote IS NULL OR node <> :remote)
GROUP BY mapping_id, node, zone
ORDER BY pid, mapping_id, node, zone;
