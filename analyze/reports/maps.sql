-- title: Mappings
-- group: Overview
-- about: What each mapping has in memory: our figures beside the kernel's own
-- fail-if: rows
-- include: exact
-- parameter pid
-- parameter name
-- total: virtual_kib, rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib, kernel_rss_kib, kernel_pss_kib, kernel_uss_kib, kernel_swap_kib, kernel_hugetlb_kib, anonymous_kib, file_kib, shmem_kib, torn_count, gap_count, exact_pss_kib, exact_uss_kib
-- complete: exact_pss_kib, exact_uss_kib
-- exact: pss_kib = pss, exact_pss_kib = exact_pss
-- rows: mappings
-- spare: shmid, hidden_kib, kernel_hugetlb_kib, kernel_swap_kib, kernel_uss_kib, kernel_pss_kib, kernel_rss_kib, exact_uss_kib, exact_pss_kib, gap_count, torn_count, end, uss_kib, hugetlb_kib, huge_percent, virtual_kib, shmem_kib, file_kib, anonymous_kib, perms
-- kernel: rss_kib = kernel_rss_kib, pss_kib = kernel_pss_kib, uss_kib = kernel_uss_kib, swap_kib = kernel_swap_kib, hugetlb_kib = kernel_hugetlb_kib
-- kept: rss_kib, pss_kib
-- sparkline: residency
-- column pid: process id
-- column start: address of the first byte
-- column end: address behind the last byte
-- column perms: r read, w write, x execute, p private, s shared
-- column path: file or name; empty for anonymous memory
-- column virtual_kib: KiB of address space
-- column rss_kib: KiB in memory
-- column pss_kib: KiB in memory, shared frames divided among their mappings
-- column uss_kib: KiB in memory that no other mapping has
-- column swap_kib: KiB in swap areas
-- column hugetlb_kib: KiB of hugetlb pages; not part of rss_kib
-- column kernel_rss_kib: KiB, Rss of smaps
-- column kernel_pss_kib: KiB, Pss of smaps; the total adds figures that are each rounded down, that of pss_kib is rounded once
-- column kernel_uss_kib: KiB, Private_Clean + Private_Dirty of smaps
-- column kernel_swap_kib: KiB, Swap of smaps; includes shared memory in swap, which pagemap hides
-- column kernel_hugetlb_kib: KiB, Private_Hugetlb + Shared_Hugetlb of smaps
-- column anonymous_kib: KiB of rss_kib that are no part of a file
-- column file_kib: KiB of rss_kib that are pages of a file
-- column shmem_kib: KiB of rss_kib in shared memory: shmem, tmpfs, memfd
-- column huge_percent: percent of rss_kib and hugetlb_kib in huge pages: hugetlb, or transparent of PMD size (2 MiB on x86-64); NULL when they are 0, too
-- column exact_pss_kib: KiB, as pss_kib, but counted: each page divided among the captured pages that map its frame. Unknown unless all processes of the machine were captured, or map counts prove that nobody else maps a frame
-- column exact_uss_kib: KiB of frames that no other process maps, counted likewise
-- column torn_count: pages whose frame was another's when it was looked at: their figures are of some other moment
-- column gap_count: pages that could not be read
-- column hidden_kib: KiB of address space of an area of a driver (VM_PFNMAP, VM_IO) that pagemap does not show: it may be memory or not
-- column shmid: id of a System V segment, as ipcs(1) lists it; NULL: it is none
-- column residency: how full each sixteenth of the mapping is, in eighths; . is nothing, ? not read or hidden (an area of a driver)
SELECT
  d.pid, d.start, d.end, d.perms, d.path, d.virtual_kib,
  u.rss_kib, u.pss_kib, u.uss_kib, u.swap_kib, u.hugetlb_kib,
  k.rss_kib AS kernel_rss_kib, k.pss_kib AS kernel_pss_kib, k.uss_kib AS kernel_uss_kib,
  k.swap_kib AS kernel_swap_kib, k.hugetlb_kib AS kernel_hugetlb_kib,
  u.anonymous_kib, u.file_kib, u.shmem_kib,
  100 * (u.thp_kib + u.hugetlb_kib) / NULLIF(u.rss_kib + u.hugetlb_kib, 0) AS huge_percent,
  IIF((SELECT exact FROM wanted), h.exact_pss_kib, NULL) AS exact_pss_kib,
  IIF((SELECT exact FROM wanted), h.exact_uss_kib, NULL) AS exact_uss_kib,
  u.torn_count, u.gap_count, u.hidden_count * d.virtual_kib / d.page_count AS hidden_kib,
  shmid(d.path, d.inode) AS shmid,
  -- A row of mapping_span is one span, or several in which nothing is.
  (SELECT group_concat(
            CASE WHEN present_count > 0
                 THEN (8 * present_count + page_count - 1) / page_count
                 ELSE substr(IIF(unread_count + hidden_count > 0, '????????????????', '................'), 1,
                             (page_count + span_pages - 1) / span_pages) END, '')
   FROM mapping_span((d.page_count + 15) / 16)
   WHERE process_id = p.id AND mapping_id = d.mapping_id) AS residency,
  u.pss,
  IIF((SELECT exact FROM wanted), h.exact_pss, NULL) AS exact_pss
FROM process p
JOIN mapping_detail d ON d.process_id = p.id
JOIN mapping_usage u ON u.process_id = p.id AND u.mapping_id = d.mapping_id
JOIN kernel_usage k ON k.process_id = p.id AND k.mapping_id = d.mapping_id
JOIN mapping_sharing h ON h.process_id = p.id AND h.mapping_id = d.mapping_id
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid)))
  AND matches(p.name, :name)
ORDER BY d.mapping_id;
