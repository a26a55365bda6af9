-- title: Frame flags
-- group: Frames
-- about: How many frames have each exact combination of flags, as page-types counts them
-- parameter pid: count the present pages of this process; otherwise each captured frame once, all of RAM where it was captured
-- parameter name: likewise, of processes with a name like this
-- parameter path: likewise, of mappings of a path like this
-- parameter require text repeated: only combinations with this flag, as in THP
-- parameter exclude text repeated: only combinations without this flag
-- total: frame_count, kib
-- spare: symbolic
-- kept: names
-- wrap: names 24
-- column flags: of /proc/kpageflags, 0x hex; NULL where they were not read
-- column frame_count: frames; with --pid, --name or --path present pages
-- column kib: KiB of those
-- column symbolic: a letter for each flag as page-types has them, _ where it is not set
-- column names: the flags by name
WITH counted AS (
  SELECT flags, flag_names AS names, SUM(frame_count) AS frame_count, SUM(kib) AS kib
  FROM frame_group
  WHERE snapshot_id = :snapshot AND COALESCE(:pid, :name, :path) IS NULL
    AND NOT EXISTS (SELECT 1 FROM ram_chunk WHERE snapshot_id = :snapshot)
  GROUP BY flags
  UNION ALL
  SELECT flags, flag_names, SUM(frame_count), SUM(kib)
  FROM ram_group
  WHERE snapshot_id = :snapshot AND COALESCE(:pid, :name, :path) IS NULL
  GROUP BY flags
  UNION ALL
  SELECT flags, flag_names, SUM(page_count), SUM(kib)
  FROM page_group_detail
  WHERE snapshot_id = :snapshot AND COALESCE(:pid, :name, :path) IS NOT NULL
    AND (:pid IS NULL OR pid IN (SELECT value FROM json_each(:pid)))
    AND matches(name, :name) AND matches(path, :path)
    AND state = 'present'
  GROUP BY flags
), letter (bit, symbol) AS (
  -- Bits of KPF_ and of page-types for kernel developers (32 and up).
  VALUES (0, 'L'), (1, 'E'), (2, 'R'), (3, 'U'), (4, 'D'), (5, 'l'), (6, 'A'), (7, 'S'), (8, 'W'),
         (9, 'I'), (10, 'B'), (11, 'M'), (12, 'a'), (13, 's'), (14, 'b'), (15, 'H'), (16, 'T'),
         (17, 'G'), (18, 'u'), (19, 'X'), (20, 'n'), (21, 'x'), (22, 't'), (23, 'o'), (24, 'z'),
         (25, 'i'), (26, 'g'), (32, 'r'), (33, 'm'), (34, 'd'), (35, 'P'), (36, 'p'), (37, 'O'),
         (38, 'h'), (39, 'c'), (40, 'f'), (41, 'H'), (42, 'J')
)
SELECT
  IIF(flags IS NULL, NULL, printf('0x%016x', flags)) AS flags,
  frame_count,
  kib,
  IIF(flags IS NULL, NULL, (SELECT group_concat(cell, '')
   FROM (SELECT IIF(counted.flags >> bit & 1, symbol, '_') AS cell FROM letter ORDER BY bit)))
    AS symbolic,
  names
FROM counted
WHERE NOT EXISTS (SELECT 1 FROM json_each(COALESCE(:require, '[]')) f
                  WHERE instr(',' || COALESCE(names, '') || ',', ',' || upper(f.value) || ',') = 0)
  AND NOT EXISTS (SELECT 1 FROM json_each(COALESCE(:exclude, '[]')) f
                  WHERE instr(',' || COALESCE(names, '') || ',', ',' || upper(f.value) || ',') > 0)
ORDER BY frame_count DESC, counted.flags;
