-- title: Contiguity
-- group: Frames
-- about: How long the physical runs of each mapping are: the largest, and how many of each length
-- note: 'runs' lists them; lengths are in pages, from each power of two to below the next
-- parameter pid
-- parameter address
-- total: run_count, page_count, kib
-- spare: name, page_count, run_count, start
-- kept: largest_kib, histogram
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte
-- column path: of the mapping; empty for anonymous memory
-- column run_count: physical runs
-- column page_count: pages in them
-- column kib: KiB of those
-- column largest_kib: KiB of the largest run
-- column histogram: LENGTH:RUNS, where LENGTH is the power of two that a run reaches
WITH length AS (
  SELECT l.*
  FROM process p
  CROSS JOIN run_length l ON l.process_id = p.id
    AND l.from_page = COALESCE(:address_first, 0)
      AND l.to_page = COALESCE(:address_last, 9223372036854775807)
  WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid)))
  ORDER BY l.mapping_id, l.length
), summed AS (
  SELECT mapping_id, SUM(run_count) AS run_count, SUM(page_count) AS page_count,
         MAX(largest) AS largest, group_concat(length || ':' || run_count, ' ') AS histogram
  FROM length
  GROUP BY mapping_id
)
SELECT
  d.pid,
  d.process_name AS name,
  d.start,
  d.path,
  u.run_count,
  u.page_count,
  u.page_count * s.page_size / 1024 AS kib,
  u.largest * s.page_size / 1024 AS largest_kib,
  u.histogram
FROM summed u
JOIN snapshot s ON s.id = :snapshot
JOIN mapping_detail d ON d.mapping_id = u.mapping_id
ORDER BY d.pid, d.first_page;
