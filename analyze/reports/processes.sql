-- title: Processes
-- group: Overview
-- about: What each captured process has in memory: our figures beside the kernel's own
-- fail-if: rows
-- include: exact
-- note: kernel_pss_kib is a sum of figures that smaps rounds down for each mapping: up to 1 KiB a mapping below pss_kib
-- parameter pid
-- total: mapping_count, rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib, kernel_rss_kib, kernel_pss_kib, kernel_uss_kib, kernel_swap_kib, anonymous_kib, file_kib, shmem_kib, torn_count, gap_count, exact_pss_kib, exact_uss_kib, page_table_kib
-- complete: exact_pss_kib, exact_uss_kib, page_table_kib
-- exact: pss_kib = pss, exact_pss_kib = exact_pss
-- rows: processes
-- kernel: rss_kib = kernel_rss_kib, pss_kib = kernel_pss_kib, uss_kib = kernel_uss_kib, swap_kib = kernel_swap_kib
-- kept: command
-- spare: user, huge_percent, kernel_swap_kib, kernel_uss_kib, kernel_pss_kib, kernel_rss_kib, page_table_kib, exact_uss_kib, exact_pss_kib, mapping_count, virtual_kib, gap_count, torn_count
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
-- column exact_pss_kib: KiB, as pss_kib, but counted: each page divided among the captured pages that map its frame. Unknown unless all processes of the machine were captured, or map counts prove that nobody else maps a frame
-- column exact_uss_kib: KiB of frames that no other process maps, counted likewise
-- column page_table_kib: KiB of page tables (VmPTE of /proc/PID/status): memory that the process has besides rss_kib. Unknown before format version 6
-- column torn_count: pages whose frame was another's when it was looked at: their figures are of some other moment
-- column gap_count: pages that could not be read
-- column user: id of the user, and the name that the captured host had for it
-- column command: command line, as far as it is in the file
WITH usage AS (
  SELECT *,
    IIF((SELECT exact FROM wanted),
        (SELECT exact_pss FROM process_exact_usage x WHERE x.process_id = u.process_id), NULL) AS exact_pss,
    IIF((SELECT exact FROM wanted),
        (SELECT exact_uss_kib FROM process_exact_usage x WHERE x.process_id = u.process_id), NULL) AS exact_uss_kib
  FROM process_usage u
  WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid IN (SELECT value FROM json_each(:pid)))
)
SELECT
  pid, name, mapping_count, virtual_kib, rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib,
  kernel_rss_kib, kernel_pss_kib, kernel_uss_kib, kernel_swap_kib,
  anonymous_kib, file_kib, shmem_kib,
  100 * (thp_kib + hugetlb_kib) / NULLIF(rss_kib + hugetlb_kib, 0) AS huge_percent,
  exact_pss >> 22 AS exact_pss_kib, exact_uss_kib,
  (SELECT page_table_kib FROM process p WHERE p.id = usage.process_id) AS page_table_kib, torn_count, gap_count, user, command, pss, exact_pss
FROM usage JOIN process_identity USING (process_id)
ORDER BY COALESCE(rss_kib, kernel_rss_kib) DESC, pid;

-- summary:
WITH pages AS (
  -- To count the distinct frames of many pages takes longer than the report: groups does it.
  SELECT TOTAL(c.present_count) AS present_count
  FROM process p
  CROSS JOIN mapping m ON m.process_id = p.id
  CROSS JOIN page_chunk c ON c.mapping_id = m.id
  WHERE p.snapshot_id = :snapshot
)
SELECT printf('%d process%s: %s RSS in %s of RAM', processes, IIF(processes = 1, '', 'es'),
              human_bytes(:total_rss_kib * 1024), human_bytes(ram_kib * 1024))
FROM (SELECT COUNT(*) AS processes FROM process
      WHERE snapshot_id = :snapshot AND mapping_count > 0 AND memory_process_id IS NULL
        AND id NOT IN (SELECT process_id FROM incomplete_process)),
     -- What RSS counts, each frame once.
     (SELECT SUM(kib) AS ram_kib FROM pages CROSS JOIN frame_group
      WHERE present_count <= 4194304 AND snapshot_id = :snapshot
        AND NOT flags & frame_flag('NOPAGE', 'ZERO_PAGE', 'HUGE'))
WHERE :pid IS NULL AND ram_kib IS NOT NULL AND :total_rss_kib IS NOT NULL;
