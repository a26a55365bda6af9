-- title: Mappings
-- group: Comparing
-- about: Which mappings appeared, vanished, grew, shrank, moved or were replaced, and what they have in memory
-- compares: snapshots
-- fail-if: diff-total
-- parameter match auto|same|rerun: whether processes are the same ones later (by pid, mappings by address), or another run of the same programs (by name and arguments, mappings by path and position); by default same if any process is
-- parameter volatile flag: count changes of flags that change by themselves, such as ACTIVE
-- parameter pid integer: only the process with this pid, before or after
-- parameter all flag: mappings without a difference, too
-- total: before_virtual_kib, after_virtual_kib, virtual_kib, before_rss_kib, after_rss_kib, rss_kib, before_pss_kib, after_pss_kib, pss_kib, before_uss_kib, after_uss_kib, uss_kib, before_swap_kib, after_swap_kib, swap_kib, before_hugetlb_kib, after_hugetlb_kib, hugetlb_kib, before_thp_kib, after_thp_kib, thp_kib
-- spare: before_virtual_kib, after_virtual_kib, before_hugetlb_kib, after_hugetlb_kib, before_thp_kib, after_thp_kib, before_uss_kib, after_uss_kib, before_swap_kib, after_swap_kib, before_pss_kib, after_pss_kib, hugetlb_kib, thp_kib, before_start, matched, uss_kib, virtual_kib
-- column pid: process id after, or before where the mapping is gone
-- column before_start: address of the first byte before; NULL for a mapping that appeared
-- column after_start: address of the first byte after; NULL for one that vanished
-- column perms: r read, w write, x execute, p private, s shared; "before > after" where they changed
-- column event: appeared, vanished, moved, replaced (by another file or build), permissions changed, grown, shrunk; empty: none of them
-- column path: file or name; empty for anonymous memory
-- column matched: by what they correspond: address, moved, size, path, name, replaced, position, similar; empty: without counterpart
-- column before_virtual_kib: KiB of address space
-- column after_virtual_kib: KiB
-- column virtual_kib: KiB more
-- column before_rss_kib: KiB in memory
-- column after_rss_kib: KiB
-- column rss_kib: KiB more
-- column before_pss_kib: KiB in memory, shared frames divided among their mappings
-- column after_pss_kib: KiB
-- column pss_kib: KiB more
-- column before_uss_kib: KiB in memory that no other mapping has
-- column after_uss_kib: KiB
-- column uss_kib: KiB more
-- column before_swap_kib: KiB in swap areas
-- column after_swap_kib: KiB
-- column swap_kib: KiB more
-- column before_hugetlb_kib: KiB of hugetlb pages; not part of rss_kib
-- column after_hugetlb_kib: KiB
-- column hugetlb_kib: KiB more
-- column before_thp_kib: KiB of rss_kib in huge pages
-- column after_thp_kib: KiB
-- column thp_kib: KiB more
WITH wanted AS MATERIALIZED (
  SELECT m.before_process_id, m.after_process_id
  FROM process_match(:before, :after, COALESCE(:match, 'auto'), COALESCE(:volatile, 0)) m
  LEFT JOIN process b ON b.id = m.before_process_id
  LEFT JOIN process a ON a.id = m.after_process_id
  WHERE :pid IS NULL OR b.pid = :pid OR a.pid = :pid
), part AS MATERIALIZED (
  SELECT u.*
  FROM change_usage(:before, :after, COALESCE(:match, 'auto'), COALESCE(:volatile, 0)) u
  WHERE :pid IS NULL OR EXISTS (
    SELECT 1 FROM wanted w WHERE w.before_process_id IS u.before_process_id
      AND w.after_process_id IS u.after_process_id)
), partner AS MATERIALIZED (
  -- Where most of a mapping went.
  SELECT before_mapping_id, after_mapping_id,
         ROW_NUMBER() OVER (PARTITION BY before_mapping_id
                            ORDER BY SUM(page_count) DESC, after_mapping_id) AS place
  FROM part
  WHERE before_mapping_id IS NOT NULL AND after_mapping_id IS NOT NULL
  GROUP BY before_mapping_id, after_mapping_id
), placed AS MATERIALIZED (
  -- A mapping after with all that became part of it; pages of a mapping that shrank are with what
  -- is left of it. Apart from the groups, or SQLite goes through all partners for each part.
  SELECT r.*, COALESCE(r.after_mapping_id, p.after_mapping_id) AS unit_mapping_id
  FROM part r
  LEFT JOIN partner p ON r.after_mapping_id IS NULL AND p.before_mapping_id = r.before_mapping_id
    AND p.place = 1
), unit AS MATERIALIZED (
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
    known_sum(r.after_thp_kib) AS after_thp_kib
  FROM placed r
  GROUP BY r.unit_mapping_id, IIF(r.unit_mapping_id IS NULL, r.before_mapping_id, 0)
), described AS (
  SELECT
    u.*, s.page_size,
    COALESCE(a.pid, b.pid) AS pid, b.start AS before_start, a.start AS after_start,
    IIF(a.perms <> b.perms, b.perms || ' > ' || a.perms, COALESCE(a.perms, b.perms)) AS perms,
    COALESCE(a.path, b.path) AS path,
    CASE
      WHEN u.before_mapping_id IS NULL THEN 'appeared'
      WHEN u.after_mapping_id IS NULL THEN 'vanished'
      ELSE LTRIM(
        IIF(u.how IN ('moved', 'size'), ', moved', '') ||
        IIF(u.how = 'replaced', ', replaced', '') ||
        IIF(a.perms <> b.perms, ', permissions changed', '') ||
        IIF(u.after_page_count > u.before_page_count, ', grown', '') ||
        IIF(u.after_page_count < u.before_page_count, ', shrunk', ''), ', ')
    END AS event
  FROM unit u
  JOIN snapshot s ON s.id = :before
  LEFT JOIN mapping_detail b ON b.mapping_id = u.before_mapping_id
  LEFT JOIN mapping_detail a ON a.mapping_id = u.after_mapping_id
)
SELECT
  pid, before_start, after_start, perms, event, path, COALESCE(how, '') AS matched,
  before_page_count * page_size / 1024 AS before_virtual_kib,
  after_page_count * page_size / 1024 AS after_virtual_kib,
  (after_page_count - before_page_count) * page_size / 1024 AS virtual_kib,
  before_rss_kib, after_rss_kib, after_rss_kib - before_rss_kib AS rss_kib,
  before_pss_kib, after_pss_kib, after_pss_kib - before_pss_kib AS pss_kib,
  before_uss_kib, after_uss_kib, after_uss_kib - before_uss_kib AS uss_kib,
  before_swap_kib, after_swap_kib, after_swap_kib - before_swap_kib AS swap_kib,
  before_hugetlb_kib, after_hugetlb_kib, after_hugetlb_kib - before_hugetlb_kib AS hugetlb_kib,
  before_thp_kib, after_thp_kib, after_thp_kib - before_thp_kib AS thp_kib
FROM described
WHERE :all OR event <> ''
  OR before_rss_kib IS NOT after_rss_kib
  OR before_pss_kib IS NOT after_pss_kib
  OR before_uss_kib IS NOT after_uss_kib
  OR before_swap_kib IS NOT after_swap_kib
  OR before_hugetlb_kib IS NOT after_hugetlb_kib
  OR before_thp_kib IS NOT after_thp_kib
ORDER BY pid, COALESCE(after_mapping_id, before_mapping_id);
