-- title: Mappings
-- group: Overview
-- about: What each mapping has in memory: our figures beside the kernel's own
-- parameter pid integer: only the process with this pid
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
-- column kernel_pss_kib: KiB, Pss of smaps
-- column kernel_uss_kib: KiB, Private_Clean + Private_Dirty of smaps
-- column kernel_swap_kib: KiB, Swap of smaps; includes shared memory in swap, which pagemap hides
-- column kernel_hugetlb_kib: KiB, Private_Hugetlb + Shared_Hugetlb of smaps
SELECT
  d.pid, d.start, d.end, d.perms, d.path, d.virtual_kib,
  u.rss_kib, u.pss_kib, u.uss_kib, u.swap_kib, u.hugetlb_kib,
  k.rss_kib AS kernel_rss_kib, k.pss_kib AS kernel_pss_kib, k.uss_kib AS kernel_uss_kib,
  k.swap_kib AS kernel_swap_kib, k.hugetlb_kib AS kernel_hugetlb_kib
FROM process p
JOIN mapping_detail d ON d.process_id = p.id
JOIN mapping_usage u ON u.process_id = p.id AND u.mapping_id = d.mapping_id
JOIN kernel_usage k ON k.process_id = p.id AND k.mapping_id = d.mapping_id
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid = :pid)
ORDER BY d.mapping_id;
