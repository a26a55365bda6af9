-- title: Differences
-- group: Comparing
-- about: What changed between two snapshots, on one screen: totals, the largest movers, what happened
-- include: change
-- fail-if: diff-total
-- column topic: matched; total; rss of (a kind of memory); most (the ten largest differences in RSS); pages (what became of them); mappings; process (gone or new)
-- column what: figure, kind, mapping or event
-- column before_kib: KiB before
-- column after_kib: KiB after
-- column difference_kib: KiB more
-- column detail: in words
WITH unit AS MATERIALIZED (
  SELECT
    r.unit_mapping_id AS after_mapping_id,
    MAX(r.before_mapping_id) AS before_mapping_id,
    MAX(r.before_process_id) AS before_process_id,
    MAX(r.after_process_id) AS after_process_id,
    MAX(IIF(r.how IN ('vanished', 'appeared'), NULL, r.how)) AS how,
    COALESCE(SUM(IIF(r.before_mapping_id IS NULL, NULL, r.page_count)), 0) AS before_page_count,
    COALESCE(SUM(IIF(r.after_mapping_id IS NULL, NULL, r.page_count)), 0) AS after_page_count,
    known_sum(r.before_rss_kib) AS before_rss_kib,
    known_sum(r.before_pss) >> 22 AS before_pss_kib,
    known_sum(r.before_uss_kib) AS before_uss_kib,
    known_sum(r.before_swap_kib) AS before_swap_kib,
    known_sum(r.before_hugetlb_kib) AS before_hugetlb_kib,
    known_sum(r.before_thp_kib) AS before_thp_kib,
    known_sum(r.after_rss_kib) AS after_rss_kib,
    known_sum(r.after_pss) >> 22 AS after_pss_kib,
    known_sum(r.after_uss_kib) AS after_uss_kib,
    known_sum(r.after_swap_kib) AS after_swap_kib,
    known_sum(r.after_hugetlb_kib) AS after_hugetlb_kib,
    known_sum(r.after_thp_kib) AS after_thp_kib,
    SUM(r.faulted_in_count) AS faulted_in_count,
    SUM(r.dropped_count) AS dropped_count,
    SUM(r.swapped_out_count) AS swapped_out_count,
    SUM(r.swapped_in_count) AS swapped_in_count,
    SUM(r.slot_moved_count) AS slot_moved_count,
    SUM(r.copied_on_write_count) AS copied_on_write_count,
    SUM(r.merged_count) AS merged_count,
    SUM(r.migrated_count) AS migrated_count,
    SUM(r.collapsed_count) AS collapsed_count,
    SUM(r.split_count) AS split_count,
    SUM(r.recharged_count) AS recharged_count,
    SUM(r.flags_changed_count) AS flags_changed_count,
    SUM(r.special_changed_count) AS special_changed_count,
    SUM(r.unchanged_count) AS unchanged_count,
    SUM(r.incomparable_count) AS incomparable_count,
    SUM(r.unread_count) AS unread_count
  FROM placed r
  GROUP BY r.unit_mapping_id, IIF(r.unit_mapping_id IS NULL, r.before_mapping_id, 0)
), labelled AS MATERIALIZED (
  SELECT before_rss_kib, after_rss_kib, faulted_in_count, dropped_count, swapped_out_count,
    swapped_in_count, slot_moved_count, copied_on_write_count, merged_count, migrated_count,
    collapsed_count, split_count, recharged_count, flags_changed_count, special_changed_count,
    unchanged_count, incomparable_count, unread_count, before_page_count, after_page_count,
    page_size, event, mapping_kind(path, perms) AS kind,
    IIF(path = '', 'anonymous memory at ' || COALESCE(after_start, before_start),
        -- A program or library has several mappings.
        path || IIF(path LIKE '/%', ' ' || perms, '')) || ' of ' || process_name || ' ' || pid
      AS label
  FROM described
), fate AS (
  SELECT 1 AS position, 'faulted in' AS fate, faulted_in_count AS page_count, label, page_size FROM labelled
  UNION ALL SELECT 2, 'dropped', dropped_count, label, page_size FROM labelled
  UNION ALL SELECT 3, 'swapped out', swapped_out_count, label, page_size FROM labelled
  UNION ALL SELECT 4, 'swapped in', swapped_in_count, label, page_size FROM labelled
  UNION ALL SELECT 5, 'moved in swap', slot_moved_count, label, page_size FROM labelled
  UNION ALL SELECT 6, 'copied on write', copied_on_write_count, label, page_size FROM labelled
  UNION ALL SELECT 7, 'now in shared frames', merged_count, label, page_size FROM labelled
  UNION ALL SELECT 8, 'in other frames', migrated_count, label, page_size FROM labelled
  UNION ALL SELECT 9, 'now in huge pages', collapsed_count, label, page_size FROM labelled
  UNION ALL SELECT 10, 'no longer in huge pages', split_count, label, page_size FROM labelled
  UNION ALL SELECT 11, 'charged to another cgroup', recharged_count, label, page_size FROM labelled
  UNION ALL SELECT 12, 'with other flags', flags_changed_count, label, page_size FROM labelled
  UNION ALL SELECT 13, 'with other special entries', special_changed_count, label, page_size FROM labelled
  UNION ALL SELECT 14, 'unchanged', unchanged_count, label, page_size FROM labelled
  UNION ALL SELECT 15, 'not comparable', incomparable_count, label, page_size FROM labelled
  UNION ALL SELECT 16, 'not read', unread_count, label, page_size FROM labelled
), ranked_fate AS (
  SELECT *, SUM(page_count) OVER (PARTITION BY position) AS total_count,
         ROW_NUMBER() OVER (PARTITION BY position ORDER BY page_count DESC, label) AS place,
         COUNT(*) OVER (PARTITION BY position) AS mapping_count
  FROM fate WHERE page_count > 0
), ranked_event AS (
  SELECT *, COUNT(*) OVER (PARTITION BY event) AS mapping_count,
         SUM(MAX(before_page_count, after_page_count) * page_size) OVER (PARTITION BY event) AS bytes,
         ROW_NUMBER() OVER (PARTITION BY event
                            ORDER BY MAX(before_page_count, after_page_count) DESC, label) AS place
  FROM labelled WHERE event <> ''
), line AS (
  SELECT 1 AS position, 0 AS place, 'matched' AS topic,
         IIF(MAX(mode) = 'same', 'the same processes, later', 'another run of the programs')
           AS what,
         NULL AS before_kib, NULL AS after_kib, NULL AS difference_kib,
         COUNT(before_process_id + after_process_id) || ' of ' || COUNT(*) || ' processes and ' ||
         (SELECT COUNT(before_mapping_id + after_mapping_id) || ' of ' || COUNT(*) ||
                 ' mappings have a counterpart' ||
                 IIF(COUNT(before_mapping_id + after_mapping_id) < COUNT(*),
                     '; diff-maps lists the others', '')
          FROM unit) AS detail
  FROM wanted
  UNION ALL SELECT 2, 0, 'total', 'RSS', before_rss_kib, after_rss_kib,
         after_rss_kib - before_rss_kib, '' FROM total
  UNION ALL SELECT 2, 1, 'total', 'PSS', before_pss_kib, after_pss_kib,
         after_pss_kib - before_pss_kib, '' FROM total
  UNION ALL SELECT 2, 2, 'total', 'USS', before_uss_kib, after_uss_kib,
         after_uss_kib - before_uss_kib, '' FROM total
  UNION ALL SELECT 2, 3, 'total', 'swap', before_swap_kib, after_swap_kib,
         after_swap_kib - before_swap_kib, '' FROM total
  UNION ALL SELECT 2, 4, 'total', 'hugetlb', before_hugetlb_kib, after_hugetlb_kib,
         after_hugetlb_kib - before_hugetlb_kib, '' FROM total
  UNION ALL SELECT 2, 5, 'total', 'huge pages', before_thp_kib, after_thp_kib,
         after_thp_kib - before_thp_kib, '' FROM total
  UNION ALL
  SELECT 3, 0, 'rss of', kind, known_sum(before_rss_kib), known_sum(after_rss_kib),
         known_sum(after_rss_kib) - known_sum(before_rss_kib),
         COUNT(*) || IIF(COUNT(*) = 1, ' mapping', ' mappings')
  FROM labelled GROUP BY kind
  UNION ALL SELECT * FROM (
    SELECT 4, 0, 'most', label, before_rss_kib, after_rss_kib, after_rss_kib - before_rss_kib, event
    FROM labelled WHERE after_rss_kib <> before_rss_kib
    ORDER BY ABS(after_rss_kib - before_rss_kib) DESC, label LIMIT 10)
  UNION ALL
  SELECT 5, position, 'pages', fate, NULL, NULL, NULL,
         human_count(total_count) || IIF(total_count = 1, ' page (', ' pages (') ||
         human_bytes(total_count * page_size) || ')' ||
         IIF(fate = 'unchanged', '', IIF(mapping_count = 1, ', ', ', mostly ') || label)
  FROM ranked_fate WHERE place = 1
  UNION ALL
  SELECT 5, 17, 'pages', 'cannot be told', NULL, NULL, NULL, (
    SELECT CASE
        WHEN MIN(pfn_visible) = 0 THEN 'PFNs were hidden from capture'
        WHEN NOT same_boot(:before, :after) THEN 'frames of two boots have nothing in common'
        WHEN same_boot(:before, :after) IS NULL THEN 'whether they are of one boot is unknown'
        WHEN (SELECT MAX(mode) FROM wanted) = 'rerun' THEN 'another run has other frames'
        ELSE 'flags, map counts or cgroups of frames were not read'
      END
    FROM snapshot WHERE id IN (:before, :after)) || ': ' || GROUP_CONCAT(fate, ', ')
  FROM (SELECT DISTINCT position, fate FROM fate WHERE page_count IS NULL ORDER BY position)
  HAVING COUNT(*) > 0
  UNION ALL
  SELECT 6, 0, 'mappings', event, NULL, NULL, NULL,
         human_count(mapping_count) || ' (' || human_bytes(bytes) || ')' ||
         IIF(mapping_count = 1, ', ', ', mostly ') || label
  FROM ranked_event WHERE place = 1
  UNION ALL SELECT * FROM (
    SELECT 7, 0, 'process', name || ' ' || COALESCE(after_pid, before_pid), NULL, NULL, NULL, how
    FROM wanted WHERE how IN ('gone', 'new')
    ORDER BY how, COALESCE(after_pid, before_pid) LIMIT 10)
  UNION ALL
  SELECT 8, 0, 'process', '...', NULL, NULL, NULL,
         (COUNT(*) - 10) || ' more are gone or new; diff-processes lists them all'
  FROM wanted WHERE how IN ('gone', 'new') HAVING COUNT(*) > 10
)
SELECT topic, what, before_kib, after_kib, difference_kib, detail
FROM line
ORDER BY position, place, ABS(difference_kib) DESC, what;
