-- title: Growth over time
-- group: Comparing
-- about: Memory of each process or mapping in every snapshot, what moved in between, and what only grows
-- fail-if: rows
-- compares: series
-- parameter by process|mapping: a row per process and snapshot, which is the default, or per mapping
-- parameter top integer: only so many of them: those that grew most from first to last
-- parameter pid: only processes with this pid
-- parameter match auto|same|rerun: how to find what corresponds from one snapshot to the next; by default auto
-- kernel: rss_kib = kernel_rss_kib, pss_kib = kernel_pss_kib, swap_kib = kernel_swap_kib, growth_kib = kernel_growth_kib
-- sparkline: history
-- spare: swapped_in_count, swapped_out_count, dropped_count, time, start, churn_count, faulted_in_count, seconds, swap_kib, pss_kib
-- kept: growth_kib, history, trend
-- column snapshot: number, over all files
-- column time: of the snapshot, UTC
-- column seconds: since the first snapshot
-- column pid: process id
-- column name: comm
-- column start: with --by mapping: address of the first byte
-- column path: with --by mapping: file or name; empty for anonymous memory; NULL by process
-- column rss_kib: KiB in memory
-- column pss_kib: KiB in memory, shared frames divided among their mappings
-- column swap_kib: KiB in swap areas
-- column growth_kib: KiB of RSS and swap more than in its first snapshot
-- column faulted_in_count: pages that came since the snapshot before, from nowhere or from a file; NULL in the first
-- column dropped_count: pages that went
-- column swapped_out_count: pages that went to swap
-- column swapped_in_count: pages that came back from swap
-- column churn_count: pages that are in another frame than in the snapshot before
-- column history: RSS and swap (the kernel's own figures where PFNs were hidden) up to here, from 1 for little to 8 for the most; "." is nothing
-- column trend: over all its snapshots: only grows (never less, and more in most steps: a leak looks like this), grows, steady, shrinks; "-" for fewer than three
WITH RECURSIVE ordered AS (
  SELECT id, wall_time_ns, ROW_NUMBER() OVER (ORDER BY wall_time_ns, id) AS n FROM snapshot
), step AS MATERIALIZED (
  -- The first snapshot is compared with itself, for its figures.
  SELECT n, id AS after_id, COALESCE(LAG(id) OVER (ORDER BY n), id) AS before_id
  FROM ordered
), part AS MATERIALIZED (
  SELECT s.n, s.after_id AS snapshot_id,
         IIF(:by = 'mapping', c.before_mapping_id, c.before_process_id) AS before_item,
         IIF(:by = 'mapping', c.after_mapping_id, c.after_process_id) AS after_item,
         c.page_count, c.after_rss_kib, c.after_pss, c.after_swap_kib, c.faulted_in_count,
         c.dropped_count, c.swapped_out_count, c.swapped_in_count,
         c.migrated_count + c.copied_on_write_count + c.merged_count + c.collapsed_count AS churn_count
  FROM step s
  CROSS JOIN change_usage(s.before_id, s.after_id, COALESCE(:match, 'auto'), 0) c
), used AS MATERIALIZED (
  SELECT n, after_item AS item, MAX(snapshot_id) AS snapshot_id,
         known_sum(after_rss_kib) + zero AS rss_kib,
         known_sum(after_pss) + zero AS pss,
         known_sum(after_swap_kib) + zero AS swap_kib,
         SUM(faulted_in_count) AS faulted_in_count,
         SUM(dropped_count) AS dropped_count,
         SUM(swapped_out_count) AS swapped_out_count,
         SUM(swapped_in_count) AS swapped_in_count,
         SUM(churn_count) AS churn_count
  FROM (SELECT *, IIF(COALESCE(:by, 'process') = 'process'
                      AND after_item IN (SELECT process_id FROM incomplete_process), NULL, 0) AS zero
        FROM part WHERE after_item IS NOT NULL)
  GROUP BY n, after_item
), kernel AS MATERIALIZED (
  -- The kernel's own figures where PFNs were hidden.
  SELECT item, known_sum(rss_kib) + zero AS rss_kib, known_sum(pss_kib) + zero AS pss_kib,
         known_sum(swap_kib) + zero AS swap_kib
  FROM (SELECT IIF(:by = 'mapping', k.mapping_id, p.id) AS item, k.rss_kib, k.pss_kib, k.swap_kib,
               IIF(COALESCE(:by, 'process') = 'process'
                   AND p.id IN (SELECT process_id FROM incomplete_process), NULL, 0) AS zero
        FROM snapshot s
        JOIN process p ON p.snapshot_id = s.id
        CROSS JOIN kernel_usage k ON k.process_id = p.id
        WHERE NOT s.pfn_visible)
  GROUP BY item
), link AS MATERIALIZED (
  -- What an item was in the snapshot before: that with which it has most pages in common. A process
  -- without mappings there is none.
  SELECT p.n, p.after_item, p.before_item,
         ROW_NUMBER() OVER (PARTITION BY p.n, p.after_item
                            ORDER BY SUM(p.page_count) DESC, p.before_item) AS place
  FROM part p
  JOIN used u ON u.n = p.n - 1 AND u.item = p.before_item
  WHERE p.after_item IS NOT NULL
  GROUP BY p.n, p.after_item, p.before_item
), chain AS (
  -- An item and what it was, under the id that it had first.
  SELECT u.n, u.item, u.item AS series
  FROM used u
  WHERE NOT EXISTS (SELECT 1 FROM link l WHERE l.n = u.n AND l.after_item = u.item)
  UNION ALL
  SELECT l.n, l.after_item, c.series
  FROM chain c
  JOIN link l ON l.n = c.n + 1 AND l.before_item = c.item AND l.place = 1
), point AS MATERIALIZED (
  -- What was split is one series all the same.
  SELECT c.series, c.n, MIN(c.item) AS item, MAX(u.snapshot_id) AS snapshot_id,
         known_sum(u.rss_kib) AS rss_kib, known_sum(u.pss) >> 22 AS pss_kib,
         known_sum(u.swap_kib) AS swap_kib, known_sum(u.rss_kib + u.swap_kib) AS own_kib,
         known_sum(COALESCE(u.rss_kib + u.swap_kib, k.rss_kib + k.swap_kib)) AS used_kib,
         known_sum(k.rss_kib) AS kernel_rss_kib, known_sum(k.pss_kib) AS kernel_pss_kib,
         known_sum(k.swap_kib) AS kernel_swap_kib,
         SUM(u.faulted_in_count) AS faulted_in_count, SUM(u.dropped_count) AS dropped_count,
         SUM(u.swapped_out_count) AS swapped_out_count,
         SUM(u.swapped_in_count) AS swapped_in_count, SUM(u.churn_count) AS churn_count
  FROM chain c JOIN used u ON u.n = c.n AND u.item = c.item
  LEFT JOIN kernel k ON k.item = c.item
  GROUP BY c.series, c.n
), moved AS (
  SELECT *,
         own_kib - FIRST_VALUE(own_kib) OVER (PARTITION BY series ORDER BY n) AS growth_kib,
         used_kib - FIRST_VALUE(used_kib) OVER (PARTITION BY series ORDER BY n) AS kernel_growth_kib,
         used_kib - LAG(used_kib) OVER (PARTITION BY series ORDER BY n) AS more_kib,
         MAX(used_kib) OVER (PARTITION BY series) AS most_kib
  FROM point
  WHERE :pid IS NULL OR series IN (
    SELECT IIF(:by = 'mapping', m.id, p.id)
    FROM process p LEFT JOIN mapping m ON m.process_id = p.id AND :by = 'mapping'
    WHERE p.pid IN (SELECT value FROM json_each(:pid)))
), summed AS (
  -- No join: there are as many series as mappings, and SQLite may go through all for each point.
  SELECT *, COUNT(*) OVER whole AS point_count, COUNT(used_kib) OVER whole AS known_count,
         SUM(more_kib) OVER whole AS grown_kib, MIN(more_kib) OVER whole AS least_kib,
         SUM(more_kib > 0) OVER whole AS rise_count
  FROM moved
  WINDOW whole AS (PARTITION BY series)
), ranked AS (
  SELECT *, DENSE_RANK() OVER (ORDER BY grown_kib DESC, series) AS place,
         CASE
           WHEN point_count < 3 OR known_count < point_count THEN NULL
           WHEN least_kib >= 0 AND rise_count * 2 > point_count - 1 THEN 'only grows'
           WHEN grown_kib > 0 THEN 'grows'
           WHEN grown_kib < 0 THEN 'shrinks'
           ELSE 'steady'
         END AS trend
  FROM summed
)
SELECT
  t.snapshot_id AS snapshot,
  strftime('%Y-%m-%d %H:%M:%S', s.wall_time_ns / 1000000000, 'unixepoch') AS time,
  (s.wall_time_ns - (SELECT wall_time_ns FROM ordered WHERE n = 1)) / 1000000 / 1000.0 AS seconds,
  p.pid,
  p.name,
  page_address(m.first_page, s.page_size) AS start,
  IIF(:by = 'mapping', COALESCE(f.path, ''), NULL) AS path,
  t.rss_kib, t.pss_kib, t.swap_kib, t.growth_kib,
  IIF(t.n = 1, NULL, t.faulted_in_count) AS faulted_in_count,
  IIF(t.n = 1, NULL, t.dropped_count) AS dropped_count,
  IIF(t.n = 1, NULL, t.swapped_out_count) AS swapped_out_count,
  IIF(t.n = 1, NULL, t.swapped_in_count) AS swapped_in_count,
  IIF(t.n = 1, NULL, t.churn_count) AS churn_count,
  GROUP_CONCAT(IIF(COALESCE(t.used_kib, 0) = 0, '.', 1 + t.used_kib * 7 / t.most_kib), '')
    OVER (PARTITION BY t.series ORDER BY t.n ROWS 39 PRECEDING) AS history,
  t.trend,
  t.kernel_rss_kib, t.kernel_pss_kib, t.kernel_swap_kib, t.kernel_growth_kib
FROM ranked t
JOIN snapshot s ON s.id = t.snapshot_id
LEFT JOIN mapping m ON :by = 'mapping' AND m.id = t.item
LEFT JOIN file f ON f.id = m.file_id
JOIN process p ON p.id = IIF(:by = 'mapping', m.process_id, t.item)
WHERE :top IS NULL OR t.place <= :top
ORDER BY t.place, t.n;
