-- title: Files
-- form of: maps --by path
-- group: Overview
-- about: What each mapped file has in memory, summed over all mappings and processes
-- note: rss_kib counts a frame once for each mapping; pss_kib divides it among its mappings
-- parameter pid integer: only mappings of this process
-- parameter name text: only mappings of processes with a name like this
-- parameter path text: only files of a path like this
-- total: mapping_count, rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib, anonymous_kib, file_kib, shmem_kib
-- spare: virtual_kib, hugetlb_kib, uss_kib
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
SELECT
  d.path,
  COUNT(DISTINCT d.pid) AS process_count,
  COUNT(*) AS mapping_count,
  SUM(d.virtual_kib) AS virtual_kib,
  -- The sum of what is partly unknown is unknown.
  CASE WHEN COUNT(u.rss_kib) = COUNT(*) THEN SUM(u.rss_kib) END AS rss_kib,
  CASE WHEN COUNT(u.pss_kib) = COUNT(*) THEN SUM(u.pss_kib) END AS pss_kib,
  CASE WHEN COUNT(u.uss_kib) = COUNT(*) THEN SUM(u.uss_kib) END AS uss_kib,
  CASE WHEN COUNT(u.swap_kib) = COUNT(*) THEN SUM(u.swap_kib) END AS swap_kib,
  CASE WHEN COUNT(u.hugetlb_kib) = COUNT(*) THEN SUM(u.hugetlb_kib) END AS hugetlb_kib,
  CASE WHEN COUNT(u.anonymous_kib) = COUNT(*) THEN SUM(u.anonymous_kib) END AS anonymous_kib,
  CASE WHEN COUNT(u.file_kib) = COUNT(*) THEN SUM(u.file_kib) END AS file_kib,
  CASE WHEN COUNT(u.shmem_kib) = COUNT(*) THEN SUM(u.shmem_kib) END AS shmem_kib
FROM process p
JOIN mapping_detail d ON d.process_id = p.id
JOIN mapping_usage u ON u.process_id = p.id AND u.mapping_id = d.mapping_id
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid = :pid)
  AND p.name GLOB COALESCE(:name, '*') AND d.path GLOB COALESCE(:path, '*')
GROUP BY d.device, d.inode, d.path
ORDER BY rss_kib DESC, d.path;
