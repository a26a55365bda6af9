-- title: NUMA nodes
-- group: Frames
-- about: On which NUMA node and in which zone the pages of each mapping are
-- parameter pid integer: only the process with this pid
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
  d.pid,
  d.process_name AS name,
  d.start,
  d.path,
  r.node,
  r.zone,
  SUM(r.page_count) AS page_count,
  SUM(r.page_count) * s.page_size / 1024 AS kib
FROM process p
JOIN snapshot s ON s.id = p.snapshot_id
CROSS JOIN page_run r ON r.process_id = p.id
JOIN mapping_detail d ON d.mapping_id = r.mapping_id
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid = :pid)
  AND r.state = 'present' AND (:remote IS NULL OR r.node <> :remote)
GROUP BY r.mapping_id, r.node, r.zone
ORDER BY d.pid, d.first_page, r.node, r.zone;
