-- title: RAM by cgroup
-- form of: ram --by cgroup
-- group: Overview
-- about: Which memory cgroup pays for how much RAM, by kind of memory, mapped or not
-- frames: all
-- note: soon after a cgroup was removed the kernel names its nearest ancestor instead; slab that a cgroup pays for is not told apart by frames
-- total: kib, anonymous_kib, shmem_kib, mapped_file_kib, cached_file_kib, page_table_kib, other_kib
-- spare: other_kib, page_table_kib
-- column cgroup: path of the memory cgroup that pays; 'inode N' where it has none; NULL: none pays, or unknown
-- column kib: KiB of all its frames, those that follow
-- column anonymous_kib: KiB of anonymous memory, with what is in the swap cache
-- column shmem_kib: KiB of shared memory and tmpfs
-- column mapped_file_kib: KiB of page cache that processes map
-- column cached_file_kib: KiB of page cache that no process maps
-- column page_table_kib: KiB of page tables
-- column other_kib: KiB of whatever else: hugetlb, buffers of the kernel, stacks
WITH charged AS (
  SELECT IIF(cgroup_inode = 0, NULL, cgroup_inode) AS inode, kind, owner, SUM(kib) AS kib
  FROM ram_group
  WHERE snapshot_id = :snapshot
    AND kind NOT IN ('hole', 'free', 'reserved', 'zero_page', 'offline', 'poisoned', 'slab', 'unread')
    AND NOT (kind = 'unflagged' AND COALESCE(cgroup_inode, 0) = 0)
  GROUP BY 1, kind, owner
)
SELECT
  IIF(inode IS NULL, NULL, cgroup_name(:snapshot, inode)) AS cgroup,
  SUM(kib) AS kib,
  SUM(IIF(kind IN ('anonymous', 'swap_cache'), kib, 0)) AS anonymous_kib,
  SUM(IIF(kind = 'shmem', kib, 0)) AS shmem_kib,
  SUM(IIF(kind = 'file' AND owner <> 'nobody', kib, 0)) AS mapped_file_kib,
  SUM(IIF(kind = 'file' AND owner = 'nobody', kib, 0)) AS cached_file_kib,
  SUM(IIF(kind = 'page_table', kib, 0)) AS page_table_kib,
  SUM(IIF(kind IN ('hugetlb', 'driver', 'unflagged'), kib, 0)) AS other_kib
FROM charged
GROUP BY inode
ORDER BY kib DESC, cgroup;
