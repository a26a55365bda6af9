-- What holds of every snapshot, however it came about: each statement finds what breaks it, and so
-- gives no rows. Tests run them on samples, random snapshots, recorded trees and live captures
-- (tests/support/invariants.h).
--
-- An invariant is a line "-- invariant NAME: what it says" and one SELECT that ends with ';' at the
-- end of a line.
--
-- Memory here is a frame that exists and is no zero page; a frame whose flags were not read counts
-- as memory for sharing, and makes rss unknown.

-- invariant pages_add_up: present + swapped + special + absent = pages of the mapping, none negative
SELECT u.*, m.page_count
FROM mapping m
LEFT JOIN mapping_usage u ON u.mapping_id = m.id AND u.process_id = m.process_id
WHERE u.present_count + u.swapped_count + u.special_count + u.absent_count + u.hidden_count
      IS NOT m.page_count
   OR MIN(u.present_count, u.swapped_count, u.special_count, u.absent_count, u.hidden_count) < 0
   OR (u.absent_count > 0 AND u.hidden_count > 0);

-- invariant pages_are_counted: the rows of page by state are the mapping's counts
WITH seen AS MATERIALIZED (
  SELECT mapping_id,
         SUM(state = 'present') AS present_count,
         SUM(state IN ('swapped', 'swap_entry')) AS swapped_count,
         SUM(state NOT IN ('present', 'swapped', 'swap_entry')) AS special_count
  FROM page
  GROUP BY mapping_id
)
SELECT u.*, s.*
FROM mapping_usage u
LEFT JOIN seen s ON s.mapping_id = u.mapping_id
WHERE u.present_count <> COALESCE(s.present_count, 0)
   OR u.swapped_count <> COALESCE(s.swapped_count, 0)
   OR u.special_count <> COALESCE(s.special_count, 0);

-- invariant pages_are_in_their_mapping: no page row is outside its mapping, or there twice
SELECT m.id, COUNT(g.page), COUNT(DISTINCT g.page), MIN(g.page), MAX(g.page)
FROM mapping m
CROSS JOIN page g ON g.process_id = m.process_id AND g.mapping_id = m.id
GROUP BY m.id
HAVING MIN(g.page) < m.first_page OR MAX(g.page) >= m.first_page + m.page_count
    OR COUNT(g.page) <> COUNT(DISTINCT g.page);

-- invariant runs_are_pages: the runs of a mapping have its populated pages, each in one run
WITH run AS MATERIALIZED (
  SELECT mapping_id, SUM(page_count) AS page_count,
         SUM(IIF(state = 'present', page_count, 0)) AS present_count
  FROM page_run
  GROUP BY mapping_id
)
SELECT u.*, r.*
FROM mapping_usage u
LEFT JOIN run r ON r.mapping_id = u.mapping_id
WHERE u.present_count <> COALESCE(r.present_count, 0)
   OR u.present_count + u.swapped_count + u.special_count <> COALESCE(r.page_count, 0);

-- invariant groups_are_pages: the groups of a mapping have its populated pages, each in one group
WITH grouped AS MATERIALIZED (
  SELECT mapping_id, SUM(IIF(state = 'present', page_count, 0)) AS present_count,
         SUM(page_count) AS page_count
  FROM page_group
  GROUP BY mapping_id
)
SELECT u.*, g.*
FROM mapping_usage u
LEFT JOIN grouped g ON g.mapping_id = u.mapping_id
WHERE u.present_count <> COALESCE(g.present_count, 0)
   OR u.present_count + u.swapped_count + u.special_count <> COALESCE(g.page_count, 0);

-- invariant swap_is_all_of_it: the entries of a mapping are its pages in swap format; what all
-- processes have of a slot is no more than the slot, rounded down for each mapping
WITH entry AS MATERIALIZED (
  SELECT mapping_id,
         SUM(IIF(state IN ('swapped', 'swap_entry'), page_count, 0)) AS swapped_count,
         SUM(page_count) AS page_count,
         MIN(uss_kib <= pss_kib AND pss_kib <= kib) AS in_bounds
  FROM swap_usage
  GROUP BY mapping_id
)
SELECT u.*, e.*
FROM mapping_usage u
LEFT JOIN entry e ON e.mapping_id = u.mapping_id
WHERE u.swapped_count <> COALESCE(e.swapped_count, 0)
   OR u.swapped_count + u.special_count <> COALESCE(e.page_count, 0)
   OR e.in_bounds = 0;

-- invariant figures_are_sums_of_pages: rss, uss, pss and hugetlb, counted from page rows as
-- schema/README.md says; a mapping of VM_PFNMAP (flag pf) has none
WITH counted AS MATERIALIZED (
  SELECT
    g.mapping_id,
    SUM(g.flags IS NULL) AS unread_count,
    SUM(g.flags >> 17 & 1) AS huge_count,
    -- Neither HUGE (bit 17), NOPAGE (20) nor ZERO_PAGE (24).
    SUM(g.flags & ((1 << 17) | (1 << 20) | (1 << 24)) = 0) AS rss_count,
    SUM(g.flags & ((1 << 17) | (1 << 20) | (1 << 24)) = 0 AND g.map_count IS NULL) AS uncounted_count,
    -- Where a large folio (COMPOUND_HEAD, bit 15, or COMPOUND_TAIL, 16) has only an average, the bit
    -- of the page word decides.
    SUM(g.flags & ((1 << 17) | (1 << 20) | (1 << 24)) = 0 AND g.map_count IS NOT NULL
        AND IIF(s.map_count_kind = 'average' AND g.flags & ((1 << 15) | (1 << 16)) <> 0,
                g.mmap_exclusive, g.map_count <= 1)) AS uss_count,
    SUM(IIF(g.flags & ((1 << 17) | (1 << 20) | (1 << 24)) = 0,
            (s.page_size << 12) / MAX(g.map_count, 1), 0)) AS pss_sum
  FROM page g
  JOIN snapshot s ON s.id = g.snapshot_id
  WHERE g.state = 'present'
  GROUP BY g.mapping_id
)
SELECT u.*, c.*
FROM mapping_usage u
JOIN snapshot s ON s.id = u.snapshot_id
JOIN mapping m ON m.id = u.mapping_id
LEFT JOIN vm_flags v ON v.id = m.vm_flags_id
LEFT JOIN counted c ON c.mapping_id = u.mapping_id
  AND ' ' || COALESCE(v.names, '') || ' ' NOT LIKE '% pf %'
WHERE (u.rss_kib IS NOT NULL AND (
        u.rss_kib <> COALESCE(c.rss_count, 0) * s.page_size / 1024
        OR u.hugetlb_kib IS NOT COALESCE(c.huge_count, 0) * s.page_size / 1024
        OR c.unread_count > 0))
   OR (u.pss_kib IS NOT NULL AND (
        u.uss_kib IS NOT COALESCE(c.uss_count, 0) * s.page_size / 1024
        OR u.pss IS NOT COALESCE(c.pss_sum, 0)
        OR u.pss_kib <> COALESCE(c.pss_sum, 0) >> 22
        OR c.uncounted_count > 0))
   OR (u.swap_kib IS NOT NULL AND u.swap_kib <> u.swapped_count * s.page_size / 1024);

-- invariant uss_within_pss_within_rss: and no figure is negative. A folio that one process maps
-- several times is private, and its average is above 1.
SELECT u.*
FROM mapping_usage u
JOIN snapshot s ON s.id = u.snapshot_id
WHERE (u.uss_kib > u.pss_kib AND s.map_count_kind IS NOT 'average')
   OR u.pss_kib > u.rss_kib OR MIN(u.rss_kib, u.pss_kib, u.uss_kib, u.swap_kib) < 0;

-- invariant exact_within_rss: exact figures are known where, and only where,
-- `exact_missing` has no reason, and are no larger than what is in memory
SELECT h.*
FROM mapping_sharing h
JOIN mapping_usage u ON u.process_id = h.process_id AND u.mapping_id = h.mapping_id
WHERE h.exact_pss >> 22 > u.rss_kib OR h.exact_uss_kib > u.rss_kib
   OR (h.exact_pss_kib IS NULL) <> (h.exact_missing IS NOT NULL)
   OR (h.exact_uss_kib IS NULL) <> (h.exact_missing IS NOT NULL)
   OR h.exact_pss_kib IS NOT h.exact_pss >> 22;

-- invariant unknown_is_said: a figure is NULL where, and only where, `missing` has a reason
SELECT *
FROM mapping_usage
WHERE (rss_kib IS NULL OR pss_kib IS NULL OR uss_kib IS NULL OR swap_kib IS NULL
       OR hugetlb_kib IS NULL) <> (missing IS NOT NULL);

-- invariant mappings_are_counted: a process has as many mappings as it says, unless its list of them
-- is incomplete
SELECT p.id, p.mapping_count, COUNT(m.id)
FROM process p
LEFT JOIN mapping m ON m.process_id = p.id
WHERE NOT EXISTS (SELECT 1 FROM gap WHERE gap.process_id = p.id AND gap.source = 'maps')
GROUP BY p.id
HAVING p.mapping_count <> COUNT(m.id);

-- invariant process_is_sum_of_mappings: a process's figures are the sums over its mappings, and
-- unknown where one of them is
WITH summed AS (
  SELECT process_id, COUNT(*) AS mapping_count,
         SUM(rss_kib) AS rss_kib, COUNT(rss_kib) AS rss_known,
         SUM(pss) >> 22 AS pss_kib, COUNT(pss) AS pss_known,
         SUM(uss_kib) AS uss_kib, COUNT(uss_kib) AS uss_known,
         SUM(swap_kib) AS swap_kib, COUNT(swap_kib) AS swap_known
  FROM mapping_usage
  GROUP BY process_id
)
SELECT p.*, s.*
FROM process_usage p
LEFT JOIN summed s ON s.process_id = p.process_id
WHERE NOT p.maps_missing AND (
  p.rss_kib IS NOT IIF(COALESCE(rss_known = s.mapping_count, 1), COALESCE(s.rss_kib, 0), NULL)
  OR p.pss_kib IS NOT IIF(COALESCE(pss_known = s.mapping_count, 1), COALESCE(s.pss_kib, 0), NULL)
  OR p.uss_kib IS NOT IIF(COALESCE(uss_known = s.mapping_count, 1), COALESCE(s.uss_kib, 0), NULL)
  OR p.swap_kib
     IS NOT IIF(COALESCE(swap_known = s.mapping_count, 1), COALESCE(s.swap_kib, 0), NULL));

-- invariant every_frame_is_known: each present page has its frame in the table frame, and the facts
-- of both are the same
SELECT g.snapshot_id, g.mapping_id, g.page, g.pfn
FROM page g
LEFT JOIN frame f ON f.snapshot_id = g.snapshot_id AND f.pfn = g.pfn
WHERE g.pfn IS NOT NULL
  AND (f.pfn IS NULL OR g.flags IS NOT f.flags OR g.map_count IS NOT f.map_count
       OR g.cgroup_inode IS NOT f.cgroup_inode OR g.node IS NOT f.node OR g.zone IS NOT f.zone);

-- invariant users_are_pages: frame_user has a row for each page that has a frame
WITH used AS MATERIALIZED (
  SELECT snapshot_id, mapping_id, COUNT(*) AS user_count, SUM(pfn % 1000003) AS pfn_sum
  FROM frame_user
  GROUP BY snapshot_id, mapping_id
), seen AS MATERIALIZED (
  SELECT snapshot_id, mapping_id, COUNT(pfn) AS user_count, SUM(pfn % 1000003) AS pfn_sum
  FROM page
  WHERE pfn IS NOT NULL
  GROUP BY snapshot_id, mapping_id
)
SELECT * FROM used EXCEPT SELECT * FROM seen
UNION ALL
SELECT * FROM (SELECT * FROM seen EXCEPT SELECT * FROM used);

-- invariant frames_know_their_users: user_count is the number of mappings that use the frame
WITH used AS MATERIALIZED (
  SELECT snapshot_id, pfn, COUNT(DISTINCT mapping_id) AS user_count
  FROM frame_user
  GROUP BY snapshot_id, pfn
)
SELECT f.snapshot_id, f.pfn, f.user_count, u.user_count
FROM frame f
LEFT JOIN used u ON u.snapshot_id = f.snapshot_id AND u.pfn = f.pfn
WHERE f.user_count <> COALESCE(u.user_count, 0);

-- invariant frames_are_stored: frame has the frames that the chunks count
WITH stored AS (
  SELECT snapshot_id, SUM(frame_count) AS frame_count FROM frame_chunk GROUP BY snapshot_id
), shown AS (
  SELECT snapshot_id, COUNT(*) AS frame_count FROM frame GROUP BY snapshot_id
)
SELECT * FROM stored s LEFT JOIN shown f ON f.snapshot_id = s.snapshot_id
WHERE s.frame_count <> COALESCE(f.frame_count, 0);

-- invariant shared_plus_private_is_all: the frames of memory that a process maps are those that no
-- other captured process maps, and those of the groups that it is in
WITH owner AS MATERIALIZED (
  SELECT u.snapshot_id, u.pfn, u.process_id
  FROM frame_user u
  JOIN frame f ON f.snapshot_id = u.snapshot_id AND f.pfn = u.pfn
  WHERE COALESCE(f.flags, 0) & ((1 << 20) | (1 << 24)) = 0
  GROUP BY u.snapshot_id, u.pfn, u.process_id
), alone AS MATERIALIZED (
  SELECT MIN(process_id) AS process_id, COUNT(*) AS owner_count
  FROM owner
  GROUP BY snapshot_id, pfn
), private AS (
  SELECT process_id, COUNT(*) AS frame_count FROM alone WHERE owner_count = 1 GROUP BY process_id
), shared AS (
  SELECT m.process_id, SUM(g.frame_count) AS frame_count
  FROM sharing_group_member m
  JOIN sharing_group g ON g.snapshot_id = m.snapshot_id AND g.group_id = m.group_id
  GROUP BY m.process_id
), mapped AS (
  SELECT process_id, COUNT(*) AS frame_count FROM owner GROUP BY process_id
)
SELECT p.id, m.frame_count, a.frame_count, s.frame_count
FROM process p
LEFT JOIN mapped m ON m.process_id = p.id
LEFT JOIN private a ON a.process_id = p.id
LEFT JOIN shared s ON s.process_id = p.id
WHERE COALESCE(m.frame_count, 0) <> COALESCE(a.frame_count, 0) + COALESCE(s.frame_count, 0);

-- invariant rss_is_shared_plus_private: rss and hugetlb of a process are its pages on frames that
-- no other captured process maps, and its pages in groups; mappings of VM_PFNMAP are left out, so
-- that processes with one are
WITH owner AS MATERIALIZED (
  SELECT u.snapshot_id, u.pfn, u.process_id, COUNT(*) AS page_count
  FROM frame_user u
  JOIN frame f ON f.snapshot_id = u.snapshot_id AND f.pfn = u.pfn
  WHERE COALESCE(f.flags, 0) & ((1 << 20) | (1 << 24)) = 0
  GROUP BY u.snapshot_id, u.pfn, u.process_id
), alone AS MATERIALIZED (
  SELECT MIN(process_id) AS process_id, COUNT(*) AS owner_count, SUM(page_count) AS page_count
  FROM owner
  GROUP BY snapshot_id, pfn
), private AS (
  SELECT process_id, SUM(page_count) AS page_count
  FROM alone WHERE owner_count = 1 GROUP BY process_id
), shared AS (
  SELECT process_id, SUM(page_count) AS page_count FROM sharing_group_member GROUP BY process_id
)
SELECT p.*, a.page_count, h.page_count
FROM process_usage p
JOIN snapshot s ON s.id = p.snapshot_id
LEFT JOIN private a ON a.process_id = p.process_id
LEFT JOIN shared h ON h.process_id = p.process_id
WHERE p.rss_kib + p.hugetlb_kib
      <> (COALESCE(a.page_count, 0) + COALESCE(h.page_count, 0)) * s.page_size / 1024
  AND NOT EXISTS (
    SELECT 1 FROM mapping m JOIN vm_flags v ON v.id = m.vm_flags_id
    WHERE m.process_id = p.process_id AND ' ' || v.names || ' ' LIKE '% pf %');

-- invariant groups_are_exact_sets: each group has the frames that exactly its processes map
WITH owner AS MATERIALIZED (
  SELECT u.snapshot_id, u.pfn, u.process_id
  FROM frame_user u
  JOIN frame f ON f.snapshot_id = u.snapshot_id AND f.pfn = u.pfn
  WHERE COALESCE(f.flags, 0) & ((1 << 20) | (1 << 24)) = 0
  GROUP BY u.snapshot_id, u.pfn, u.process_id
  ORDER BY u.snapshot_id, u.pfn, u.process_id
), owner_set AS MATERIALIZED (
  SELECT snapshot_id, group_concat(process_id) AS owners, COUNT(*) AS owner_count
  FROM owner
  GROUP BY snapshot_id, pfn
), expected AS (
  SELECT snapshot_id, owners, COUNT(*) AS frame_count
  FROM owner_set WHERE owner_count > 1 GROUP BY snapshot_id, owners
), member AS (
  SELECT snapshot_id, group_id, process_id FROM sharing_group_member
  ORDER BY snapshot_id, group_id, process_id
), actual AS (
  SELECT g.snapshot_id, group_concat(m.process_id) AS owners, g.frame_count
  FROM member m
  JOIN sharing_group g ON g.snapshot_id = m.snapshot_id AND g.group_id = m.group_id
  GROUP BY m.snapshot_id, m.group_id
)
SELECT * FROM (SELECT * FROM expected EXCEPT SELECT * FROM actual)
UNION ALL
SELECT * FROM (SELECT * FROM actual EXCEPT SELECT * FROM expected);

-- invariant groups_name_their_members: as many members as process_count and pids say
SELECT g.*, COUNT(m.process_id), SUM(m.page_count)
FROM sharing_group g
LEFT JOIN sharing_group_member m
  ON m.snapshot_id = g.snapshot_id AND m.group_id = g.group_id
GROUP BY g.snapshot_id, g.group_id
HAVING COUNT(m.process_id) <> g.process_count OR json_array_length(g.pids) <> g.process_count
    OR g.process_count < 2 OR MIN(m.page_count) < g.frame_count;

-- invariant frame_groups_are_frames: the groups of a snapshot have its frames, each in one group
WITH grouped AS (
  SELECT snapshot_id, SUM(frame_count) AS frame_count FROM frame_group GROUP BY snapshot_id
), stored AS (
  SELECT snapshot_id, SUM(frame_count) AS frame_count FROM frame_chunk GROUP BY snapshot_id
)
SELECT * FROM stored s LEFT JOIN grouped g ON g.snapshot_id = s.snapshot_id
WHERE s.frame_count <> COALESCE(g.frame_count, 0);

-- invariant ram_is_in_groups_and_blocks: each frame of RAM is in one run, one group and one block; and
-- each free one in one free block
WITH stored AS (
  SELECT snapshot_id, SUM(frame_count) AS n FROM ram_chunk GROUP BY snapshot_id
), run AS (
  SELECT snapshot_id, SUM(frame_count) AS n FROM ram_run GROUP BY snapshot_id
), grouped AS (
  SELECT snapshot_id, SUM(frame_count) AS n, SUM(IIF(kind = 'hole', frame_count, 0)) AS hole_count,
         SUM(IIF(kind = 'free', frame_count, 0)) AS free_count
  FROM ram_group GROUP BY snapshot_id
), block AS (
  SELECT snapshot_id, SUM(frame_count) AS n, SUM(free_count) AS free_count
  FROM ram_block(512) GROUP BY snapshot_id
), free AS (
  SELECT snapshot_id, SUM(block_count << block_order) AS n FROM ram_free_block GROUP BY snapshot_id
)
SELECT s.*, r.n, g.*, b.n, b.free_count, f.n
FROM stored s
LEFT JOIN run r ON r.snapshot_id = s.snapshot_id
LEFT JOIN grouped g ON g.snapshot_id = s.snapshot_id
LEFT JOIN block b ON b.snapshot_id = s.snapshot_id
LEFT JOIN free f ON f.snapshot_id = s.snapshot_id
WHERE s.n IS NOT r.n OR s.n IS NOT g.n OR s.n IS NOT b.n + g.hole_count
   OR g.free_count IS NOT b.free_count OR g.free_count IS NOT COALESCE(f.n, 0);

-- invariant shared_by_mapping_is_shared_by_groups: the shared frames of all mappings are those of
-- all groups, and a process's shared pages are its pages in groups; where no pages are missing
WITH by_mapping AS MATERIALIZED (
  SELECT process_id, SUM(shared_frame_count) AS frame_count, SUM(shared_page_count) AS page_count
  FROM mapping_sharing
  WHERE NOT EXISTS (SELECT 1 FROM gap WHERE source IN ('pagemap', 'maps'))
    AND NOT EXISTS (SELECT 1 FROM process WHERE ended)
  GROUP BY process_id
), by_group AS MATERIALIZED (
  SELECT process_id, SUM(page_count) AS page_count FROM sharing_group_member GROUP BY process_id
)
SELECT m.process_id, m.page_count, g.page_count
FROM by_mapping m
LEFT JOIN by_group g ON g.process_id = m.process_id
WHERE m.page_count <> COALESCE(g.page_count, 0)
UNION ALL
SELECT NULL, s.frame_count, g.frame_count
FROM (SELECT SUM(frame_count) AS frame_count FROM by_mapping) s,
     (SELECT SUM(frame_count) AS frame_count FROM sharing_group) g
WHERE s.frame_count <> COALESCE(g.frame_count, 0);

-- invariant nothing_is_damaged: every blob unpacks and matches its checksum
SELECT * FROM blob_check WHERE problem IS NOT NULL;

-- invariant sums_are_of_their_pages: what content_usage says is what page words and frame facts say
SELECT snapshot_id, content_id, problem FROM usage_check WHERE problem IS NOT NULL;
