-- title: Physical runs
-- group: Frames
-- about: Pages that are adjacent in memory too, across folios, as DMA or an IOMMU would take them
-- parameter pid integer: only the process with this pid
-- parameter min-length integer: only runs of at least so many pages
-- total: page_count, kib
-- column pid: process id
-- column name: comm
-- column address: of the first page
-- column physical_address: of the first frame
-- column page_count: pages, and frames, in the run
-- column kib: KiB of those
-- column path: of the mapping; empty for anonymous memory
SELECT
  p.pid,
  p.name,
  page_address(r.page, s.page_size) AS address,
  page_address(r.pfn, s.page_size) AS physical_address,
  r.page_count,
  r.page_count * s.page_size / 1024 AS kib,
  COALESCE(f.path, '') AS path
FROM process p
JOIN snapshot s ON s.id = p.snapshot_id
CROSS JOIN mapping m ON m.process_id = p.id
LEFT JOIN file f ON f.id = m.file_id
-- The runs of a mapping come by address: millions of rows, and none is sorted.
CROSS JOIN physical_run r ON r.process_id = p.id AND r.mapping_id = m.id
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid = :pid)
  AND r.page_count >= COALESCE(:min_length, 1)
ORDER BY p.pid, p.id, m.id;
-- sums:
SELECT
  p.name,
  COALESCE(f.path, '') AS path,
  l.run_count AS row_count,
  l.page_count,
  l.page_count * s.page_size / 1024 AS kib
FROM process p
JOIN snapshot s ON s.id = p.snapshot_id
CROSS JOIN run_length l ON l.process_id = p.id
JOIN mapping m ON m.id = l.mapping_id
LEFT JOIN file f ON f.id = m.file_id
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid = :pid) AND :min_length IS NULL
UNION ALL
SELECT
  p.name,
  COALESCE(f.path, '') AS path,
  COUNT(*) AS row_count,
  SUM(r.page_count) AS page_count,
  SUM(r.page_count) * s.page_size / 1024 AS kib
FROM process p
JOIN snapshot s ON s.id = p.snapshot_id
CROSS JOIN mapping m ON m.process_id = p.id
LEFT JOIN file f ON f.id = m.file_id
CROSS JOIN physical_run r ON r.process_id = p.id AND r.mapping_id = m.id
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid = :pid) AND :min_length IS NOT NULL
  AND r.page_count >= :min_length
GROUP BY p.id, m.id;
