-- title: Huge pages and large folios
-- group: Frames
-- about: How much of each mapping is in huge pages, in smaller large folios by order, and in neither
-- note: pagemap does not say how a folio is mapped: thp_kib counts whole, aligned folios of 2 MiB on x86-64, also where the kernel maps them page by page; kernel_thp_kib does not
-- note: a first half of a folio looks like a whole folio of the order below
-- parameter pid integer: only the process with this pid
-- total: present_kib, hugetlb_kib, thp_kib, folio_kib, partial_kib, rest_kib, kernel_thp_kib
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte
-- column path: of the mapping; empty for anonymous memory
-- column present_kib: KiB in memory, with hugetlb and zero pages
-- column hugetlb_kib: KiB of hugetlb pages
-- column thp_kib: KiB of folios of PMD size, aligned and mapped whole
-- column folio_kib: KiB of other large folios that are mapped whole
-- column orders: those by order and count, as in 2:5,4:1
-- column partial_kib: KiB of large folios that are mapped in part
-- column rest_kib: KiB of single frames
-- column kernel_thp_kib: KiB, AnonHugePages + ShmemPmdMapped + FilePmdMapped of smaps
WITH run AS MATERIALIZED (
  SELECT r.process_id, r.mapping_id, r.page, r.page_count, r.pfn, r.flags,
         -- Heads begin a folio; tails belong to the head before them if page and frame follow on.
         r.flags >> 15 & 1 AS is_head, r.flags >> 16 & 1 AS is_tail, r.flags >> 17 & 1 AS is_huge
  FROM process p
  CROSS JOIN page_run r ON r.process_id = p.id
  WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid = :pid) AND r.state = 'present'
), piece AS (
  SELECT *,
         SUM(NOT (is_tail AND page - page_before = 1 AND pfn - pfn_before = 1))
           OVER (PARTITION BY mapping_id ORDER BY page) AS folio
  FROM (SELECT *,
               LAG(page + page_count - 1) OVER (PARTITION BY mapping_id ORDER BY page)
                 AS page_before,
               LAG(pfn + page_count - 1) OVER (PARTITION BY mapping_id ORDER BY page) AS pfn_before
        FROM run WHERE NOT is_huge AND (is_head OR is_tail))
), folio AS (
  SELECT mapping_id, folio, SUM(page_count) AS page_count, MIN(pfn) AS pfn, MIN(page) AS page,
         MAX(is_head) AS is_head
  FROM piece
  GROUP BY mapping_id, folio
), whole AS (
  SELECT mapping_id, page_count, pfn, page,
         -- A folio has a power of two of frames, at such a frame; otherwise some are not mapped.
         is_head AND page_count > 1 AND page_count & (page_count - 1) = 0
           AND pfn % page_count = 0 AS is_whole,
         page_count * s.page_size = 2097152 AND page % page_count = 0 AS is_thp
  FROM folio
  JOIN snapshot s ON s.id = :snapshot
), sized AS (
  SELECT mapping_id, is_whole AND is_thp AS is_thp, is_whole, page_count, COUNT(*) AS folio_count,
         SUM(page_count) AS pages
  FROM whole
  GROUP BY mapping_id, 2, is_whole, page_count
), large AS (
  SELECT mapping_id,
         SUM(IIF(is_thp, pages, 0)) AS thp_count,
         SUM(IIF(is_whole AND NOT is_thp, pages, 0)) AS folio_count,
         SUM(IIF(NOT is_whole, pages, 0)) AS partial_count,
         SUM(pages) AS page_count,
         (SELECT group_concat(log || ':' || folio_count, ',')
          FROM (SELECT length(printf('%o', z.page_count)) * 3 - CASE substr(printf('%o', z.page_count), 1, 1)
                         WHEN '1' THEN 3 WHEN '2' THEN 2 ELSE 1 END AS log, z.folio_count
                FROM sized z WHERE z.mapping_id = sized.mapping_id AND z.is_whole AND NOT z.is_thp
                ORDER BY z.page_count)) AS orders
  FROM sized
  GROUP BY mapping_id
), present AS (
  SELECT process_id, mapping_id, SUM(page_count) AS page_count, COUNT(flags) = COUNT(*) AS known,
         SUM(IIF(is_huge, page_count, 0)) AS huge_count
  FROM run
  GROUP BY process_id, mapping_id
)
SELECT
  d.pid,
  d.process_name AS name,
  d.start,
  d.path,
  n.page_count * s.page_size / 1024 AS present_kib,
  IIF(n.known, n.huge_count * s.page_size / 1024, NULL) AS hugetlb_kib,
  IIF(n.known, COALESCE(l.thp_count, 0) * s.page_size / 1024, NULL) AS thp_kib,
  IIF(n.known, COALESCE(l.folio_count, 0) * s.page_size / 1024, NULL) AS folio_kib,
  l.orders,
  IIF(n.known, COALESCE(l.partial_count, 0) * s.page_size / 1024, NULL) AS partial_kib,
  IIF(n.known, (n.page_count - n.huge_count - COALESCE(l.page_count, 0)) * s.page_size / 1024,
      NULL) AS rest_kib,
  k.anon_huge_kib + COALESCE(k.shmem_huge_kib, 0) + COALESCE(k.file_huge_kib, 0) AS kernel_thp_kib
FROM present n
JOIN snapshot s ON s.id = :snapshot
JOIN mapping_detail d ON d.mapping_id = n.mapping_id
LEFT JOIN large l ON l.mapping_id = n.mapping_id
LEFT JOIN kernel_usage k ON k.process_id = n.process_id AND k.mapping_id = n.mapping_id
ORDER BY d.pid, d.first_page;
