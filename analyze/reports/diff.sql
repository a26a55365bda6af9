-- title: Differences
-- group: Comparing
-- about: What changed between two snapshots, on one screen: totals, the largest movers, what happened
-- include: change
-- fail-if: diff-total
-- spare: before_kib, after_kib
-- kept: difference_kib, detail
-- kernel: before_kib = kernel_before_kib, after_kib = kernel_after_kib, difference_kib = kernel_difference_kib
-- wrap: what 25 2, detail 22
-- column topic: matched; setting (of the machine, where it differs); total; rss of (a kind of memory); most (the ten largest differences in RSS); pages (what became of them); mappings; process (gone or new)
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
    SUM(r.resized_count) AS resized_count,
    SUM(r.inherited_count) AS inherited_count,
    SUM(r.left_to_parent_count) AS left_to_parent_count,
    SUM(r.maybe_swapped_out_count) AS maybe_swapped_out_count,
    SUM(r.maybe_swapped_in_count) AS maybe_swapped_in_count,
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
    collapsed_count, split_count, resized_count, inherited_count, left_to_parent_count,
    maybe_swapped_out_count, maybe_swapped_in_count,
    recharged_count, flags_changed_count, special_changed_count,
    before_process_id, before_mapping_id, after_process_id, after_mapping_id,
    -- But for unchanged ones; NULL where one of these is.
    faulted_in_count + dropped_count + swapped_out_count + swapped_in_count + slot_moved_count +
      copied_on_write_count + merged_count + migrated_count + collapsed_count + split_count +
      resized_count + inherited_count + left_to_parent_count + maybe_swapped_out_count +
      maybe_swapped_in_count + recharged_count + flags_changed_count + special_changed_count +
      incomparable_count + unread_count AS other_count,
    unchanged_count, incomparable_count, unread_count, before_page_count, after_page_count,
    page_size, event, mapping_kind(path, perms) AS kind,
    -- The kernel's own figures are of whole mappings.
    IIF(before_mapping_id IS NULL, zero,
        (SELECT k.rss_kib FROM mapping m
         CROSS JOIN kernel_usage k ON k.process_id = m.process_id AND k.mapping_id = m.id
         WHERE m.id = before_mapping_id AND m.page_count = before_page_count AND zero = 0))
      AS kernel_before_kib,
    IIF(after_mapping_id IS NULL, zero,
        (SELECT k.rss_kib FROM mapping m
         CROSS JOIN kernel_usage k ON k.process_id = m.process_id AND k.mapping_id = m.id
         WHERE m.id = after_mapping_id AND m.page_count = after_page_count AND zero = 0))
      AS kernel_after_kib,
    IIF(path = '', 'anonymous memory at ' || COALESCE(after_start, before_start),
        -- A program or library has several mappings.
        path || IIF(path LIKE '/%', ' ' || perms, '')) || ' of ' || process_name || ' ' || pid
      AS label
  FROM described, hidden
), resized AS MATERIALIZED (
  -- The table is only opened where there are such pages.
  SELECT c.after_mapping_id, c.after_folio_kib AS folio_kib, SUM(c.page_count) AS page_count
  FROM (SELECT MAX(resized_count) AS most FROM labelled) g
  CROSS JOIN page_change(:before, :after, COALESCE(:match, 'auto'), COALESCE(:volatile, 0)) c
  WHERE g.most > 0 AND c.change = 'resized'
  GROUP BY 1, 2
), fate AS MATERIALIZED (
  -- One reference to `labelled`: SQLite takes long to resolve each.
  SELECT v.column1 AS position, v.column2 AS fate,
         CASE v.column1
           WHEN 1 THEN faulted_in_count
           WHEN 1.1 THEN inherited_count
           WHEN 1.2 THEN maybe_swapped_in_count
           WHEN 2 THEN dropped_count
           WHEN 2.1 THEN left_to_parent_count
           WHEN 2.2 THEN maybe_swapped_out_count
           WHEN 10.1 THEN IIF(resized_count IS NULL, NULL, 0)
           WHEN 3 THEN swapped_out_count
           WHEN 4 THEN swapped_in_count
           WHEN 5 THEN slot_moved_count
           WHEN 6 THEN copied_on_write_count
           WHEN 7 THEN merged_count
           WHEN 8 THEN migrated_count
           WHEN 9 THEN collapsed_count
           WHEN 10 THEN split_count
           WHEN 11 THEN recharged_count
           WHEN 12 THEN flags_changed_count
           WHEN 13 THEN special_changed_count
           WHEN 14 THEN unchanged_count
           WHEN 15 THEN incomparable_count
           WHEN 16 THEN unread_count
         END AS page_count, label, page_size,
         CASE v.column1 WHEN 1.2 THEN before_process_id WHEN 2.2 THEN after_process_id END AS process_id,
         CASE v.column1 WHEN 1.2 THEN before_mapping_id WHEN 2.2 THEN after_mapping_id END AS mapping_id
  FROM labelled CROSS JOIN (VALUES
    (1, 'faulted in'),
    (1.1, 'inherited from the parent'),
    (1.2, 'faulted in or swapped in'),
    (2, 'dropped'),
    (2.1, 'left to the parent'),
    (2.2, 'dropped or swapped out'),
    (10.1, 'in folios of another size'),
    (3, 'swapped out'),
    (4, 'swapped in'),
    (5, 'moved in swap'),
    (6, 'copied on write'),
    (7, 'now in shared frames'),
    (8, 'in other frames'),
    (9, 'now in huge pages'),
    (10, 'no longer in huge pages'),
    (11, 'charged to another cgroup'),
    (12, 'with other flags'),
    (13, 'with other special entries'),
    (14, 'unchanged'),
    (15, 'not comparable'),
    (16, 'not read')) v
  WHERE v.column1 = 14 OR other_count IS NOT 0
  UNION ALL
  SELECT 10.1 + COALESCE(r.folio_kib, 0) / 1e8,
         CASE WHEN r.folio_kib IS NULL THEN 'in folios of unknown size'
              WHEN r.folio_kib * 1024 = l.page_size THEN 'no longer in large folios'
              ELSE 'now in folios of ' || human_bytes(r.folio_kib * 1024) END,
         r.page_count, l.label, l.page_size, NULL, NULL
  FROM resized r JOIN labelled l ON l.after_mapping_id = r.after_mapping_id
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
), total_line AS (
  -- One reference to `total`, too.
  SELECT v.column1 AS place, v.column2 AS what, process_count,
    CASE v.column1 WHEN 0 THEN before_rss_kib WHEN 1 THEN before_pss_kib WHEN 2 THEN before_uss_kib WHEN 3 THEN before_swap_kib WHEN 4 THEN before_hugetlb_kib WHEN 5 THEN before_thp_kib END
      AS before_kib,
    CASE v.column1 WHEN 0 THEN after_rss_kib WHEN 1 THEN after_pss_kib WHEN 2 THEN after_uss_kib WHEN 3 THEN after_swap_kib WHEN 4 THEN after_hugetlb_kib WHEN 5 THEN after_thp_kib END
      AS after_kib,
    CASE v.column1 WHEN 0 THEN rss_kib WHEN 1 THEN pss_kib WHEN 2 THEN uss_kib WHEN 3 THEN swap_kib WHEN 4 THEN hugetlb_kib WHEN 5 THEN thp_kib END
      AS difference_kib,
    CASE v.column1 WHEN 0 THEN before_rss_known WHEN 1 THEN before_pss_known WHEN 2 THEN before_uss_known WHEN 3 THEN before_swap_known WHEN 4 THEN before_hugetlb_known WHEN 5 THEN before_thp_known END
      AS before_known,
    CASE v.column1 WHEN 0 THEN after_rss_known WHEN 1 THEN after_pss_known WHEN 2 THEN after_uss_known WHEN 3 THEN after_swap_known WHEN 4 THEN after_hugetlb_known WHEN 5 THEN after_thp_known END
      AS after_known,
    CASE v.column1 WHEN 0 THEN rss_known WHEN 1 THEN pss_known WHEN 2 THEN uss_known WHEN 3 THEN swap_known WHEN 4 THEN hugetlb_known WHEN 5 THEN thp_known END
      AS known,
    CASE v.column1 WHEN 0 THEN kernel_before_rss_kib WHEN 1 THEN kernel_before_pss_kib WHEN 2 THEN kernel_before_uss_kib WHEN 3 THEN kernel_before_swap_kib END
      AS kernel_before_kib,
    CASE v.column1 WHEN 0 THEN kernel_after_rss_kib WHEN 1 THEN kernel_after_pss_kib WHEN 2 THEN kernel_after_uss_kib WHEN 3 THEN kernel_after_swap_kib END
      AS kernel_after_kib,
    CASE v.column1 WHEN 0 THEN kernel_rss_kib WHEN 1 THEN kernel_pss_kib WHEN 2 THEN kernel_uss_kib WHEN 3 THEN kernel_swap_kib END
      AS kernel_difference_kib
  FROM total CROSS JOIN (VALUES (0, 'RSS'), (1, 'PSS'), (2, 'USS'), (3, 'swap'), (4, 'hugetlb'), (5, 'huge pages')) v
), setting AS (
  -- Where one of the snapshots has none, they were not captured.
  SELECT name, MAX(IIF(snapshot_id = :before, value, NULL)) AS before_value,
         MAX(IIF(snapshot_id = :after, value, NULL)) AS after_value
  FROM snapshot_setting WHERE snapshot_id IN (:before, :after)
    AND EXISTS (SELECT 1 FROM snapshot_setting WHERE snapshot_id = :before)
    AND EXISTS (SELECT 1 FROM snapshot_setting WHERE snapshot_id = :after)
  GROUP BY name
  UNION ALL
  SELECT 'kernel', b.kernel_release, a.kernel_release
  FROM snapshot b JOIN snapshot a WHERE b.id = :before AND a.id = :after
), line AS (
  SELECT 1 AS position, 0 AS place, 'matched' AS topic,
         IIF(MAX(mode) = 'same', 'the same processes, later', 'another run of the programs')
           AS what,
         NULL AS before_kib, NULL AS after_kib, NULL AS difference_kib,
         NULL AS kernel_before_kib, NULL AS kernel_after_kib, NULL AS kernel_difference_kib,
         COUNT(before_process_id + after_process_id) || ' of ' || COUNT(*) || ' processes and ' ||
         (SELECT COUNT(before_mapping_id + after_mapping_id) || ' of ' || COUNT(*) ||
                 ' mappings have a counterpart' ||
                 IIF(COUNT(before_mapping_id + after_mapping_id) < COUNT(*),
                     '; diff-maps lists the others', '')
          FROM unit) AS detail
  FROM wanted
  UNION ALL
  SELECT 1.5, 0, 'setting', name, NULL, NULL, NULL, NULL, NULL, NULL,
         IIF(before_value IS NULL, 'did not exist', 'was ' || before_value) || ', ' ||
         IIF(after_value IS NULL, 'does not exist now', 'is now ' || after_value)
  FROM setting WHERE before_value IS NOT after_value
  UNION ALL
  -- What is known of few processes says less than what the kernel says of all.
  SELECT 2, place, 'total', what,
         IIF(kernel_before_kib IS NULL OR before_known = process_count, before_kib, NULL),
         IIF(kernel_after_kib IS NULL OR after_known = process_count, after_kib, NULL),
         IIF(kernel_difference_kib IS NULL OR known = process_count, difference_kib, NULL),
         kernel_before_kib, kernel_after_kib, kernel_difference_kib,
         CASE WHEN MIN(before_known, after_known, known) = process_count
                OR MAX(before_known, after_known) = 0 OR kernel_difference_kib IS NOT NULL THEN ''
              WHEN before_known = known AND after_known = known
              THEN 'in ' || known || ' of ' || process_count || ' processes; unknown in the others'
              ELSE 'before in ' || before_known || ', after in ' || after_known ||
                   ', both in ' || known || ' of ' || process_count || ' processes' END
  FROM total_line
  UNION ALL
  SELECT 3, 0, 'rss of', kind,
         IIF(COUNT(before_rss_kib) < COUNT(*) AND COUNT(kernel_before_kib) = COUNT(*), NULL, partial_sum(before_rss_kib)),
         IIF(COUNT(after_rss_kib) < COUNT(*) AND COUNT(kernel_after_kib) = COUNT(*), NULL, partial_sum(after_rss_kib)),
         IIF(COUNT(after_rss_kib - before_rss_kib) < COUNT(*)
               AND COUNT(kernel_after_kib - kernel_before_kib) = COUNT(*),
             NULL, partial_sum(after_rss_kib - before_rss_kib)),
         known_sum(kernel_before_kib), known_sum(kernel_after_kib),
         known_sum(kernel_after_kib - kernel_before_kib),
         IIF(MAX(COUNT(after_rss_kib - before_rss_kib), COUNT(kernel_after_kib - kernel_before_kib)) < COUNT(*),
             'in ' || COUNT(after_rss_kib - before_rss_kib) || ' of ', '') ||
         COUNT(*) || IIF(COUNT(*) = 1, ' mapping', ' mappings')
  FROM labelled GROUP BY kind
  UNION ALL SELECT * FROM (
    SELECT 4, 0, 'most', label, before_rss_kib, after_rss_kib, after_rss_kib - before_rss_kib,
           kernel_before_kib, kernel_after_kib, kernel_after_kib - kernel_before_kib, event
    FROM labelled
    WHERE COALESCE(after_rss_kib - before_rss_kib, kernel_after_kib - kernel_before_kib) <> 0
    ORDER BY ABS(COALESCE(after_rss_kib - before_rss_kib, kernel_after_kib - kernel_before_kib)) DESC,
             label LIMIT 10)
  UNION ALL
  SELECT 5, position, 'pages', fate, NULL, NULL, NULL, NULL, NULL, NULL,
         human_count(total_count) || IIF(total_count = 1, ' page (', ' pages (') ||
         human_bytes(total_count * page_size) || ')' ||
         IIF(fate = 'unchanged', '', IIF(mapping_count = 1, ', ', ', mostly ') || label) ||
         IIF(mapping_id IS NULL, '',
             '; smaps has ' || (SELECT swap_kib FROM kernel_usage k WHERE k.process_id = r.process_id
                                AND k.mapping_id = r.mapping_id) || ' KiB of it in swap')
  FROM ranked_fate r WHERE place = 1
  UNION ALL
  SELECT 5, 17, 'pages', 'cannot be told', NULL, NULL, NULL, NULL, NULL, NULL, (
    SELECT CASE
        WHEN MIN(pfn_visible) = 0 THEN 'PFNs were hidden from capture'
        WHEN NOT same_boot(:before, :after) THEN 'frames of two boots have nothing in common'
        WHEN same_boot(:before, :after) IS NULL THEN 'whether they are of one boot is unknown'
        WHEN (SELECT MAX(mode) FROM wanted) = 'rerun' THEN 'another run has other frames'
        ELSE 'flags, map counts or cgroups of frames were not read'
      END
    FROM snapshot WHERE id IN (:before, :after)) || ': ' || fates
  FROM (SELECT GROUP_CONCAT(fate, ', ') AS fates
        FROM (SELECT DISTINCT position, fate FROM fate WHERE page_count IS NULL ORDER BY position))
  WHERE fates IS NOT NULL
  UNION ALL
  SELECT 6, 0, 'mappings', event, NULL, NULL, NULL, NULL, NULL, NULL,
         human_count(mapping_count) || ' (' || human_bytes(bytes) || ')' ||
         IIF(mapping_count = 1, ', ', ', mostly ') || label
  FROM ranked_event WHERE place = 1
  UNION ALL SELECT * FROM (
    SELECT 7, 0, 'process', name || ' ' || COALESCE(after_pid, before_pid), NULL, NULL, NULL, NULL, NULL, NULL, how
    FROM wanted WHERE how IN ('gone', 'new')
    ORDER BY how, COALESCE(after_pid, before_pid) LIMIT 10)
  UNION ALL
  SELECT 8, 0, 'process', '...', NULL, NULL, NULL, NULL, NULL, NULL,
         (process_count - 10) || ' more are gone or new; diff-processes lists them all'
  FROM (SELECT COUNT(*) AS process_count FROM wanted WHERE how IN ('gone', 'new'))
  WHERE process_count > 10
)
SELECT topic, what, before_kib, after_kib, difference_kib, detail,
       kernel_before_kib, kernel_after_kib, kernel_difference_kib
FROM line
ORDER BY position, place, ABS(COALESCE(difference_kib, kernel_difference_kib)) DESC, what;
