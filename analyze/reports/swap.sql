-- title: Swap
-- group: Frames
-- about: Which mappings have pages in which swap area, and other entries that are no memory
-- note: shared memory in swap (shmem, memfd, tmpfs) is not here: pagemap shows it as absent; smaps has it in kernel_swap_kib of 'maps'
-- parameter pid integer: only the process with this pid
-- total: page_count, kib
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte
-- column path: of the mapping; empty for anonymous memory
-- column state: swapped; or migration, poisoned, guard, marker, device, special, swap_entry (type hidden)
-- column device: path of the swap area, by its place in /proc/swaps
-- column page_count: pages
-- column kib: KiB of those
-- column run_count: runs of consecutive pages in consecutive slots
-- column shared_slot_count: slots of these that other captured processes have too
-- column swap_pss_kib: KiB of slots, each divided among the captured pages that have it
WITH run AS MATERIALIZED (
  SELECT m.process_id, m.id AS mapping_id, r.page, r.page_count, r.state,
         IIF(r.state = 'swapped', r.swap_type, NULL) AS swap_type
  FROM process p
  JOIN mapping m ON m.process_id = p.id
  CROSS JOIN page_run r ON r.process_id = m.process_id AND r.mapping_id = m.id
  WHERE p.snapshot_id = :snapshot AND r.state <> 'present'
    AND EXISTS (SELECT 1 FROM page_chunk c
                WHERE c.mapping_id = m.id AND c.swapped_count + c.special_count > 0)
), slot_page AS MATERIALIZED (
  SELECT r.process_id, r.mapping_id, g.swap_type, g.swap_offset
  FROM run r
  CROSS JOIN page g ON g.process_id = r.process_id AND g.mapping_id = r.mapping_id
    AND g.page BETWEEN r.page AND r.page + r.page_count - 1
  WHERE r.state = 'swapped'
), slot AS MATERIALIZED (
  SELECT swap_type, swap_offset, COUNT(DISTINCT process_id) AS process_count, COUNT(*) AS page_count
  FROM slot_page
  GROUP BY swap_type, swap_offset
), sharing AS MATERIALIZED (
  SELECT g.process_id, g.mapping_id, g.swap_type, SUM(s.process_count > 1) AS shared_slot_count,
         SUM(1.0 / s.page_count) AS share
  FROM slot_page g
  JOIN slot s ON s.swap_type = g.swap_type AND s.swap_offset = g.swap_offset
  GROUP BY g.process_id, g.mapping_id, g.swap_type
), summed AS (
  SELECT process_id, mapping_id, state, swap_type,
         SUM(page_count) AS page_count, COUNT(*) AS run_count
  FROM run
  GROUP BY process_id, mapping_id, state, swap_type
)
SELECT
  d.pid,
  d.process_name AS name,
  d.start,
  d.path,
  u.state,
  w.path AS device,
  u.page_count,
  u.page_count * s.page_size / 1024 AS kib,
  u.run_count,
  h.shared_slot_count,
  CAST(h.share * s.page_size / 1024 AS INTEGER) AS swap_pss_kib
FROM summed u
JOIN snapshot s ON s.id = :snapshot
JOIN mapping_detail d ON d.mapping_id = u.mapping_id
LEFT JOIN sharing h ON h.process_id = u.process_id AND h.mapping_id = u.mapping_id
  AND h.swap_type = u.swap_type AND u.state = 'swapped'
LEFT JOIN snapshot_swap_device w ON w.snapshot_id = s.id AND w.position = u.swap_type
WHERE :pid IS NULL OR d.pid = :pid
ORDER BY d.pid, d.first_page, u.state, u.swap_type;
