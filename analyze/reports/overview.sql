-- title: Overview
-- group: Overview
-- about: What is in the file, in a few lines: 'analyze FILE' is short for this
-- limit: 12
-- total: rss_kib, pss_kib, uss_kib, swap_kib
-- exact: pss_kib = pss
-- rows: processes
-- spare: uss_kib, swap_kib, user
-- column pid: process id
-- column name: comm, at most 15 bytes
-- column rss_kib: KiB in memory, as the kernel counts it where the page words are hidden
-- column pss_kib: KiB in memory, shared frames divided among their mappings; likewise
-- column uss_kib: KiB in memory that no other mapping has; likewise
-- column swap_kib: KiB in swap areas; likewise
-- column user: the user's id, and its name on the captured host
-- column command: command line, as far as it is in the file
SELECT
  u.pid, u.name, COALESCE(u.rss_kib, u.kernel_rss_kib) AS rss_kib,
  COALESCE(u.pss_kib, u.kernel_pss_kib) AS pss_kib, COALESCE(u.uss_kib, u.kernel_uss_kib) AS uss_kib,
  COALESCE(u.swap_kib, u.kernel_swap_kib) AS swap_kib, i.user, i.command,
  COALESCE(u.pss, u.kernel_pss_kib << 22) AS pss
FROM process_usage u JOIN process_identity i ON i.process_id = u.process_id
WHERE u.snapshot_id = :snapshot AND u.mapping_count > 0
ORDER BY rss_kib DESC, u.pid;

-- heading:
WITH s AS (SELECT * FROM snapshot WHERE id = :snapshot),
contents AS (
  SELECT (SELECT COUNT(*) FROM process WHERE snapshot_id = :snapshot) AS processes,
         (SELECT COUNT(*) FROM gap WHERE snapshot_id = :snapshot) AS gaps,
         (SELECT COUNT(*) FROM snapshot) AS snapshots,
         COALESCE(SUM(c.present_count), 0) AS present, COALESCE(SUM(c.swapped_count), 0) AS swapped
  FROM process p JOIN mapping m ON m.process_id = p.id JOIN page_chunk c ON c.mapping_id = m.id
  WHERE p.snapshot_id = :snapshot
)
SELECT strftime('%Y-%m-%d %H:%M:%S', wall_time_ns / 1000000000, 'unixepoch') || ' UTC, host ' || host ||
       ', Linux ' || kernel_release || ' ' || machine || COALESCE(
         (SELECT ', ' || human_bytes(value * 1024) || ' of memory' FROM snapshot_system_fact
          WHERE snapshot_id = :snapshot AND name = 'meminfo.MemTotal_kib'), '')
FROM s
UNION ALL
SELECT IIF(length(options) > 78, substr(options, 1, 75) || '...', options) FROM s
UNION ALL
SELECT human_count(processes) || IIF(processes = 1, ' process', ' processes') ||
       IIF(EXISTS (SELECT 1 FROM snapshot_system_fact WHERE snapshot_id = :snapshot
                   AND name = 'capture.all_processes'), ', all of the machine', '') ||
       IIF(s.pfn_visible, ': ' || human_count(present) || ' pages in memory, ' || human_count(swapped) ||
           ' in swap', ': captured without root, so only the kernel''s own figures') ||
       IIF(snapshots = 1, '', '; snapshot ' || s.id || ' of ' || snapshots) ||
       IIF(gaps = 0, '', '; ' || human_count(gaps) || IIF(gaps = 1, ' gap', ' gaps'))
FROM s, contents
UNION ALL SELECT '';

-- footing:
WITH largest AS (
  SELECT pid FROM process_usage WHERE snapshot_id = :snapshot AND mapping_count > 0
  ORDER BY COALESCE(rss_kib, kernel_rss_kib) DESC, pid LIMIT 1
),
line AS (
  SELECT 1 AS position, 'maps ' || :files || ' --pid ' || pid AS command, 'what its mappings have' AS what FROM largest
  UNION ALL
  SELECT 2, 'layout ' || :files || ' --pid ' || pid, 'a picture of its address space' FROM largest, snapshot
  WHERE id = :snapshot AND pfn_visible
  UNION ALL
  SELECT 3, 'shared ' || :files, 'which processes share how much' FROM snapshot
  WHERE id = :snapshot AND pfn_visible
    AND (SELECT COUNT(*) FROM process WHERE snapshot_id = :snapshot AND mapping_count > 0) > 1
  UNION ALL
  SELECT 4, 'diff ' || :files, 'what changed between its snapshots' WHERE (SELECT COUNT(*) FROM snapshot) > 1
  UNION ALL
  SELECT 5, 'ram ' || :files, 'where all RAM is'
  WHERE EXISTS (SELECT 1 FROM ram_chunk WHERE snapshot_id = :snapshot)
  UNION ALL
  SELECT 6, 'info ' || :files, IIF(EXISTS (SELECT 1 FROM gap WHERE snapshot_id = :snapshot),
                                   'what is missing, and why', 'how it was taken')
  UNION ALL
  SELECT 7, 'list', 'all reports'
)
SELECT text FROM (
  SELECT 0 AS position, '' AS text
  UNION ALL
  SELECT position, printf('%-*s  analyze %s', (SELECT MAX(length(what)) FROM line), what, command) FROM line
  ORDER BY position
);
