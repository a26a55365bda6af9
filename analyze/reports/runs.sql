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
WITH word AS (
  SELECT p.id AS process_id, r.mapping_id, r.page, r.page_count, r.pfn,
         r.page - r.pfn AS distance,
         LAG(r.page + r.page_count) OVER (PARTITION BY r.process_id ORDER BY r.page) AS next_page,
         LAG(r.page - r.pfn) OVER (PARTITION BY r.process_id ORDER BY r.page) AS last_distance,
         LAG(r.mapping_id) OVER (PARTITION BY r.process_id ORDER BY r.page) AS last_mapping_id
  FROM process p
  CROSS JOIN page_run r ON r.process_id = p.id
  WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid = :pid)
    AND r.pfn IS NOT NULL
    -- The zero page is nobody's memory.
    AND NOT COALESCE(r.flags >> 24 & 1, 0)
), numbered AS (
  SELECT *,
         SUM(NOT COALESCE(page = next_page AND distance = last_distance
                          AND mapping_id = last_mapping_id, 0))
           OVER (PARTITION BY process_id ORDER BY page) AS run
  FROM word
), run AS (
  -- What differs in flags or map count only is one run here.
  SELECT process_id, mapping_id, MIN(page) AS page, MIN(pfn) AS pfn, SUM(page_count) AS page_count
  FROM numbered
  GROUP BY process_id, run
)
SELECT
  p.pid,
  p.name,
  page_address(r.page, s.page_size) AS address,
  page_address(r.pfn, s.page_size) AS physical_address,
  r.page_count,
  r.page_count * s.page_size / 1024 AS kib,
  COALESCE(f.path, '') AS path
FROM run r
JOIN process p ON p.id = r.process_id
JOIN snapshot s ON s.id = p.snapshot_id
JOIN mapping m ON m.id = r.mapping_id
LEFT JOIN file f ON f.id = m.file_id
WHERE :min_length IS NULL OR r.page_count >= :min_length
ORDER BY p.pid, r.page;
