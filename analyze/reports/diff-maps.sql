-- title: Mappings
-- group: Comparing
-- about: Which mappings appeared, vanished, grew, shrank, moved or were replaced, and what they have in memory
-- include: change
-- fail-if: diff-total
-- parameter all flag: mappings without a difference, too
-- total: before_virtual_kib, after_virtual_kib, virtual_kib, before_rss_kib, after_rss_kib, rss_kib, before_pss_kib, after_pss_kib, pss_kib, before_uss_kib, after_uss_kib, uss_kib, before_swap_kib, after_swap_kib, swap_kib, before_hugetlb_kib, after_hugetlb_kib, hugetlb_kib, before_thp_kib, after_thp_kib, thp_kib
-- exact: before_pss_kib = before_pss, after_pss_kib = after_pss, pss_kib = after_pss - before_pss
-- rows: mappings
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
-- column before_thp_kib: KiB of rss_kib in transparent huge pages, mapped whole or in part
-- column after_thp_kib: KiB
-- column thp_kib: KiB more
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
    known_sum(r.before_pss) AS before_pss,
    known_sum(r.before_uss_kib) AS before_uss_kib,
    known_sum(r.before_swap_kib) AS before_swap_kib,
    known_sum(r.before_hugetlb_kib) AS before_hugetlb_kib,
    known_sum(r.before_thp_kib) AS before_thp_kib,
    known_sum(r.after_rss_kib) AS after_rss_kib,
    known_sum(r.after_pss) AS after_pss,
    known_sum(r.after_uss_kib) AS after_uss_kib,
    known_sum(r.after_swap_kib) AS after_swap_kib,
    known_sum(r.after_hugetlb_kib) AS after_hugetlb_kib,
    known_sum(r.after_thp_kib) AS after_thp_kib
  FROM placed r
  GROUP BY r.unit_mapping_id, IIF(r.unit_mapping_id IS NULL, r.before_mapping_id, 0)
)
SELECT
  pid, before_start, after_start, perms_before || perms AS perms, event, path, COALESCE(how, '') AS matched,
  before_page_count * page_size / 1024 AS before_virtual_kib,
  after_page_count * page_size / 1024 AS after_virtual_kib,
  (after_page_count - before_page_count) * page_size / 1024 AS virtual_kib,
  before_rss_kib, after_rss_kib, after_rss_kib - before_rss_kib AS rss_kib,
  before_pss >> 22 AS before_pss_kib, after_pss >> 22 AS after_pss_kib,
  (after_pss >> 22) - (before_pss >> 22) AS pss_kib,
  before_uss_kib, after_uss_kib, after_uss_kib - before_uss_kib AS uss_kib,
  before_swap_kib, after_swap_kib, after_swap_kib - before_swap_kib AS swap_kib,
  before_hugetlb_kib, after_hugetlb_kib, after_hugetlb_kib - before_hugetlb_kib AS hugetlb_kib,
  before_thp_kib, after_thp_kib, after_thp_kib - before_thp_kib AS thp_kib,
  before_pss, after_pss
FROM described
WHERE :all OR event <> ''
  OR before_rss_kib IS NOT after_rss_kib
  OR before_pss >> 22 IS NOT after_pss >> 22
  OR before_uss_kib IS NOT after_uss_kib
  OR before_swap_kib IS NOT after_swap_kib
  OR before_hugetlb_kib IS NOT after_hugetlb_kib
  OR before_thp_kib IS NOT after_thp_kib
ORDER BY pid, COALESCE(after_mapping_id, before_mapping_id);
