-- title: All RAM
-- group: Overview
-- about: Where all RAM is, whoever has it: memory of processes, page cache, kernel, free; beside it the kernel's own figures
-- frames: all
-- note: lines that begin with a blank are parts of the line above; the others add up to RAM
-- spare: percent
-- column item: what the frames are used for
-- column kib: KiB of these frames
-- column percent: of RAM
-- column kernel_kib: what the kernel counted for the same, read while the frames were; NULL: it has no figure for it
-- column counter: where kernel_kib is from: names of /proc/meminfo; buddyinfo; zoneinfo ("present"); pools of /sys/kernel/mm/hugepages; later: what MemTotal has beyond the frames that zones manage
WITH fact AS MATERIALIZED (
  SELECT name, CAST(value AS INTEGER) AS value FROM snapshot_system_fact
  WHERE snapshot_id = :snapshot AND (name GLOB 'meminfo.*' OR name GLOB 'hugepages.*' OR name GLOB 'zoneinfo.*')
), meminfo AS MATERIALIZED (
  SELECT substr(name, 9, length(name) - 12) AS name, value FROM fact WHERE name GLOB 'meminfo.*_kib'
), kernel AS MATERIALIZED (
  -- Sums of lines of meminfo, NULL where one of them is not there: +A-B.
  SELECT f.label, IIF(COUNT(m.value) = COUNT(*), MAX(0, CAST(TOTAL(f.sign * m.value) AS INTEGER)), NULL) AS kib
  FROM (
    SELECT 'AnonPages' AS label, 'AnonPages' AS name, 1 AS sign
    UNION ALL VALUES
      ('AnonHugePages', 'AnonHugePages', 1), ('Shmem', 'Shmem', 1), ('ShmemHugePages', 'ShmemHugePages', 1),
      ('Cached+Buffers-Shmem', 'Cached', 1), ('Cached+Buffers-Shmem', 'Buffers', 1),
      ('Cached+Buffers-Shmem', 'Shmem', -1), ('FileHugePages', 'FileHugePages', 1), ('Slab', 'Slab', 1),
      ('PageTables', 'PageTables', 1), ('HardwareCorrupted', 'HardwareCorrupted', 1), ('Balloon', 'Balloon', 1),
      ('MemFree', 'MemFree', 1), ('Hugetlb', 'Hugetlb', 1)
  ) f LEFT JOIN meminfo m ON m.name = f.name
  GROUP BY f.label
), frames AS MATERIALIZED (
  SELECT kind, owner, is_huge, node, zone, SUM(kib) AS kib
  FROM ram_group WHERE snapshot_id = :snapshot AND kind <> 'hole'
  GROUP BY kind, owner, is_huge, node, zone
), zones AS MATERIALIZED (
  SELECT z.node, z.name, z.start_pfn, z.present_count * s.page_size / 1024 AS present_kib,
         z.managed_count * s.page_size / 1024 AS managed_kib, s.page_size
  FROM snapshot_memory_zone z JOIN snapshot s ON s.id = z.snapshot_id WHERE s.id = :snapshot
), present AS MATERIALIZED (
  -- NULL where the zones are unknown.
  SELECT IIF(COUNT(*) = 0, NULL, CAST(TOTAL(present_kib) AS INTEGER)) AS kib,
         IIF(COUNT(*) = 0, NULL, CAST(TOTAL(managed_kib) AS INTEGER)) AS managed_kib
  FROM zones
), later AS MATERIALIZED (
  -- Some kernels give memory to their zones only when it is needed, and count it in MemTotal and
  -- MemFree before.
  SELECT COALESCE(MAX(0, (SELECT value FROM meminfo WHERE name = 'MemTotal') -
                         (SELECT managed_kib FROM present)), 0) AS kib
), unflagged AS MATERIALIZED (
  -- Where iomem was not shown, holes of the zones look like frames without a flag: what is beyond
  -- the frames that are present.
  SELECT MAX(0, COALESCE((SELECT SUM(kib) FROM frames WHERE kind = 'unflagged'), 0) -
                COALESCE(MAX(0, (SELECT SUM(kib) FROM frames) - (SELECT kib FROM present)), 0)) AS kib
), estimate AS MATERIALIZED (
  -- What the kernel says of frames without a flag. It counts vmalloc and stacks twice where stacks are
  -- in vmalloc memory (CONFIG_VMAP_STACK).
  SELECT 0 AS place, 'not managed by its zone' AS item, 'zoneinfo' AS label,
         (SELECT kib - managed_kib FROM present) -
         COALESCE((SELECT SUM(kib) FROM frames WHERE kind IN ('reserved', 'offline')), 0) AS kib
  UNION ALL SELECT 1, 'free, on lists of CPUs', 'zoneinfo',
         (SELECT value FROM fact WHERE name = 'zoneinfo.per_cpu_count') *
         (SELECT page_size FROM snapshot WHERE id = :snapshot) / 1024
  UNION ALL SELECT 2, 'vmalloc, kernel stacks', 'VmallocUsed',
         MAX((SELECT value FROM meminfo WHERE name = 'VmallocUsed'),
             COALESCE((SELECT value FROM meminfo WHERE name = 'KernelStack'), 0))
  UNION ALL SELECT 3, 'per-CPU data', 'Percpu', (SELECT value FROM meminfo WHERE name = 'Percpu')
  UNION ALL SELECT 4, 'page tables of guests', 'SecPageTables',
         (SELECT value FROM meminfo WHERE name = 'SecPageTables')
  UNION ALL SELECT 5, 'not accepted yet', 'Unaccepted', (SELECT value FROM meminfo WHERE name = 'Unaccepted')
), explained AS MATERIALIZED (
  -- No more than there are frames without a flag.
  SELECT e.*, MAX(0, MIN(e.kib, (SELECT kib FROM unflagged) -
                            COALESCE((SELECT SUM(b.kib) FROM estimate b WHERE b.place < e.place), 0))) AS part_kib
  FROM estimate e WHERE e.kib > 0
), pool AS MATERIALIZED (
  SELECT CAST(TOTAL(IIF(name GLOB '*.free', value, 0) * CAST(substr(name, 11) AS INTEGER)) AS INTEGER) AS kib,
         CAST(TOTAL(IIF(name GLOB '*.reserved', value, 0) * CAST(substr(name, 11) AS INTEGER)) AS INTEGER) AS reserved_kib
  FROM fact WHERE name GLOB 'hugepages.*_kib.*'
), topic (place, kind, item, label, huge_label) AS (
  VALUES (10, 'anonymous', 'anonymous memory', 'AnonPages', 'AnonHugePages'),
         (20, 'shmem', 'shared memory, tmpfs', 'Shmem', 'ShmemHugePages'),
         (30, 'file', 'page cache of files', 'Cached+Buffers-Shmem', 'FileHugePages'),
         (40, 'swap_cache', 'swap cache, not mapped', NULL, NULL),
         (50, 'hugetlb', 'hugetlb pools', 'Hugetlb', NULL),
         (60, 'driver', 'of drivers, mapped', NULL, NULL),
         (70, 'slab', 'slab', 'Slab', NULL),
         (80, 'page_table', 'page tables', 'PageTables', NULL),
         (140, 'zero_page', 'zero pages', NULL, NULL),
         (150, 'reserved', 'reserved at boot', 'present-MemTotal', NULL),
         (160, 'poisoned', 'poisoned', 'HardwareCorrupted', NULL),
         (170, 'offline', 'offline or ballooned', 'Balloon', NULL),
         (180, 'unread', 'not read', NULL, NULL),
         (190, 'free', 'free', 'MemFree', NULL)
), line AS (
  SELECT t.place, 0 AS part, t.item, SUM(f.kib) AS kib,
         CASE t.kind
           WHEN 'reserved' THEN
             -- With memory that comes later, its page structs are counted here, too.
             IIF((SELECT kib FROM later) > 0, NULL,
                 (SELECT kib FROM present) - (SELECT value FROM meminfo WHERE name = 'MemTotal'))
           WHEN 'free' THEN (SELECT kib FROM kernel WHERE label = t.label) - (SELECT kib FROM later)
           ELSE (SELECT kib FROM kernel WHERE label = t.label) END AS kernel_kib,
         IIF(t.kind = 'free' AND (SELECT kib FROM later) > 0, 'MemFree-later', t.label) AS counter
  FROM topic t LEFT JOIN frames f ON f.kind = t.kind GROUP BY t.place
  UNION ALL
  SELECT t.place, o.part, o.item, SUM(f.kib), NULL, NULL
  FROM topic t JOIN (SELECT 1 AS part, 'captured' AS owner, '  captured processes map' AS item
                     UNION ALL VALUES (2, 'others', '  only others map'), (3, 'nobody', '  nobody maps')) o
  JOIN frames f ON f.kind = t.kind AND f.owner = o.owner
  WHERE t.place <= 60 AND t.kind <> 'swap_cache'
  GROUP BY t.place, o.part
  UNION ALL
  SELECT t.place, 4, '  in huge pages', SUM(f.kib),
         (SELECT kib FROM kernel WHERE label = t.huge_label), t.huge_label
  FROM topic t JOIN frames f ON f.kind = t.kind AND f.is_huge
  WHERE t.huge_label IS NOT NULL GROUP BY t.place
  UNION ALL
  SELECT 50, 5, '  free in the pools', kib, kib, 'hugepages' FROM pool WHERE kib > 0
  UNION ALL
  SELECT 50, 6, '    of these reserved', reserved_kib, reserved_kib, 'hugepages' FROM pool WHERE reserved_kib > 0
  UNION ALL
  SELECT 90 + place, 0, item, part_kib, kib, label FROM explained
  UNION ALL
  SELECT 100, 0, 'unidentified', (SELECT kib FROM unflagged) - COALESCE(SUM(part_kib), 0), NULL, NULL
  FROM explained
  UNION ALL
  SELECT 190, z.rowid, '  node ' || z.node || ' ' || z.name,
         (SELECT SUM(f.kib) FROM frames f WHERE f.kind = 'free' AND f.node = z.node AND f.zone = z.name),
         (SELECT IIF(COUNT(*) = 0, NULL, CAST(TOTAL(a.block_count << a.block_order) AS INTEGER)) FROM snapshot_free_area a
          WHERE a.snapshot_id = :snapshot AND a.node = z.node AND a.zone = z.name) * z.page_size / 1024,
         'buddyinfo'
  FROM (SELECT ROW_NUMBER() OVER (ORDER BY node, start_pfn) AS rowid, * FROM zones) z
), total AS (
  SELECT SUM(kib) AS kib FROM line WHERE part = 0
)
SELECT item, COALESCE(l.kib, 0) AS kib,
       ROUND(100.0 * COALESCE(l.kib, 0) / t.kib, 1) AS percent,
       kernel_kib,
       IIF(kernel_kib IS NULL, NULL, counter) AS counter
FROM (
  SELECT * FROM line
  UNION ALL SELECT 200, 0, 'RAM', (SELECT kib FROM total), (SELECT kib FROM present), 'present'
) l JOIN total t
WHERE t.kib > 0 AND (l.kib > 0 OR l.kernel_kib > 0)
ORDER BY place, part;
