-- title: Processes
-- group: Comparing
-- about: What each process has in memory before and after, and which came and went
-- include: change
-- fail-if: diff-total
-- total: before_rss_kib, after_rss_kib, rss_kib, before_pss_kib, after_pss_kib, pss_kib, before_uss_kib, after_uss_kib, uss_kib, before_swap_kib, after_swap_kib, swap_kib, before_hugetlb_kib, after_hugetlb_kib, hugetlb_kib, before_thp_kib, after_thp_kib, thp_kib
-- exact: before_pss_kib = before_pss, after_pss_kib = after_pss, pss_kib = after_pss - before_pss
-- rows: processes
-- kernel: rss_kib = kernel_rss_kib, pss_kib = kernel_pss_kib, uss_kib = kernel_uss_kib, swap_kib = kernel_swap_kib, before_rss_kib = kernel_before_rss_kib, before_pss_kib = kernel_before_pss_kib, before_uss_kib = kernel_before_uss_kib, before_swap_kib = kernel_before_swap_kib, after_rss_kib = kernel_after_rss_kib, after_pss_kib = kernel_after_pss_kib, after_uss_kib = kernel_after_uss_kib, after_swap_kib = kernel_after_swap_kib
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
-- column before_thp_kib: KiB of rss_kib in transparent huge pages, mapped whole or in part
-- column after_thp_kib: KiB
-- column thp_kib: KiB more
SELECT
  before_pid, after_pid, name,
  IIF(how IN ('gone', 'new'), how, '') AS event,
  IIF(how IN ('gone', 'new'), '', how) AS matched,
  before_rss_kib, after_rss_kib, after_rss_kib - before_rss_kib AS rss_kib,
  before_pss >> 22 AS before_pss_kib, after_pss >> 22 AS after_pss_kib,
  (after_pss >> 22) - (before_pss >> 22) AS pss_kib,
  before_uss_kib, after_uss_kib, after_uss_kib - before_uss_kib AS uss_kib,
  before_swap_kib, after_swap_kib, after_swap_kib - before_swap_kib AS swap_kib,
  before_hugetlb_kib, after_hugetlb_kib, after_hugetlb_kib - before_hugetlb_kib AS hugetlb_kib,
  before_thp_kib, after_thp_kib, after_thp_kib - before_thp_kib AS thp_kib,
  before_pss, after_pss,
  kernel_before_rss_kib, kernel_after_rss_kib, kernel_after_rss_kib - kernel_before_rss_kib AS kernel_rss_kib,
  kernel_before_pss_kib, kernel_after_pss_kib, kernel_after_pss_kib - kernel_before_pss_kib AS kernel_pss_kib,
  kernel_before_uss_kib, kernel_after_uss_kib, kernel_after_uss_kib - kernel_before_uss_kib AS kernel_uss_kib,
  kernel_before_swap_kib, kernel_after_swap_kib, kernel_after_swap_kib - kernel_before_swap_kib AS kernel_swap_kib
FROM figure
ORDER BY ABS(COALESCE(rss_kib, kernel_rss_kib)) DESC, before_pid IS NULL, before_pid, after_pid;
