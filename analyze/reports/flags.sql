-- title: Frame flags
-- group: Frames
-- about: How many frames have each exact combination of flags, as page-types counts them
-- parameter pid integer: count the present pages of this process; otherwise each captured frame once
-- parameter require text repeated: only combinations with this flag, as in THP
-- parameter exclude text repeated: only combinations without this flag
-- total: frame_count, kib
-- column flags: of /proc/kpageflags, 0x hex; NULL where they were not read
-- column frame_count: frames; with --pid present pages
-- column kib: KiB of those
-- column symbolic: a letter for each flag as page-types has them, _ where it is not set
-- column names: the flags by name
WITH counted AS (
  SELECT flags, COUNT(*) AS frame_count
  FROM frame
  WHERE snapshot_id = :snapshot AND :pid IS NULL
  GROUP BY flags
  UNION ALL
  SELECT r.flags, SUM(r.page_count)
  FROM process p
  CROSS JOIN page_run r ON r.process_id = p.id
  WHERE p.snapshot_id = :snapshot AND p.pid = :pid AND r.state = 'present'
  GROUP BY r.flags
), letter (bit, symbol) AS (
  -- Bits of KPF_ and of page-types for kernel developers (32 and up).
  VALUES (0, 'L'), (1, 'E'), (2, 'R'), (3, 'U'), (4, 'D'), (5, 'l'), (6, 'A'), (7, 'S'), (8, 'W'),
         (9, 'I'), (10, 'B'), (11, 'M'), (12, 'a'), (13, 's'), (14, 'b'), (15, 'H'), (16, 'T'),
         (17, 'G'), (18, 'u'), (19, 'X'), (20, 'n'), (21, 'x'), (22, 't'), (23, 'o'), (24, 'z'),
         (25, 'i'), (26, 'g'), (32, 'r'), (33, 'm'), (34, 'd'), (35, 'P'), (36, 'p'), (37, 'O'),
         (38, 'h'), (39, 'c'), (40, 'f'), (41, 'H'), (42, 'J')
), named AS (
  SELECT c.flags, c.frame_count, c.frame_count * s.page_size / 1024 AS kib,
         frame_flag_names(c.flags, s.kernel_release) AS names
  FROM counted c
  JOIN snapshot s ON s.id = :snapshot
)
SELECT
  IIF(flags IS NULL, NULL, printf('0x%016x', flags)) AS flags,
  frame_count,
  kib,
  IIF(flags IS NULL, NULL, (SELECT group_concat(cell, '')
   FROM (SELECT IIF(named.flags >> bit & 1, symbol, '_') AS cell FROM letter ORDER BY bit)))
    AS symbolic,
  names
FROM named
WHERE NOT EXISTS (SELECT 1 FROM json_each(COALESCE(:require, '[]')) f
                  WHERE instr(',' || COALESCE(names, '') || ',', ',' || upper(f.value) || ',') = 0)
  AND NOT EXISTS (SELECT 1 FROM json_each(COALESCE(:exclude, '[]')) f
                  WHERE instr(',' || COALESCE(names, '') || ',', ',' || upper(f.value) || ',') > 0)
ORDER BY frame_count DESC, named.flags;
