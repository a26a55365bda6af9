-- title: Memory that goes with a process
-- group: Sharing
-- about: What each process would give back if it alone exited
-- note: page tables and other memory of the kernel come on top
-- parameter pid integer: only the process with this pid
-- parameter name text: only processes with a name like this
-- parameter path text: only what it has in mappings of a path like this
-- rows: processes
-- total: freed_kib, cached_kib, swap_kib
-- column pid: process id
-- column name: comm
-- column freed_kib: KiB of anonymous memory that nobody else maps: free then
-- column cached_kib: KiB of files and shared memory that nobody else maps: still cached then
-- column swap_kib: KiB in swap slots that no other captured process has
WITH slots AS (
  SELECT mapping_id, SUM(uss_kib) AS kib,
         SUM(state IN ('swapped', 'swap_entry') AND uss_kib IS NULL) AS unknown_count
  FROM swap_usage
  WHERE snapshot_id = :snapshot
  GROUP BY mapping_id
), incomplete AS (
  SELECT DISTINCT process_id FROM gap WHERE source = 'maps' AND process_id IS NOT NULL
)
SELECT
  h.pid,
  h.name,
  -- The sum of what is partly unknown is unknown.
  CASE WHEN COUNT(h.freed_kib) = COUNT(*) AND i.process_id IS NULL THEN SUM(h.freed_kib) END
    AS freed_kib,
  CASE WHEN COUNT(h.cached_kib) = COUNT(*) AND i.process_id IS NULL THEN SUM(h.cached_kib) END
    AS cached_kib,
  CASE WHEN COUNT(h.present_kib) = COUNT(*) AND i.process_id IS NULL
            AND TOTAL(w.unknown_count) = 0 THEN COALESCE(SUM(w.kib), 0) END AS swap_kib
FROM mapping_sharing_detail h
LEFT JOIN slots w ON w.mapping_id = h.mapping_id
LEFT JOIN incomplete i ON i.process_id = h.process_id
WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid = :pid)
  AND name GLOB COALESCE(:name, '*') AND path GLOB COALESCE(:path, '*')
GROUP BY h.process_id
ORDER BY freed_kib DESC, h.pid;
