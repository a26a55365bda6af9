-- title: Contiguity
-- group: Frames
-- about: How long the physical runs of each mapping are: the largest, and how many of each length
-- note: 'runs' lists them; lengths are in pages, from each power of two to below the next
-- parameter pid integer: only the process with this pid
-- total: run_count, page_count, kib
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte
-- column path: of the mapping; empty for anonymous memory
-- column run_count: physical runs
-- column page_count: pages in them
-- column kib: KiB of those
-- column largest_kib: KiB of the largest run
-- column histogram: LENGTH:RUNS, where LENGTH is the power of two that a run reaches
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
), length AS (
  SELECT process_id, mapping_id, page_count,
         -- The power of two: of an octal number, the first digit's and eight for each further one.
         (CASE WHEN substr(printf('%o', page_count), 1, 1) < '2' THEN 1
               WHEN substr(printf('%o', page_count), 1, 1) < '4' THEN 2 ELSE 4 END)
           << 3 * (length(printf('%o', page_count)) - 1) AS length
  FROM run
), bucket AS (
  SELECT mapping_id, length, COUNT(*) AS run_count, SUM(page_count) AS page_count,
         MAX(page_count) AS largest
  FROM length
  GROUP BY mapping_id, length
), ordered AS (
  SELECT * FROM bucket ORDER BY mapping_id, length
), summed AS (
  SELECT mapping_id, SUM(run_count) AS run_count, SUM(page_count) AS page_count,
         MAX(largest) AS largest, group_concat(length || ':' || run_count, ' ') AS histogram
  FROM ordered
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
