-- title: Check
-- group: Overview
-- about: Verifies every checksum, the database, and our figures against the kernel's
-- status: result
-- parameter strict flag: call it a difference, too, when other processes may have changed a map count
-- wrap: detail 24
-- kept: result, detail
-- column test: what was tested
-- column subject: table, figure or mapping
-- column result: ok; damaged: not what was written; differs: not what the kernel said; moved: other processes mapped or unmapped some of the frames between both; unknown
-- column detail: counts, or our figures / the kernel's in KiB
WITH blob AS MATERIALIZED (
  SELECT table_name, key, problem FROM blob_check
), summed AS MATERIALIZED (
  SELECT snapshot_id, content_id, problem FROM usage_check
), counted AS MATERIALIZED (
  SELECT p.pid, p.mapping_count AS said,
         (SELECT COUNT(*) FROM mapping m WHERE m.process_id = p.id) AS found
  FROM process p WHERE p.snapshot_id = :snapshot
), sound AS MATERIALIZED (
  -- A process whose accounting is damaged has nothing to compare with, and is named as damaged.
  SELECT id AS process_id FROM process
  WHERE snapshot_id = :snapshot AND 'process_id ' || id NOT IN (
    SELECT key FROM blob WHERE table_name = 'kernel_accounting' AND problem IS NOT NULL)
), accounted AS MATERIALIZED (
  SELECT k.* FROM sound s CROSS JOIN kernel_usage k ON k.process_id = s.process_id
), freeze AS MATERIALIZED (
  -- Of a snapshot that was taken with --freeze, the processes that ran on while they were read are
  -- not compared: their figures are of other moments than their pages.
  SELECT EXISTS (SELECT 1 FROM snapshot_system_fact
                 WHERE snapshot_id = :snapshot AND name = 'capture.freeze_ns') AS taken
), ran AS MATERIALIZED (
  SELECT COALESCE(SUM(p.mapping_count), 0) AS mappings FROM process p, freeze
  WHERE p.snapshot_id = :snapshot AND freeze.taken AND NOT p.frozen
), figures AS MATERIALIZED (
  SELECT d.pid, d.start, d.end, d.path,
         u.rss_kib, u.pss_kib, u.uss_kib, u.swap_kib, u.hugetlb_kib, u.missing,
         k.rss_kib AS kernel_rss_kib, k.pss_kib AS kernel_pss_kib, k.uss_kib AS kernel_uss_kib,
         k.swap_kib AS kernel_swap_kib, k.hugetlb_kib AS kernel_hugetlb_kib
  FROM process p
  JOIN mapping_detail d ON d.process_id = p.id
  JOIN mapping_usage u ON u.process_id = p.id AND u.mapping_id = d.mapping_id
  LEFT JOIN accounted k ON k.process_id = p.id AND k.mapping_id = d.mapping_id
  WHERE p.snapshot_id = :snapshot AND (p.frozen OR NOT (SELECT taken FROM freeze))
), usage AS MATERIALIZED (
  -- The same pages, but not the same number of processes for each of them: whoever maps or unmaps a
  -- frame changes its map count. That needs a frame that is shared in one of the two readings.
  SELECT *,
         :strict IS NULL AND rss_kib = kernel_rss_kib AND swap_kib = kernel_swap_kib
         AND hugetlb_kib = kernel_hugetlb_kib
         AND (pss_kib <> kernel_pss_kib OR uss_kib <> kernel_uss_kib)
         AND (uss_kib < rss_kib OR kernel_uss_kib < kernel_rss_kib) AS moved
  FROM figures
), figure AS (
  SELECT 'rss' AS name, COUNT(*) AS mappings,
         COUNT(rss_kib + kernel_rss_kib) AS compared,
         COALESCE(SUM(rss_kib <> kernel_rss_kib), 0) AS differing, 0 AS moved FROM usage
  UNION ALL SELECT 'pss', COUNT(*), COUNT(pss_kib + kernel_pss_kib),
         COALESCE(SUM(pss_kib <> kernel_pss_kib AND moved IS NOT 1), 0),
         COALESCE(SUM(pss_kib <> kernel_pss_kib AND moved), 0) FROM usage
  UNION ALL SELECT 'uss', COUNT(*), COUNT(uss_kib + kernel_uss_kib),
         COALESCE(SUM(uss_kib <> kernel_uss_kib AND moved IS NOT 1), 0),
         COALESCE(SUM(uss_kib <> kernel_uss_kib AND moved), 0) FROM usage
  UNION ALL SELECT 'swap', COUNT(*), COUNT(swap_kib + kernel_swap_kib),
         COALESCE(SUM(swap_kib <> kernel_swap_kib), 0), 0 FROM usage
  UNION ALL SELECT 'hugetlb', COUNT(*), COUNT(hugetlb_kib + kernel_hugetlb_kib),
         COALESCE(SUM(hugetlb_kib <> kernel_hugetlb_kib), 0), 0 FROM usage
), line AS (
  SELECT 1 AS position, 'database' AS test, 'SQLite integrity' AS subject,
         IIF(problem IS NULL, 'ok', 'damaged') AS result,
         COALESCE(problem, '') AS detail
  FROM database_check
  UNION ALL
  SELECT 2, 'checksums', table_name, IIF(COUNT(problem) = 0, 'ok', 'damaged'),
         COUNT(*) || IIF(COUNT(*) = 1, ' blob', ' blobs') || IIF(COUNT(problem) = 0, '', ', ' || COUNT(problem) || ' damaged')
  FROM blob GROUP BY table_name
  UNION ALL
  SELECT 3, 'blob', table_name || ' ' || key, 'damaged', problem FROM blob
  WHERE problem IS NOT NULL
  UNION ALL
  SELECT 4, 'sums', 'content_usage', IIF(COUNT(problem) = 0, 'ok', 'damaged'),
         COUNT(*) || ' rows' ||
         IIF(COUNT(problem) = 0, '', ', ' || COUNT(problem) || ' damaged')
  FROM summed GROUP BY NULL
  UNION ALL
  SELECT 5, 'sum', 'content_usage snapshot_id ' || snapshot_id ||
         COALESCE(' content_id ' || content_id, ''), 'damaged', problem
  FROM summed WHERE problem IS NOT NULL
  UNION ALL
  SELECT 5, 'counts', 'mapping', IIF(TOTAL(said <> found) = 0, 'ok', 'damaged'),
         COUNT(*) || IIF(COUNT(*) = 1, ' process', ' processes') ||
         IIF(TOTAL(said <> found) = 0, '', ', ' || SUM(said <> found) || ' damaged')
  FROM counted GROUP BY NULL
  UNION ALL
  SELECT 5, 'count', 'mapping pid ' || pid, 'damaged', said || ' mappings noted, ' || found || ' in the file'
  FROM counted WHERE said <> found
  UNION ALL
  SELECT 6, 'accounting', name,
         CASE WHEN differing > 0 THEN 'differs' WHEN compared < mappings THEN 'unknown'
              WHEN mappings = 0 AND (SELECT mappings FROM ran) > 0 THEN 'unknown'
              WHEN moved > 0 THEN 'moved' ELSE 'ok' END,
         CASE WHEN mappings > 0 THEN mappings || ' mappings'
              WHEN (SELECT mappings FROM ran) > 0 THEN '0 mappings' ELSE 'nothing to compare' END ||
         IIF(differing > 0, ', ' || differing || ' differ from smaps', '') ||
         IIF(moved > 0, ', ' || moved || ' moved: others mapped or unmapped frames meanwhile', '') ||
         IIF(compared < mappings, ', ' || (mappings - compared) || ' cannot be compared' ||
             COALESCE((SELECT ' (smaps was left out of pid ' || value || ')'
                       FROM snapshot_system_fact WHERE snapshot_id = :snapshot
                         AND name = 'capture.smaps_left_out'),
                      (SELECT ' (captured with --no-smaps)' FROM snapshot_system_fact
                       WHERE snapshot_id = :snapshot AND name = 'capture.smaps'), ''), '') ||
         (SELECT IIF(mappings = 0, '', ', ' || mappings ||
                     ' not compared: their processes ran while they were read') FROM ran)
  FROM figure
  UNION ALL
  SELECT 7, 'moved', 'pages while captured', 'ok',
         (SELECT value || ' torn frames' FROM snapshot_system_fact
          WHERE snapshot_id = :snapshot AND name = 'capture.torn_frame_count') ||
         COALESCE((SELECT ', ' || value || ' words differed when read again' FROM snapshot_system_fact
                   WHERE snapshot_id = :snapshot AND name = 'capture.changed_page_count'),
                  ', not verified')
  WHERE EXISTS (SELECT 1 FROM snapshot_system_fact
                WHERE snapshot_id = :snapshot AND name = 'capture.torn_frame_count')
  UNION ALL
  SELECT 8, 'mapping', 'pid ' || pid || ' ' || start || '-' || end ||
         IIF(path = '', '', ' ' || path), 'differs',
         printf('rss %d/%d pss %d/%d uss %d/%d swap %d/%d hugetlb %d/%d',
                rss_kib, kernel_rss_kib, pss_kib, kernel_pss_kib, uss_kib, kernel_uss_kib,
                swap_kib, kernel_swap_kib, hugetlb_kib, kernel_hugetlb_kib)
  FROM usage
  WHERE moved IS NOT 1
    AND (rss_kib <> kernel_rss_kib OR pss_kib <> kernel_pss_kib OR uss_kib <> kernel_uss_kib
     OR swap_kib <> kernel_swap_kib OR hugetlb_kib <> kernel_hugetlb_kib)
)
SELECT test, subject, result, detail FROM line ORDER BY position;
