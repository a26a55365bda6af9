-- title: Unevictable memory
-- group: Frames
-- about: Which mappings have pages that cannot be reclaimed: locked in memory, ramfs, ...
-- parameter pid integer: only the process with this pid
-- total: page_count, kib
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte
-- column path: of the mapping; empty for anonymous memory
-- column first_address: of the first such page
-- column page_count: such pages
-- column kib: KiB of those
SELECT
  d.pid,
  d.process_name AS name,
  d.start,
  d.path,
  page_address(MIN(r.page), s.page_size) AS first_address,
  SUM(r.page_count) AS page_count,
  SUM(r.page_count) * s.page_size / 1024 AS kib
FROM process p
JOIN snapshot s ON s.id = p.snapshot_id
CROSS JOIN page_run r ON r.process_id = p.id
JOIN mapping_detail d ON d.mapping_id = r.mapping_id
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid = :pid)
  AND (r.flags >> 18 & 1 OR r.flags >> 33 & 1)  -- UNEVICTABLE, MLOCKED
GROUP BY r.mapping_id
ORDER BY d.pid, d.first_page;
