-- title: Pages
-- group: Comparing
-- about: What became of the pages: runs of adjacent ones with the same fate
-- include: change
-- fail-if: diff-total
-- parameter all flag: unchanged pages, too
-- parameter address: only pages in this range, after, or before where they are gone; as in /proc/PID/maps (A-B), A+LENGTH (bytes, or K, M, G), or the page of an address A
-- parameter change text repeated: only pages that did this, as in swapped_out
-- total: page_count, kib
-- spare: before_address, flags_set, flags_cleared, after_pfn, before_pfn
-- column pid: process id after, or before where the process is gone
-- column before_address: of the first page; NULL: it has no counterpart before
-- column after_address: of the first page; NULL: it has no counterpart after
-- column page_count: pages in the run
-- column kib: KiB of those
-- column change: what became of them; schema/README.md explains the words
-- column before_state: present, swapped, absent, ...; NULL: not read
-- column after_state: likewise
-- column before_pfn: of the first page; NULL: not present, or hidden
-- column after_pfn: likewise
-- column flags_set: flags of the frame that came; NULL: not about flags
-- column flags_cleared: flags of the frame that went
-- column path: of the mapping; empty for anonymous memory
WITH changed AS (
  SELECT * FROM page_change(:before, :after, COALESCE(:match, 'auto'), COALESCE(:volatile, 0)) WHERE change <> 'unchanged'
  UNION ALL
  SELECT * FROM page_change(:before, :after, COALESCE(:match, 'auto'), COALESCE(:volatile, 0))
  WHERE :all AND change = 'unchanged'
), located AS (
  -- Where a run lies across an end of the range, `skipped` pages are outside before it, and as many as
  -- `page_count` inside.
  SELECT c.*, MAX(0, COALESCE(:address_first, 0) - COALESCE(c.after_page, c.before_page)) AS skipped
  FROM changed c
), inside AS (
  SELECT c.*,
         MIN(c.page_count, COALESCE(:address_last - COALESCE(c.after_page, c.before_page) + 1, c.page_count))
           - c.skipped AS inside_count
  FROM located c
)
SELECT
  COALESCE(a.pid, b.pid) AS pid,
  page_address(c.before_page + c.skipped, s.page_size) AS before_address,
  page_address(c.after_page + c.skipped, s.page_size) AS after_address,
  c.inside_count AS page_count,
  c.inside_count * s.page_size / 1024 AS kib,
  c.change, c.before_state, c.after_state, c.before_pfn + c.skipped AS before_pfn,
  c.after_pfn + c.skipped AS after_pfn, c.flags_set,
  c.flags_cleared,
  COALESCE(f.path, '') AS path
FROM inside c
JOIN snapshot s ON s.id = :before
LEFT JOIN process b ON b.id = c.before_process_id
LEFT JOIN process a ON a.id = c.after_process_id
LEFT JOIN mapping m ON m.id = COALESCE(c.after_mapping_id, c.before_mapping_id)
LEFT JOIN file f ON f.id = m.file_id
WHERE c.inside_count > 0
  AND (:pid IS NULL OR a.pid IN (SELECT value FROM json_each(:pid)) OR b.pid IN (SELECT value FROM json_each(:pid)))
  AND (:change IS NULL OR c.change IN (SELECT value FROM json_each(:change)))
ORDER BY pid, COALESCE(c.after_page, c.before_page), c.before_page;
