-- title: Processes
-- group: Overview
-- about: What each captured process has in memory: our figures beside the kernel's own
-- note: kernel_pss_kib is a sum of figures that smaps rounds down for each mapping: up to 1 KiB a mapping below pss_kib
-- parameter pid integer: only the process with this pid
-- total: mapping_count, rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib, kernel_rss_kib, kernel_pss_kib, kernel_uss_kib, kernel_swap_kib, anonymous_kib, file_kib, shmem_kib, torn_count, gap_count
-- exact: pss_kib = pss
-- rows: processes
-- spare: kernel_swap_kib, kernel_uss_kib, kernel_pss_kib, kernel_rss_kib, mapping_count, virtual_kib, gap_count, torn_count
-- column pid: process id
-- column name: comm, at most 15 bytes
-- column mapping_count: lines of /proc/PID/maps
-- column virtual_kib: KiB of address space
-- column rss_kib: KiB in memory
-- column pss_kib: KiB in memory, shared frames divided among their mappings
-- column uss_kib: KiB in memory that no other mapping has
-- column swap_kib: KiB in swap areas
-- column hugetlb_kib: KiB of hugetlb pages; not part of rss_kib
-- column kernel_rss_kib: KiB, Rss of smaps
-- column kernel_pss_kib: KiB, Pss of smaps, rounded down for each mapping and added up
-- column kernel_uss_kib: KiB, Private_Clean + Private_Dirty of smaps
-- column kernel_swap_kib: KiB, Swap of smaps; includes shared memory in swap, which pagemap hides
-- column anonymous_kib: KiB of rss_kib that are no part of a file
-- column file_kib: KiB of rss_kib that are pages of a file
-- column shmem_kib: KiB of rss_kib in shared memory: shmem, tmpfs, memfd
-- column huge_percent: percent of rss_kib and hugetlb_kib in huge pages: hugetlb, or transparent of PMD size (2 MiB on x86-64); NULL when they are 0, too
-- column torn_count: pages whose frame was another's when it was looked at: their figures are of some other moment
-- column gap_count: pages that could not be read
SELECT
  pid, name, mapping_count, virtual_kib, rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib,
  kernel_rss_kib, kernel_pss_kib, kernel_uss_kib, kernel_swap_kib,
  anonymous_kib, file_kib, shmem_kib,
  100 * (thp_kib + hugetlb_kib) / NULLIF(rss_kib + hugetlb_kib, 0) AS huge_percent,
  torn_count, gap_count, pss
FROM process_usage
WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid = :pid)
ORDER BY COALESCE(rss_kib, kernel_rss_kib) DESC, pid;
