-- title: NUMA nodes
-- group: Frames
-- about: On which NUMA node and in which zone the pages of each mapping are
-- parameter pid
-- parameter address
-- parameter name
-- parameter path
-- parameter by mapping|process: a line for each of these; by default for each mapping
-- parameter remote integer: only pages that are not on this node
-- total: page_count, kib
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte; NULL by process
-- column path: of the mapping; empty for anonymous memory
-- column node: NUMA node; NULL: in no zone, or the PFN was hidden
-- column zone: DMA, DMA32, Normal, Movable, ...
-- column page_count: present pages
-- column kib: KiB of those
SELECT
  pid,
  name,
  IIF(:by = 'process', NULL, start) AS start,
  IIF(:by = 'process', NULL, path) AS path,
  node,
  zone,
  SUM(page_count) AS page_count,
  SUM(kib) AS kib
FROM page_group_detail
WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid IN (SELECT value FROM json_each(:pid)))
  AND matches(name, :name) AND matches(path, :path)
  AND from_page = COALESCE(:address_first, 0)
  AND to_page = COALESCE(:address_last, 9223372036854775807)
  AND state = 'present' AND (:remote IS NULL OR node <> :remote)
GROUP BY process_id, IIF(:by = 'process', 0, mapping_id), node, zone
ORDER BY pid, mapping_id, node, zone;
