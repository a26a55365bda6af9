-- title: Processes
-- group: Comparing
-- about: What each process has in memory before and after, and which came and went
-- include: change
-- fail-if: diff-total
-- total: before_rss_kib, after_rss_kib, rss_kib, before_pss_kib, after_pss_kib, pss_kib, before_uss_kib, after_uss_kib, uss_kib, before_swap_kib, after_swap_kib, swap_kib, before_hugetlb_kib, after_hugetlb_kib, hugetlb_kib, before_thp_kib, after_thp_kib, thp_kib
-- exact: before_pss_kib = before_pss, after_pss_kib = after_pss, pss_kib = after_pss - before_pss
-- rows: processes
-- spare: before_hugetlb_kib, after_hugetlb_kib, before_thp_kib, after_thp_kib, before_uss_kib, after_uss_kib, before_swap_kib, after_swap_kib, before_pss_kib, after_pss_kib, hugetlb_kib, thp_kib, matched, uss_kib, before_rss_kib, after_rss_kib
-- column before_pid: process id before; NULL for a new process
-- column after_pid: process id after; NULL for one that is gone
-- column name: comm
-- column event: gone, new, or empty
-- column matched: by what they correspond: pid (and start time), arguments, similar (arguments but for numbers), program, name, only (the only process of either snapshot)
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
WITH used AS (
  SELECT before_process_id, after_process_id,
    known_sum(before_rss_kib) AS before_rss_kib,
    known_sum(before_pss) AS before_pss,
    known_sum(before_uss_kib) AS before_uss_kib,
    known_sum(before_swap_kib) AS before_swap_kib,
    known_sum(before_hugetlb_kib) AS before_hugetlb_kib,
    known_sum(before_thp_kib) AS before_thp_kib,
    known_sum(after_rss_kib) AS after_rss_kib,
    known_sum(after_pss) AS after_pss,
    known_sum(after_uss_kib) AS after_uss_kib,
    known_sum(after_swap_kib) AS after_swap_kib,
    known_sum(after_hugetlb_kib) AS after_hugetlb_kib,
    known_sum(after_thp_kib) AS after_thp_kib
  FROM part
  GROUP BY before_process_id, after_process_id
)
SELECT
  w.before_pid, w.after_pid, w.name,
  IIF(w.how IN ('gone', 'new'), w.how, '') AS event,
  IIF(w.how IN ('gone', 'new'), '', w.how) AS matched,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.before_rss_kib) + w.zero
    AS before_rss_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.after_rss_kib) + w.zero
    AS after_rss_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.after_rss_kib - u.before_rss_kib)
    + w.zero AS rss_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.before_pss >> 22) + w.zero
    AS before_pss_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.after_pss >> 22) + w.zero
    AS after_pss_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, (u.after_pss >> 22) - (u.before_pss >> 22))
    + w.zero AS pss_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.before_uss_kib) + w.zero
    AS before_uss_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.after_uss_kib) + w.zero
    AS after_uss_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.after_uss_kib - u.before_uss_kib)
    + w.zero AS uss_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.before_swap_kib) + w.zero
    AS before_swap_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.after_swap_kib) + w.zero
    AS after_swap_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.after_swap_kib - u.before_swap_kib)
    + w.zero AS swap_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.before_hugetlb_kib) + w.zero
    AS before_hugetlb_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.after_hugetlb_kib) + w.zero
    AS after_hugetlb_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.after_hugetlb_kib - u.before_hugetlb_kib)
    + w.zero AS hugetlb_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.before_thp_kib) + w.zero
    AS before_thp_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.after_thp_kib) + w.zero
    AS after_thp_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.after_thp_kib - u.before_thp_kib)
    + w.zero AS thp_kib,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.before_pss) + w.zero
    AS before_pss,
  IIF(u.before_process_id IS NULL AND u.after_process_id IS NULL, 0, u.after_pss) + w.zero
    AS after_pss
FROM wanted w
LEFT JOIN used u ON u.before_process_id IS w.before_process_id
  AND u.after_process_id IS w.after_process_id
ORDER BY ABS(rss_kib) DESC, w.before_pid IS NULL, w.before_pid, w.after_pid;
