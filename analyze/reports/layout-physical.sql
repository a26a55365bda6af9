-- title: Layout of memory
-- form of: layout --physical
-- group: Overview
-- about: A picture of the frames: who owns what in each block of 2 MiB; blocks of others are collapsed
-- picture zone: not captured
-- note: a block is whose most of its captured frames are alone, or shared between captured processes
-- parameter cell integer: KiB of memory in a cell; by default 2048
-- column start: physical address of the first byte
-- column end: physical address behind the last byte
-- column node: NUMA node
-- column zone: node and zone
-- column cell_kib: KiB of memory in a cell
-- column cell: a letter for each process, A owns most; * shared, + more processes than letters, - nobody; small when less than half of the block was captured
-- column state: the process with pid and name, shared, other processes, or nobody (zero pages)
-- column kib: KiB of captured frames
-- column owned_kib: KiB that the process alone maps, of those captured
-- column shared_kib: KiB that several captured processes map
WITH block AS MATERIALIZED (
  SELECT b.*, b.block_frames, s.page_size
  FROM snapshot s
  CROSS JOIN frame_block(MAX(1, MIN(COALESCE(:cell, 2048), 1 << 40) * 1024 / s.page_size)) b
    ON b.snapshot_id = s.id
  WHERE s.id = :snapshot
), owner AS (
  SELECT process_id, ROW_NUMBER() OVER (ORDER BY SUM(owned_count) DESC, process_id) AS rank
  FROM block
  WHERE owned_count >= shared_count AND process_id IS NOT NULL
  GROUP BY process_id
), cell AS (
  SELECT
    b.*,
    CASE
      WHEN b.shared_count > b.owned_count THEN '*'
      WHEN b.process_id IS NULL THEN '-'
      WHEN o.rank > 26 THEN '+'
      ELSE char(64 + o.rank) END AS letter
  FROM block b
  LEFT JOIN owner o ON o.process_id = b.process_id
)
SELECT
  page_address(c.pfn, c.page_size) AS start,
  page_address(c.pfn + c.block_frames, c.page_size) AS end,
  c.node,
  COALESCE('node ' || c.node || ' ' || c.zone, 'no zone') AS zone,
  MAX(1, c.block_frames * c.page_size / 1024) AS cell_kib,
  IIF(2 * c.frame_count < c.block_frames, lower(c.letter), c.letter) AS cell,
  CASE c.letter WHEN '*' THEN 'shared' WHEN '-' THEN 'nobody' WHEN '+' THEN 'other processes'
    ELSE p.pid || ' ' || p.name END AS state,
  c.frame_count * c.page_size / 1024 AS kib,
  c.owned_count * c.page_size / 1024 AS owned_kib,
  c.shared_count * c.page_size / 1024 AS shared_kib
FROM cell c
LEFT JOIN process p ON p.id = c.process_id
ORDER BY c.pfn;
