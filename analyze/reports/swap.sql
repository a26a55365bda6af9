-- title: Swap
-- group: Frames
-- about: Which mappings have pages in which swap area, and other entries that are no memory
-- note: shared memory in swap (shmem, memfd, tmpfs) is not here: pagemap shows it as absent; smaps has it in kernel_swap_kib of 'maps'
-- parameter pid
-- parameter name
-- parameter path
-- parameter by mapping|process|device: a line for each of these; by default for each mapping
-- total: page_count, kib
-- spare: swap_pss_kib, shared_slot_count, run_count, page_count, name, start
-- kept: state, device, kib
-- column pid: process id; NULL by device
-- column name: comm
-- column start: address of the mapping's first byte; NULL by process and device
-- column path: of the mapping; empty for anonymous memory
-- column state: swapped; swap_cache: in memory, with a slot still; or migration, poisoned, guard, marker, device, special, swap_entry (type hidden)
-- column device: path of the swap area, by its place in /proc/swaps
-- column page_count: pages
-- column kib: KiB of those
-- column run_count: runs of consecutive pages in consecutive slots
-- column shared_slot_count: slots of these that other captured processes have too
-- column swap_pss_kib: KiB of slots, each divided among the captured pages that have it
WITH entry AS (
  SELECT pid, name, mapping_id, start, path, state, device, page_count, kib, run_count,
         shared_page_count, pss
  FROM swap_usage_detail
  WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid IN (SELECT value FROM json_each(:pid)))
    AND matches(name, :name) AND matches(path, :path)
  UNION ALL
  SELECT pid, name, mapping_id, start, path, 'swap_cache', NULL, page_count, kib, NULL, NULL, NULL
  FROM page_group_detail
  WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid IN (SELECT value FROM json_each(:pid)))
    AND matches(name, :name) AND matches(path, :path)
    AND state = 'present' AND flags & frame_flag('SWAPCACHE')
), named AS (
  SELECT IIF(:by = 'device', NULL, pid) AS pid, IIF(:by = 'device', NULL, name) AS name,
         IIF(COALESCE(:by, 'mapping') = 'mapping', mapping_id, NULL) AS mapping_id, start, path,
         state, device, page_count, kib, run_count, shared_page_count, pss
  FROM entry
)
SELECT
  pid,
  name,
  IIF(mapping_id IS NULL, NULL, start) AS start,
  IIF(mapping_id IS NULL, NULL, path) AS path,
  state,
  device,
  SUM(page_count) AS page_count,
  SUM(kib) AS kib,
  SUM(run_count) AS run_count,
  SUM(shared_page_count) AS shared_slot_count,
  SUM(pss) >> 22 AS swap_pss_kib
FROM named
GROUP BY pid, mapping_id, state, device
ORDER BY pid, mapping_id, state, device;
