-- title: Huge pages and large folios
-- group: Frames
-- about: How much of each mapping is in huge pages, in smaller large folios by order, and in neither
-- note: pagemap does not say how a folio is mapped: thp_kib counts whole, aligned folios of 2 MiB on x86-64, also where the kernel maps them page by page; kernel_thp_kib does not
-- note: in files of older captures a first half of a folio looks like a whole one of the order below: unknown_kib
-- parameter pid
-- parameter address
-- parameter by mapping|process: what a row is; mapping unless given
-- total: present_kib, hugetlb_kib, thp_kib, folio_kib, partial_kib, unknown_kib, rest_kib, full_kib, eligible_kib, kernel_thp_kib
-- spare: kernel_thp_kib, eligible_kib, full_kib, orders, partial_kib, unknown_kib, folio_kib, hugetlb_kib, name
-- kept: present_kib, thp_kib, rest_kib
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte; none --by process
-- column path: of the mapping; empty for anonymous memory; none --by process
-- column present_kib: KiB in memory, with hugetlb and zero pages
-- column hugetlb_kib: KiB of hugetlb pages
-- column thp_kib: KiB of folios of the size that one PMD maps (2 MiB with pages of 4 KiB), aligned and mapped whole
-- column folio_kib: KiB of other large folios that are mapped whole
-- column orders: those by order and count, as in 2:5,4:1
-- column partial_kib: KiB of large folios that are mapped in part
-- column unknown_kib: KiB of large folios of which the file does not say whether they are mapped whole or in part
-- column rest_kib: KiB of single frames and zero pages
-- column full_kib: KiB that could be huge and are not: aligned ranges of that size, full of smaller pages
-- column eligible_kib: KiB of those where the kernel would make huge pages (THPeligible of smaps)
-- column kernel_thp_kib: KiB, AnonHugePages + ShmemPmdMapped + FilePmdMapped of smaps
WITH part AS (
  SELECT u.*, IIF(:by = 'process', NULL, u.mapping_id) AS row_mapping_id,
         -- Of nothing nothing is eligible, whatever the kernel would say.
         IIF(u.full_count = 0, 0, k.thp_eligible) AS thp_eligible,
         -- The kernel's figure is of the whole mapping.
         IIF(m.first_page >= COALESCE(:address_first, 0)
               AND m.first_page + m.page_count - 1 <= COALESCE(:address_last, 9223372036854775807),
             k.anon_huge_kib + COALESCE(k.shmem_huge_kib, 0) + COALESCE(k.file_huge_kib, 0), NULL)
           AS kernel_thp_kib
  FROM process p
  CROSS JOIN folio_usage u ON u.process_id = p.id
    AND u.from_page = COALESCE(:address_first, 0)
      AND u.to_page = COALESCE(:address_last, 9223372036854775807)
  JOIN mapping m ON m.id = u.mapping_id
  LEFT JOIN kernel_usage k ON k.process_id = u.process_id AND k.mapping_id = u.mapping_id
  WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid))) AND u.present_count > 0
), summed AS (
  -- Where a figure is unknown of any part, its sum is.
  SELECT process_id, row_mapping_id,
         SUM(present_count) AS present_count,
         COUNT(thp_count) = COUNT(*) AS is_known,
         SUM(hugetlb_count) AS hugetlb_count,
         SUM(thp_count) AS thp_count,
         SUM(folio_count) AS folio_count,
         SUM(partial_count) AS partial_count,
         SUM(unknown_count) AS unknown_count,
         SUM(single_count) AS single_count,
         SUM(full_count) AS full_count,
         IIF(COUNT(thp_eligible) = COUNT(*), SUM(IIF(thp_eligible, full_count, 0)), NULL)
           AS eligible_count,
         IIF(COUNT(kernel_thp_kib) = COUNT(*), SUM(kernel_thp_kib), NULL) AS kernel_thp_kib
  FROM part
  GROUP BY process_id, row_mapping_id
), sized AS (
  SELECT o.process_id, IIF(:by = 'process', NULL, o.mapping_id) AS row_mapping_id, o.folio_order,
         SUM(o.folio_count - IIF(o.is_pmd_size, o.aligned_count, 0)) AS folio_count
  FROM process p
  CROSS JOIN folio_order o ON o.process_id = p.id
    AND o.from_page = COALESCE(:address_first, 0)
      AND o.to_page = COALESCE(:address_last, 9223372036854775807)
  WHERE p.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid)))
  GROUP BY 1, 2, 3
  ORDER BY 1, 2, 3
), ordered AS (
  SELECT process_id, row_mapping_id, group_concat(folio_order || ':' || folio_count, ',') AS orders
  FROM sized
  WHERE folio_count > 0
  GROUP BY process_id, row_mapping_id
)
SELECT
  p.pid,
  p.name,
  page_address(m.first_page, s.page_size) AS start,
  IIF(m.id IS NULL, NULL, COALESCE(f.path, '')) AS path,
  u.present_count * s.page_size / 1024 AS present_kib,
  IIF(u.is_known, u.hugetlb_count * s.page_size / 1024, NULL) AS hugetlb_kib,
  IIF(u.is_known, u.thp_count * s.page_size / 1024, NULL) AS thp_kib,
  IIF(u.is_known, u.folio_count * s.page_size / 1024, NULL) AS folio_kib,
  IIF(u.is_known, o.orders, NULL) AS orders,
  IIF(u.is_known, u.partial_count * s.page_size / 1024, NULL) AS partial_kib,
  IIF(u.is_known, u.unknown_count * s.page_size / 1024, NULL) AS unknown_kib,
  IIF(u.is_known, u.single_count * s.page_size / 1024, NULL) AS rest_kib,
  IIF(u.is_known, u.full_count * s.page_size / 1024, NULL) AS full_kib,
  IIF(u.is_known, u.eligible_count * s.page_size / 1024, NULL) AS eligible_kib,
  u.kernel_thp_kib
FROM summed u
JOIN process p ON p.id = u.process_id
JOIN snapshot s ON s.id = p.snapshot_id
LEFT JOIN ordered o ON o.process_id = u.process_id AND o.row_mapping_id IS u.row_mapping_id
LEFT JOIN mapping m ON m.id = u.row_mapping_id
LEFT JOIN file f ON f.id = m.file_id
ORDER BY p.pid, p.id, m.first_page;
