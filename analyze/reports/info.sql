-- title: The file
-- group: Overview
-- notes: none
-- about: When and where the snapshot was taken, what was visible, what is missing, what it cost
-- parameter all flag: also how the machine's memory management was set, and what it had counted
-- wrap: value 24
-- column topic: what the line is about
-- column fact: name
-- column value: for people; use 'sql' for the tables behind it
WITH s AS (SELECT * FROM snapshot WHERE id = :snapshot),
stop AS (
  SELECT id, pid, name, frozen, stopped_ns,
         ROW_NUMBER() OVER (ORDER BY stopped_ns DESC, pid) AS place
  FROM process WHERE snapshot_id = :snapshot AND stopped_ns IS NOT NULL
),
-- Of a capture with --freeze: what became of each process. Who was left running on purpose has no
-- time and no gap.
fate AS (
  SELECT CASE WHEN frozen THEN 'stopped'
              WHEN stopped_ns IS NOT NULL THEN 'held up'
              WHEN id IN (SELECT process_id FROM gap WHERE snapshot_id = :snapshot
                          AND source IN ('freeze', 'stat', 'maps')) THEN 'gap'
              WHEN kernel_thread THEN 'kernel thread'
              WHEN state = 'Z' OR ended THEN 'ended'
              ELSE 'left running' END AS fate
  FROM process WHERE snapshot_id = :snapshot
),
fates AS (
  SELECT COUNT(*) AS n, COUNT(*) FILTER (WHERE fate = 'stopped') AS stopped,
         COUNT(*) FILTER (WHERE fate = 'held up') AS held_up,
         COUNT(*) FILTER (WHERE fate = 'left running') AS left_running,
         COUNT(*) FILTER (WHERE fate = 'gap') AS gap,
         COUNT(*) FILTER (WHERE fate = 'kernel thread') AS kernel_thread,
         COUNT(*) FILTER (WHERE fate = 'ended') AS ended
  FROM fate
),
line AS (
  SELECT 10 AS position, 'snapshot' AS topic, 'number' AS fact,
         id || ' of ' || (SELECT COUNT(*) FROM snapshot) AS value FROM s
  UNION ALL SELECT 11, 'snapshot', 'taken (UTC)',
         strftime('%Y-%m-%d %H:%M:%S', wall_time_ns / 1000000000, 'unixepoch') ||
         printf('.%03d', wall_time_ns / 1000000 % 1000) FROM s
  UNION ALL SELECT 12, 'snapshot', 'since boot', human_duration(boot_time_ns) FROM s
  UNION ALL SELECT 13, 'snapshot', 'command', options FROM s
  UNION ALL SELECT 14, 'snapshot', 'pagesnap version', tool_version FROM s
  UNION ALL SELECT 15, 'snapshot', 'processes stopped', COALESCE(
         (SELECT IIF(s.frozen, '', 'in part: ') ||
                 IIF(value = 'unknown', 'for an unknown time',
                     human_count(stopped) || ' of ' || human_count(n) || ' stopped' ||
                     IIF(value = '0', '', ', for ' || human_duration(value) || ' in all')) ||
                 IIF(held_up = 0, '', '; ' || human_count(held_up) ||
                     ' held up, but not stopped while all was read: see gaps') ||
                 IIF(left_running = 0, '', '; ' || human_count(left_running) ||
                     ' ran on: capture, its tracer and their ancestors') ||
                 IIF(gap = 0, '', '; ' || human_count(gap) || ' not stopped: see gaps') ||
                 IIF(kernel_thread = 0, '', '; ' || human_count(kernel_thread) ||
                     IIF(kernel_thread = 1, ' kernel thread', ' kernel threads')) ||
                 IIF(ended = 0, '', '; ' || human_count(ended) || ' had ended')
          FROM snapshot_system_fact JOIN fates WHERE snapshot_id = s.id AND name = 'capture.freeze_ns'),
         (SELECT 'yes: the program stood at its exit, where capture held it' FROM snapshot_system_fact
          WHERE snapshot_id = s.id AND name = 'capture.at_exit'),
         IIF(frozen, 'yes', 'no: they ran on')) FROM s
  UNION ALL SELECT * FROM (
         SELECT 16, 'snapshot', IIF(frozen, 'stopped: pid ', 'held up: pid ') || pid,
                human_duration(stopped_ns) || ', ' || name || IIF(frozen, '', COALESCE(
                '; ' || (SELECT MIN(reason) FROM gap WHERE snapshot_id = :snapshot
                         AND process_id = stop.id AND source IN ('freeze', 'stat', 'maps')),
                '')) FROM stop
         WHERE place <= 5 ORDER BY place)
  UNION ALL SELECT 17, 'snapshot', 'stopped: others',
         n || ' more, none of them for longer'
         FROM (SELECT COUNT(*) AS n FROM stop WHERE place > 5) WHERE n > 0
  UNION ALL SELECT 20, 'machine', 'host', host FROM s
  UNION ALL SELECT 21, 'machine', 'kernel', kernel_release || ' ' || machine FROM s
  UNION ALL SELECT 22, 'machine', 'boot id', boot_id FROM s
  UNION ALL SELECT 23, 'machine', 'page size', human_bytes(page_size) FROM s
  UNION ALL SELECT 24, 'machine', 'memory',
         (SELECT human_bytes(value * 1024) FROM snapshot_system_fact
          WHERE snapshot_id = :snapshot AND name = 'meminfo.MemTotal_kib') || ', ' ||
         (SELECT human_bytes(value * 1024) FROM snapshot_system_fact
          WHERE snapshot_id = :snapshot AND name = 'meminfo.MemAvailable_kib') || ' available' FROM s
  UNION ALL SELECT 25, 'machine', 'NUMA nodes',
         (SELECT COUNT(DISTINCT node) FROM snapshot_memory_zone WHERE snapshot_id = :snapshot) FROM s
  UNION ALL SELECT 26, 'machine', 'swap',
         COALESCE((SELECT NULLIF(COUNT(*), 0) || IIF(COUNT(*) = 1, ' area, ', ' areas, ') || human_bytes(SUM(size_kib) * 1024) || ', ' ||
                          human_bytes(SUM(used_kib) * 1024) || ' used'
                   FROM snapshot_swap_device WHERE snapshot_id = :snapshot), 'none') FROM s
  UNION ALL SELECT 30, 'contents', 'processes',
         human_count((SELECT COUNT(*) FROM process WHERE snapshot_id = s.id)) ||
         (SELECT IIF(COUNT(*) = 0, '', ', ' || COUNT(*) || ' of them kernel threads')
          FROM process WHERE snapshot_id = s.id AND kernel_thread) ||
         (SELECT IIF(COUNT(*) = 0, '', ', all of the machine') FROM snapshot_system_fact
          WHERE snapshot_id = s.id AND name = 'capture.all_processes') FROM s
  UNION ALL SELECT 31, 'contents', 'mappings',
         human_count((SELECT COALESCE(SUM(mapping_count), 0) FROM process
                      WHERE snapshot_id = s.id)) FROM s
  UNION ALL SELECT 32, 'contents', 'pages', (
         SELECT human_count(COALESCE(SUM(present_count), 0)) || ' present, ' ||
                human_count(COALESCE(SUM(swapped_count), 0)) || ' swapped, ' ||
                human_count(COALESCE(SUM(special_count), 0)) || ' special'
         FROM process p JOIN mapping m ON m.process_id = p.id
         JOIN page_chunk c ON c.mapping_id = m.id WHERE p.snapshot_id = s.id) FROM s
  UNION ALL SELECT 33, 'contents', 'frames',
         human_count((SELECT COALESCE(SUM(frame_count), 0) FROM frame_chunk
                      WHERE snapshot_id = s.id)) FROM s
  UNION ALL SELECT 40, 'visible', 'PFNs and swap slots',
         IIF(pfn_visible, 'yes', 'no: capture lacked CAP_SYS_ADMIN') FROM s
  UNION ALL SELECT 41, 'visible', 'kpageflags', flags_state FROM s
  UNION ALL SELECT 42, 'visible', 'kpagecount', map_count_state ||
         IIF(map_count_kind = 'average', ', averages of large folios (CONFIG_NO_PAGE_MAPCOUNT)', '') FROM s
  UNION ALL SELECT 43, 'visible', 'kpagecgroup', cgroup_state FROM s
  UNION ALL SELECT 43, 'visible', 'cgroups',
         IIF(value = 'part', 'a part: cgroups outside the namespace or the mount have no name',
             'no hierarchy of the memory controller is mounted at /sys/fs/cgroup: they have no names')
         FROM snapshot_system_fact WHERE snapshot_id = :snapshot AND name = 'capture.cgroups'
  UNION ALL SELECT 43, 'visible', 'smaps', COALESCE(
         (SELECT 'left out (--no-smaps): nothing to check against' FROM snapshot_system_fact
          WHERE snapshot_id = :snapshot AND name = 'capture.smaps'),
         (SELECT 'left out where it would have kept the process waiting (pid ' || value ||
                 '); --freeze or --smaps reads it' FROM snapshot_system_fact
          WHERE snapshot_id = :snapshot AND name = 'capture.smaps_left_out'), 'read') FROM s
  UNION ALL SELECT 43, 'visible', 'sizes, times and build IDs of files', 'not all: ' || value
         FROM snapshot_system_fact WHERE snapshot_id = :snapshot AND name = 'capture.files_unknown'
  UNION ALL SELECT 44, 'moved', 'torn frames',
         (SELECT value || IIF(value = '0', '', ': they no longer belonged to the pages that refer ' ||
                              'to them; mapping_usage.torn_count says which mappings')
          FROM snapshot_system_fact WHERE snapshot_id = :snapshot AND name = 'capture.torn_frame_count') FROM s
  UNION ALL SELECT 45, 'moved', 'changed pages',
         COALESCE((SELECT value || ' words differed when read again at the end'
                   FROM snapshot_system_fact
                   WHERE snapshot_id = :snapshot AND name = 'capture.changed_page_count'),
                  'not verified (capture --verify)') FROM s
  UNION ALL SELECT 46, 'moved', 'started meanwhile',
         COALESCE((SELECT 'not captured: pid ' || value FROM snapshot_system_fact
                   WHERE snapshot_id = :snapshot AND name = 'capture.started_meanwhile'), 'none') FROM s
  UNION ALL SELECT 47, 'moved', 'ended meanwhile',
         human_count(n) || IIF(n = 1, ': its', ': their') || ' memory is unknown (first: pid ' || pid || ')'
         FROM (SELECT COUNT(*) AS n, MIN(pid) AS pid FROM process WHERE snapshot_id = :snapshot AND ended)
         WHERE n > 0
  UNION ALL SELECT 50, 'gaps', 'total', human_count((SELECT COUNT(*) FROM gap
         WHERE snapshot_id = s.id)) FROM s
  UNION ALL SELECT * FROM (
         SELECT 51, 'gaps', g.source,
                COUNT(*) || IIF(COUNT(*) = 1, ' time: ', ' times: ') || g.reason ||
                COALESCE(' (first: pid ' || MIN(p.pid) || ')', '')
         FROM gap g LEFT JOIN process p ON p.id = g.process_id
         WHERE g.snapshot_id = :snapshot GROUP BY g.source, g.reason
         ORDER BY COUNT(*) DESC LIMIT 10)
  UNION ALL SELECT 60, 'cost', 'time', human_duration(wall_ns) || ', CPU ' ||
         human_duration(user_ns) || ' user and ' || human_duration(system_ns) || ' system'
         FROM cost WHERE snapshot_id = :snapshot AND source = 'total'
  UNION ALL SELECT 61, 'cost', 'peak RSS of capture', human_bytes(peak_rss_kib * 1024)
         FROM cost WHERE snapshot_id = :snapshot AND source = 'total'
  UNION ALL SELECT 62, 'cost', 'read from the kernel', human_bytes(byte_count) || ' in ' ||
         human_count(call_count) || ' calls, the longest ' || human_duration(longest_ns)
         FROM cost WHERE snapshot_id = :snapshot AND source = 'total'
  UNION ALL SELECT * FROM (
         SELECT 63, 'cost', source, human_duration(wall_ns) || ', ' || human_bytes(byte_count) ||
                ' in ' || human_count(call_count) || ' calls, the longest ' ||
                human_duration(longest_ns)
         FROM cost WHERE snapshot_id = :snapshot AND source <> 'total'
         ORDER BY wall_ns DESC LIMIT 5)
  UNION ALL SELECT * FROM (SELECT 70, 'setting', name, value FROM snapshot_setting
                           WHERE :all AND snapshot_id = :snapshot ORDER BY name)
  UNION ALL SELECT * FROM (SELECT 71, 'counter', name, value FROM counter
                           WHERE :all AND snapshot_id = :snapshot AND value <> 0 ORDER BY name)
)
SELECT topic, fact, value FROM line ORDER BY position, IIF(position >= 70, fact, '');
