-- title: Physical runs
-- group: Frames
-- about: Pages that are adjacent in memory too, across folios, as DMA or an IOMMU would take them
-- parameter pid
-- parameter address
-- parameter descending flag: frames in descending order are a run, too
-- parameter min-length integer: only runs of at least so many pages
-- total: page_count, kib
-- column pid: process id
-- column name: comm
-- column address: of the first page
-- column physical_address: of the first page's frame
-- column page_count: pages, and frames, in the run
-- column kib: KiB of those
-- column path: of the mapping; empty for anonymous memory
-- column step: 1: the frames ascend with the pages; -1: they descend, so that the run ends with its lowest frame
-- column page_size_kib: KiB of the pages that the kernel maps it with, KernelPageSize of smaps: of a hugetlb mapping that of its huge pages. Transparent huge pages are frames in ascending order of the size that 'hugepages' has
SELECT
  p.pid,
  p.name,
  page_address(r.page, s.page_size) AS address,
  page_address(r.pfn, s.page_size) AS physical_address,
  r.page_count,
  r.page_count * s.page_size / 1024 AS kib,
  COALESCE(f.path, '') AS path,
  r.step,
  k.kernel_page_size_kib AS page_size_kib
FROM process p
JOIN snapshot s ON s.id = p.snapshot_id
CROSS JOIN mapping m ON m.process_id = p.id
LEFT JOIN file f ON f.id = m.file_id
LEFT JOIN kernel_usage k ON k.process_id = p.id AND k.mapping_id = m.id
-- The mappings of a process come by id, and the runs of a mapping by address: millions of rows, and none is
-- sorted. ORDER BY does not name m.id, for SQLite would sort where mapping is a virtual table.
CROSS JOIN physical_run r ON r.process_id = p.id AND r.mapping_id = m.id
  AND r.descending = COALESCE(:descending, 0)
  AND r.from_page = COALESCE(:address_first, 0)
    AND r.to_page = COALESCE(:address_last, 9223372036854775807)
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid)))
  AND r.page_count >= COALESCE(:min_length, 1)
ORDER BY p.pid, p.id;
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
  AND l.from_page = COALESCE(:address_first, 0)
    AND l.to_page = COALESCE(:address_last, 9223372036854775807)
JOIN mapping m ON m.id = l.mapping_id
LEFT JOIN file f ON f.id = m.file_id
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid))) AND :min_length IS NULL
  AND :descending IS NULL
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
  AND r.descending = COALESCE(:descending, 0)
  AND r.from_page = COALESCE(:address_first, 0)
    AND r.to_page = COALESCE(:address_last, 9223372036854775807)
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid))) 
  AND (:min_length IS NOT NULL OR :descending IS NOT NULL)
  AND r.page_count >= COALESCE(:min_length, 1)
GROUP BY p.id, m.id;
