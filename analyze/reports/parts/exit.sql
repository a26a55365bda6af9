
-- The report has a table `grouping`, which says by what processes are grouped, and whether those of
-- which not all was read are left out (only_read): else what is unknown of one is unknown of its group.

-- The processes that have mappings, each in its group.
member AS MATERIALIZED (
  SELECT g.process_id, g.group_id, g.is_shared
  FROM process_group g JOIN process p ON p.id = g.process_id
  WHERE g.group_by = (SELECT group_by FROM grouping) AND g.snapshot_id = :snapshot
    AND NOT p.kernel_thread AND p.memory_process_id IS NULL
    AND ((SELECT only_read FROM grouping) = 0 OR p.id NOT IN (
      SELECT process_id FROM incomplete_process
      UNION ALL SELECT process_id FROM gap WHERE source = 'pagemap' AND process_id IS NOT NULL))
), slots AS (
  -- What a slot counts less in SwapPss is the share of processes that were not captured. A slot of n
  -- captured pages that has one more user counts 1/n - 1/(n+1) less in each of them: the (n+1)th part
  -- of their share in it. Of a process by itself, n is 1.
  SELECT e.group_id,
         MAX(0, SUM(u.uss) - IIF(k.swap_pss_kib IS NULL, 0,
             (MAX(0, (SUM(u.pss) >> 22) - k.swap_pss_kib) << 22) *
             (1 + SUM(IIF(u.pss IS NULL, 0, u.kib << 22)) / NULLIF(SUM(u.pss), 0)))) AS freed,
         SUM(u.state IN ('swapped', 'swap_entry') AND u.uss IS NULL) AS unknown_count
  FROM member e
  JOIN process p ON p.id = e.process_id
  CROSS JOIN swap_usage u
    ON u.process_id = e.process_id AND u.group_by = (SELECT group_by FROM grouping)
  LEFT JOIN kernel_usage k ON k.process_id = u.process_id AND k.mapping_id = u.mapping_id
  JOIN mapping m ON m.id = u.mapping_id
  LEFT JOIN file f ON f.id = m.file_id
  WHERE NOT e.is_shared AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid)))
    AND matches(p.name, :name) AND matches(COALESCE(f.path, ''), :path)
  GROUP BY u.process_id, u.mapping_id
), swapped AS MATERIALIZED (
  -- The shares of the processes of a group are each rounded down: to the nearest KiB it is exact.
  SELECT group_id,
         IIF(SUM(unknown_count) > 0, NULL, (COALESCE(SUM(freed), 0) + (1 << 21)) >> 22) AS kib
  FROM slots
  GROUP BY group_id
), part AS (
  -- Of what no page table has of a file, smaps may say that none is in swap.
  SELECT d.process_id, d.kib,
         IIF(d.price = 'unmapped' AND d.at_exit = 'freed' AND COALESCE(
               (SELECT MAX(k.swap_kib) FROM mapping m
                JOIN mapping o ON o.process_id = m.process_id AND o.file_id = m.file_id
                JOIN kernel_usage k ON k.process_id = o.process_id AND k.mapping_id = o.id
                WHERE m.id = d.mapping_id),
               EXISTS (SELECT 1 FROM snapshot_swap_device WHERE snapshot_id = :snapshot)),
             'unknown', d.at_exit) AS at_exit
  FROM frame_fate_detail d
  WHERE d.group_by = (SELECT group_by FROM grouping)
    AND d.snapshot_id = :snapshot AND (:pid IS NULL OR d.pid IN (SELECT value FROM json_each(:pid)))
    AND matches(d.name, :name) AND matches(d.path, :path)
), counted AS (
  -- Where the fate of a frame was not read, all of these are unknown.
  SELECT e.group_id,
         known_sum(IIF(at_exit IS NULL, NULL, IIF(at_exit = 'freed', kib, 0))) AS freed_kib,
         known_sum(IIF(at_exit IS NULL, NULL, IIF(at_exit = 'pool', kib, 0))) AS pool_kib,
         known_sum(IIF(at_exit IS NULL, NULL, IIF(at_exit = 'cached', kib, 0))) AS cached_kib,
         known_sum(IIF(at_exit IS NULL, NULL, IIF(at_exit = 'kept', kib, 0))) AS kept_kib,
         known_sum(IIF(at_exit IS NULL, NULL, IIF(at_exit = 'unknown', kib, 0))) AS unknown_kib,
         known_sum(kib) AS kib
  FROM part JOIN member e ON e.process_id = part.process_id
  GROUP BY e.group_id
), surplus AS MATERIALIZED (
  -- While there are surplus pages, of the default size, those that go back to the pool are freed
  -- instead (free_huge_folio() in mm/hugetlb.c).
  SELECT COALESCE((SELECT p.value * k.value FROM snapshot_system_fact p
                   JOIN snapshot_system_fact k ON k.snapshot_id = p.snapshot_id
                   WHERE p.snapshot_id = :snapshot AND p.name = 'meminfo.HugePages_Surp'
                     AND k.name = 'meminfo.Hugepagesize_kib'), 0) AS kib
), fate AS MATERIALIZED (
  SELECT c.group_id, c.freed_kib + MIN(c.pool_kib, x.kib) AS freed_kib,
         c.pool_kib - MIN(c.pool_kib, x.kib) AS pool_kib,
         c.cached_kib, c.kept_kib, c.unknown_kib, c.kib
  FROM counted c JOIN surplus x
)
