-- title: Files
-- form of: maps --by path
-- group: Overview
-- about: What each mapped file has in memory, summed over all mappings and processes
-- note: rss_kib counts a frame once for each mapping; pss_kib divides it among its mappings
-- parameter pid: only mappings of this process
-- parameter name: only mappings of processes with a name like this
-- parameter path: only files of a path like this
-- total: mapping_count, rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib, anonymous_kib, file_kib, shmem_kib
-- exact: pss_kib = pss
-- kernel: rss_kib = kernel_rss_kib, pss_kib = kernel_pss_kib, uss_kib = kernel_uss_kib, swap_kib = kernel_swap_kib, hugetlb_kib = kernel_hugetlb_kib
-- spare: virtual_kib, hugetlb_kib, uss_kib, version
-- column path: file or name; empty for anonymous memory
-- column process_count: processes that map it
-- column mapping_count: mappings of it
-- column virtual_kib: KiB of address space
-- column rss_kib: KiB in memory
-- column pss_kib: KiB in memory, shared frames divided among their mappings
-- column uss_kib: KiB in memory that no other mapping has
-- column swap_kib: KiB in swap areas
-- column hugetlb_kib: KiB of hugetlb pages; not part of rss_kib
-- column anonymous_kib: KiB of rss_kib that are no part of a file
-- column file_kib: KiB of rss_kib that are pages of a file
-- column shmem_kib: KiB of rss_kib in shared memory: shmem, tmpfs, memfd
-- column version: which of several files of this path: build ID, time of the last change (UTC), or device and inode; empty for the only one
SELECT
  -- A file can have several paths: seen from other containers, or by hard links.
  MIN(d.path) AS path,
  COUNT(DISTINCT d.pid) AS process_count,
  COUNT(*) AS mapping_count,
  SUM(d.virtual_kib) AS virtual_kib,
  known_sum(u.rss_kib) AS rss_kib,
  known_sum(u.pss) >> 22 AS pss_kib,
  known_sum(u.uss_kib) AS uss_kib,
  known_sum(u.swap_kib) AS swap_kib,
  known_sum(u.hugetlb_kib) AS hugetlb_kib,
  known_sum(u.anonymous_kib) AS anonymous_kib,
  known_sum(u.file_kib) AS file_kib,
  known_sum(u.shmem_kib) AS shmem_kib,
  COALESCE(file_version(:snapshot, d.file_id), '') AS version,
  known_sum(u.pss) AS pss,
  known_sum(k.rss_kib) AS kernel_rss_kib,
  known_sum(k.pss_kib) AS kernel_pss_kib,
  known_sum(k.uss_kib) AS kernel_uss_kib,
  known_sum(k.swap_kib) AS kernel_swap_kib,
  known_sum(k.hugetlb_kib) AS kernel_hugetlb_kib
FROM process p
JOIN mapping_detail d ON d.process_id = p.id
JOIN mapping_usage u ON u.process_id = p.id AND u.mapping_id = d.mapping_id
LEFT JOIN kernel_usage k ON k.process_id = p.id AND k.mapping_id = d.mapping_id
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid)))
  AND matches(p.name, :name) AND matches(d.path, :path)
GROUP BY file_group(:snapshot, d.file_id)
ORDER BY COALESCE(known_sum(u.rss_kib), known_sum(k.rss_kib)) DESC, path, version;
