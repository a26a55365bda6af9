-- title: Pages
-- group: Frames
-- about: The pages of address spaces in runs, adjacent ones that are alike in one line
-- parameter pid
-- parameter address
-- total: page_count, kib
-- spare: swap_type, swap_offset, cgroup, name, path, kib
-- kept: flags, map_count
-- column pid: process id
-- column name: comm
-- column address: of the first page
-- column state: present, swapped, guard, ...; absent pages have no line, and hidden ones, in areas of drivers, neither
-- column pfn: page frame number of the first page; the others follow it
-- column page_count: pages in the run
-- column kib: KiB of those
-- column swap_type: index of the swap area, of swapped pages
-- column swap_offset: slot of the first page, in pages from the start of the swap area
-- column flags: of each frame, by name
-- column map_count: how often each frame is mapped, or its folio on average (CONFIG_NO_PAGE_MAPCOUNT)
-- column cgroup: path of the memory cgroup that pays, or its inode when it was removed
-- column path: of the mapping
SELECT
  p.pid,
  p.name,
  page_address(r.page, s.page_size) AS address,
  r.state,
  r.pfn,
  r.page_count,
  r.page_count * s.page_size / 1024 AS kib,
  -- Guards, migration entries and the like have numbers in these bits that are no swap slots. Most
  -- pages have none, and no text is compared for them.
  IIF(r.swap_type IS NOT NULL AND r.state = 'swapped', r.swap_type, NULL) AS swap_type,
  IIF(r.swap_offset IS NOT NULL AND r.state = 'swapped', r.swap_offset, NULL) AS swap_offset,
  r.flag_names AS flags,
  r.map_count,
  cgroup_name(s.id, r.cgroup_inode) AS cgroup,
  COALESCE(f.path, '') AS path
FROM process p
JOIN snapshot s ON s.id = p.snapshot_id
CROSS JOIN mapping m ON m.process_id = p.id
LEFT JOIN file f ON f.id = m.file_id
-- The mappings of a process come by id, and the runs of a mapping by address: millions of rows, and none is
-- sorted. ORDER BY does not name m.id, for SQLite would sort where mapping is a virtual table.
CROSS JOIN page_run r ON r.process_id = p.id AND r.mapping_id = m.id
  AND r.from_page = COALESCE(:address_first, 0)
    AND r.to_page = COALESCE(:address_last, 9223372036854775807)
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid)))
ORDER BY p.pid, p.id;
-- sums:
SELECT
  p.name,
  COALESCE(f.path, '') AS path,
  n.run_count AS row_count,
  n.page_count,
  n.page_count * s.page_size / 1024 AS kib
FROM process p
JOIN snapshot s ON s.id = p.snapshot_id
CROSS JOIN page_run_count n ON n.process_id = p.id
  AND n.from_page = COALESCE(:address_first, 0)
    AND n.to_page = COALESCE(:address_last, 9223372036854775807)
JOIN mapping m ON m.id = n.mapping_id
LEFT JOIN file f ON f.id = m.file_id
WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid)));
