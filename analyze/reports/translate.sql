-- title: Address translation
-- group: Overview
-- about: What stands behind a virtual address, or who maps a physical one
-- parameter pid: look in the process with this pid; otherwise in all
-- parameter address range repeated: a virtual address, 0x hex or decimal; or a range, A-B as in /proc/PID/maps or A+LENGTH (bytes, or K, M, G), of which all pages that are populated have a line
-- parameter physical address repeated: a physical address; lists every page that maps its frame
-- needs one of: address, physical
-- spare: node, name, swap_type, swap_device, cgroup, perms, path, pfn, swap_offset
-- kept: state, flags, map_count
-- wrap: flags 20
-- column pid: process id
-- column name: comm
-- column address: the virtual address
-- column state: present, swapped, absent, guard, ...; unmapped; hidden: in an area of a driver that pagemap does not show; unknown where pagemap was not read
-- column pfn: page frame number
-- column physical_address: pfn * page size + the offset in the page
-- column swap_type: index of the swap area, of swapped pages
-- column swap_offset: slot in pages from the start of the swap area
-- column swap_device: path of the swap area, by its place in /proc/swaps
-- column flags: of the frame, by name
-- column map_count: how often the frame is mapped, or its folio on average (CONFIG_NO_PAGE_MAPCOUNT)
-- column cgroup: path of the memory cgroup that pays, or its inode when it was removed
-- column node: NUMA node of the frame
-- column perms: of the mapping
-- column path: of the mapping
WITH wanted AS (
  -- Virtual addresses: the page of each process, mapped or not.
  SELECT p.id AS process_id, json_extract(a.value, '$.first') AS page,
         json_extract(a.value, '$.offset') AS offset, a.key AS position
  FROM json_each(COALESCE(:address, '[]')) a
  JOIN process p ON p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid)))
  WHERE json_extract(a.value, '$.is_one')
  UNION ALL
  -- Ranges: what is populated there.
  SELECT g.process_id, g.page, 0, a.key
  FROM json_each(COALESCE(:address, '[]')) a
  CROSS JOIN process p ON p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid)))
  CROSS JOIN page g ON g.process_id = p.id
    AND g.page BETWEEN json_extract(a.value, '$.first') AND json_extract(a.value, '$.last')
  WHERE NOT json_extract(a.value, '$.is_one')
  UNION ALL
  -- Physical addresses: every page with their frame.
  SELECT g.process_id, g.page, address_offset(a.value, s.page_size), 1000000 + a.key
  FROM json_each(COALESCE(:physical, '[]')) a
  JOIN snapshot s ON s.id = :snapshot
  CROSS JOIN page g ON g.snapshot_id = s.id AND g.pfn = address_page(a.value, s.page_size)
  WHERE :pid IS NULL OR g.process_id IN (SELECT id FROM process WHERE pid IN (SELECT value FROM json_each(:pid)))
), placed AS (
  SELECT w.*, m.id AS mapping_id, m.first_page, m.perms, m.file_id, m.vm_flags_id
  FROM wanted w
  LEFT JOIN mapping m ON m.process_id = w.process_id
    AND w.page BETWEEN m.first_page AND m.first_page + m.page_count - 1
)
SELECT
  p.pid,
  p.name,
  page_address(w.page, s.page_size, w.offset) AS address,
  CASE
    WHEN w.mapping_id IS NULL THEN IIF(
      p.id IN (SELECT process_id FROM incomplete_process),
      'unknown', 'unmapped')
    WHEN g.state IS NOT NULL THEN g.state
    WHEN EXISTS (
      SELECT 1 FROM gap
      WHERE gap.process_id = p.id AND source = 'pagemap'
        AND (gap.mapping_id IS NULL OR gap.mapping_id = w.mapping_id)
        AND (gap.first IS NULL
             OR w.page - w.first_page BETWEEN gap.first AND gap.first + gap.count - 1)
    ) THEN 'unknown'
    WHEN p.ended THEN 'unknown'
    WHEN hides_pages(v.names) THEN 'hidden'
    ELSE 'absent'
  END AS state,
  g.pfn,
  page_address(g.pfn, s.page_size, w.offset) AS physical_address,
  -- Guards, migration entries and the like have numbers in these bits that are no swap slots.
  IIF(g.state = 'swapped', g.swap_type, NULL) AS swap_type,
  IIF(g.state = 'swapped', g.swap_offset, NULL) AS swap_offset,
  d.path AS swap_device,
  g.flag_names AS flags,
  g.map_count,
  cgroup_name(s.id, g.cgroup_inode) AS cgroup,
  g.node,
  w.perms,
  f.path
FROM placed w
JOIN process p ON p.id = w.process_id
JOIN snapshot s ON s.id = p.snapshot_id
LEFT JOIN page g ON g.process_id = w.process_id AND g.mapping_id = w.mapping_id
  AND g.page = w.page
LEFT JOIN snapshot_swap_device d ON d.snapshot_id = s.id AND d.position = g.swap_type
  AND g.state = 'swapped'
LEFT JOIN file f ON f.id = w.file_id
LEFT JOIN vm_flags v ON v.id = w.vm_flags_id
-- An address that some process does not map says nothing when all processes were asked for.
WHERE :pid IS NOT NULL OR w.mapping_id IS NOT NULL
ORDER BY w.position, p.pid, w.page;
