-- title: Layout of an address space
-- group: Overview
-- about: A picture of an address space, its gaps collapsed: a letter for each span, by what is there
-- picture label: not mapped
-- process: one
-- legend: A anonymous = anonymous_kib, F file = file_kib, M shared memory = shmem_kib, S shared = shared_alone_kib, H huge = huge_kib, W swapped = swap_kib, X special = special_kib, O other = other_kib, P present = unknown_kib
-- note: a cell shows what most of its pages are, the legend adds up what is in all cells; huge and shared (mapped more than once) come before the others
-- parameter pid: the process; needed when there are several
-- parameter address
-- parameter cell integer: KiB of address space in a cell; by default so many that what is populated takes at most some 1,000 cells
-- column pid: process id
-- column start: address of the first byte
-- column end: address behind the last byte; cells of a mapping in which nothing is are one row
-- column perms: r read, w write, x execute, p private, s shared
-- column path: file or name of the mapping; empty for anonymous memory
-- column label: the same, or [anonymous]
-- column cell_kib: KiB of address space in a cell
-- column cell: letter of the state, small when less than half of the cell is populated
-- column state: anonymous, file, shared memory, shared, huge, swapped, special (guard pages and the like), other (the zero page, devices), present (no more is known), absent, hidden (an area of a driver, which pagemap does not show), not read
-- column kib: KiB in memory or swap
-- column present_kib: KiB in memory, with hugetlb and the zero page
-- column shared_kib: KiB in frames that are mapped more than once
-- column huge_kib: KiB in hugetlb and transparent huge pages
-- column swap_kib: KiB in swap areas
-- column anonymous_kib: KiB of anonymous memory that is neither huge nor mapped more than once; what follows, huge_kib and swap_kib add up to kib and special_kib
-- column file_kib: KiB likewise, of files
-- column shmem_kib: KiB likewise, of shared memory
-- column shared_alone_kib: KiB of shared_kib that are not huge
-- column special_kib: KiB of address space with guard pages and the like
-- column other_kib: KiB in the zero page and of devices
-- column unknown_kib: KiB in memory of which no more is known
WITH RECURSIVE target AS MATERIALIZED (
  SELECT p.id AS process_id, s.page_size
  FROM process p
  JOIN snapshot s ON s.id = p.snapshot_id
  WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid)))
), covered AS (
  SELECT COALESCE(SUM(t.page_count), 0) AS page_count
  FROM target
  CROSS JOIN mapping m ON m.process_id = target.process_id
  CROSS JOIN page_chunk c ON c.mapping_id = m.id
  CROSS JOIN page_content t ON t.id = c.content_id
  WHERE m.first_page + c.first_page <= COALESCE(:address_last, 9223372036854775807)
    AND m.first_page + c.first_page + t.page_count > COALESCE(:address_first, 0)
), scale (span_pages) AS (
  SELECT 1
  UNION ALL
  SELECT 2 * span_pages FROM scale, covered
  WHERE span_pages < 1 << 40 AND span_pages * 1000 < covered.page_count
), chosen AS MATERIALIZED (
  SELECT COALESCE(MAX(1, MIN(:cell, 1 << 40) * 1024 / (SELECT MAX(page_size) FROM target)),
                  (SELECT MAX(span_pages) FROM scale)) AS span_pages
), cell AS (
  SELECT
    d.pid, d.perms, d.path, t.page_size, chosen.span_pages, s.*,
    s.present_count + s.swapped_count + s.special_count AS populated_count,
    CASE
      WHEN 2 * s.unread_count > s.page_count THEN 'not read'
      WHEN s.present_count + s.swapped_count + s.special_count = 0
        THEN IIF(s.hidden_count > 0, 'hidden', 'absent')
      WHEN s.swapped_count > s.present_count AND s.swapped_count >= s.special_count THEN 'swapped'
      WHEN s.special_count > s.present_count THEN 'special'
      WHEN s.anonymous_count IS NULL THEN 'present'
      WHEN 2 * s.huge_count >= s.present_count THEN 'huge'
      WHEN 2 * s.shared_count >= s.present_count THEN 'shared'
      WHEN s.anonymous_count + s.file_count + s.shmem_count = 0 THEN 'other'
      WHEN s.anonymous_count >= MAX(s.file_count, s.shmem_count) THEN 'anonymous'
      WHEN s.file_count >= s.shmem_count THEN 'file'
      ELSE 'shared memory' END AS state
  FROM chosen
  CROSS JOIN target t
  CROSS JOIN mapping_span(chosen.span_pages) s ON s.process_id = t.process_id
    AND s.from_page = COALESCE(:address_first, 0)
      AND s.to_page = COALESCE(:address_last, 9223372036854775807)
  CROSS JOIN mapping_detail d ON d.mapping_id = s.mapping_id
), letter (state, letter) AS (
  VALUES ('anonymous', 'A'), ('file', 'F'), ('shared memory', 'M'), ('shared', 'S'), ('huge', 'H'),
         ('swapped', 'W'), ('special', 'X'), ('other', 'O'), ('present', 'P'), ('absent', '.'),
         ('hidden', '#'),
         ('not read', '?')
)
SELECT
  c.pid,
  page_address(c.page, c.page_size) AS start,
  page_address(c.page + c.page_count, c.page_size) AS end,
  c.perms,
  c.path,
  IIF(c.path = '', '[anonymous]', c.path) AS label,
  MAX(1, c.span_pages * c.page_size / 1024) AS cell_kib,
  IIF(2 * c.populated_count < c.page_count, lower(l.letter), l.letter) AS cell,
  c.state,
  (c.present_count + c.swapped_count) * c.page_size / 1024 AS kib,
  c.present_count * c.page_size / 1024 AS present_kib,
  c.shared_count * c.page_size / 1024 AS shared_kib,
  c.huge_count * c.page_size / 1024 AS huge_kib,
  c.swapped_count * c.page_size / 1024 AS swap_kib,
  c.own_anonymous_count * c.page_size / 1024 AS anonymous_kib,
  c.own_file_count * c.page_size / 1024 AS file_kib,
  c.own_shmem_count * c.page_size / 1024 AS shmem_kib,
  c.only_shared_count * c.page_size / 1024 AS shared_alone_kib,
  c.special_count * c.page_size / 1024 AS special_kib,
  (c.present_count - c.own_anonymous_count - c.own_file_count - c.own_shmem_count
   - c.only_shared_count - c.huge_count) * c.page_size / 1024 AS other_kib,
  IIF(c.huge_count IS NULL, c.present_count, 0) * c.page_size / 1024 AS unknown_kib
FROM cell c
JOIN letter l ON l.state = c.state
ORDER BY c.process_id, c.mapping_id, c.page;
