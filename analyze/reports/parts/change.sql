-- compares: snapshots
-- parameter match auto|same|rerun: whether processes are the same ones later (by pid, mappings by address), or another run of the same programs (by name and arguments, mappings by path and position); by default same if any process is
-- parameter volatile flag: count changes of flags that change by themselves, such as ACTIVE
-- parameter pid integer: only the process with this pid, before or after

-- What the reports share that compare two snapshots: the processes and ranges of pages that
-- correspond, and mappings with all that became of them.
wanted AS MATERIALIZED (
  SELECT m.before_process_id, m.after_process_id, m.how, m.mode,
         b.pid AS before_pid, a.pid AS after_pid, COALESCE(a.name, b.name) AS name,
         -- What is not known of a list of mappings is not known of anything in them.
         (SELECT IIF(COUNT(*) > 0, NULL, 0) FROM gap g
          WHERE g.source = 'maps' AND g.process_id IN (m.before_process_id, m.after_process_id))
           AS zero
  FROM process_match(:before, :after, COALESCE(:match, 'auto'), COALESCE(:volatile, 0)) m
  LEFT JOIN process b ON b.id = m.before_process_id
  LEFT JOIN process a ON a.id = m.after_process_id
  WHERE :pid IS NULL OR b.pid = :pid OR a.pid = :pid
), part AS MATERIALIZED (
  SELECT u.*
  FROM change_usage(:before, :after, COALESCE(:match, 'auto'), COALESCE(:volatile, 0)) u
  WHERE :pid IS NULL OR EXISTS (
    SELECT 1 FROM wanted w WHERE w.before_process_id IS u.before_process_id
      AND w.after_process_id IS u.after_process_id)
), partner AS MATERIALIZED (
  -- Where most of a mapping went.
  SELECT before_mapping_id, after_mapping_id,
         ROW_NUMBER() OVER (PARTITION BY before_mapping_id
                            ORDER BY SUM(page_count) DESC, after_mapping_id) AS place
  FROM part
  WHERE before_mapping_id IS NOT NULL AND after_mapping_id IS NOT NULL
  GROUP BY before_mapping_id, after_mapping_id
), placed AS MATERIALIZED (
  -- A mapping after with all that became part of it; pages of a mapping that shrank are with what
  -- is left of it. Apart from the groups, or SQLite goes through all partners for each part.
  SELECT r.*, COALESCE(r.after_mapping_id, p.after_mapping_id) AS unit_mapping_id
  FROM part r
  LEFT JOIN partner p ON r.after_mapping_id IS NULL AND p.before_mapping_id = r.before_mapping_id
    AND p.place = 1
), described AS (
  SELECT
    u.*,
    (SELECT page_size FROM snapshot WHERE id = :before) AS page_size,
    COALESCE(a.pid, b.pid) AS pid, COALESCE(a.process_name, b.process_name) AS process_name,
    b.start AS before_start, a.start AS after_start,
    COALESCE(a.perms, b.perms) AS perms,
    IIF(a.perms <> b.perms, b.perms || ' > ', '') AS perms_before,
    COALESCE(a.path, b.path) AS path,
    CASE
      WHEN u.before_mapping_id IS NULL THEN 'appeared'
      WHEN u.after_mapping_id IS NULL THEN 'vanished'
      ELSE LTRIM(
        IIF(u.how IN ('moved', 'size'), ', moved', '') ||
        IIF(u.how = 'replaced', ', replaced', '') ||
        IIF(a.perms <> b.perms, ', permissions changed', '') ||
        IIF(u.after_page_count > u.before_page_count, ', grown', '') ||
        IIF(u.after_page_count < u.before_page_count, ', shrunk', ''), ', ')
    END AS event
  FROM unit u  -- of the report: placed, summed by unit
  LEFT JOIN mapping_detail b ON b.mapping_id = u.before_mapping_id
  LEFT JOIN mapping_detail a ON a.mapping_id = u.after_mapping_id
), unknown AS (
  SELECT IIF(COUNT(*) > COUNT(zero), NULL, 0) AS zero FROM wanted
), total AS (
  SELECT
    known_sum(before_rss_kib) + (SELECT zero FROM unknown) AS before_rss_kib,
    (known_sum(before_pss) >> 22) + (SELECT zero FROM unknown) AS before_pss_kib,
    known_sum(before_uss_kib) + (SELECT zero FROM unknown) AS before_uss_kib,
    known_sum(before_swap_kib) + (SELECT zero FROM unknown) AS before_swap_kib,
    known_sum(before_hugetlb_kib) + (SELECT zero FROM unknown) AS before_hugetlb_kib,
    known_sum(before_thp_kib) + (SELECT zero FROM unknown) AS before_thp_kib,
    known_sum(after_rss_kib) + (SELECT zero FROM unknown) AS after_rss_kib,
    (known_sum(after_pss) >> 22) + (SELECT zero FROM unknown) AS after_pss_kib,
    known_sum(after_uss_kib) + (SELECT zero FROM unknown) AS after_uss_kib,
    known_sum(after_swap_kib) + (SELECT zero FROM unknown) AS after_swap_kib,
    known_sum(after_hugetlb_kib) + (SELECT zero FROM unknown) AS after_hugetlb_kib,
    known_sum(after_thp_kib) + (SELECT zero FROM unknown) AS after_thp_kib
  FROM part
)
