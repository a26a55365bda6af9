-- compares: snapshots
-- parameter match auto|same|rerun: whether processes are the same ones later (by pid, mappings by address), or another run of the same programs (by name and arguments, mappings by path and position); by default same if any process is
-- parameter volatile flag: count changes of flags that change by themselves, such as ACTIVE
-- parameter pid: only the process with this pid, before or after

-- What the reports share that compare two snapshots: the processes and ranges of pages that
-- correspond, and mappings with all that became of them.
wanted AS MATERIALIZED (
  SELECT m.before_process_id, m.after_process_id, m.how, m.mode,
         b.pid AS before_pid, a.pid AS after_pid, COALESCE(a.name, b.name) AS name,
         -- What is not known of a list of mappings is not known of anything in them.
         IIF(m.before_process_id IN (SELECT process_id FROM incomplete_process), NULL, 0)
           AS before_zero,
         IIF(m.after_process_id IN (SELECT process_id FROM incomplete_process), NULL, 0)
           AS after_zero
  FROM process_match(:before, :after, COALESCE(:match, 'auto'), COALESCE(:volatile, 0)) m
  LEFT JOIN process b ON b.id = m.before_process_id
  LEFT JOIN process a ON a.id = m.after_process_id
  WHERE :pid IS NULL OR b.pid IN (SELECT value FROM json_each(:pid)) OR a.pid IN (SELECT value FROM json_each(:pid))
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
), hidden AS MATERIALIZED (
  -- Where PFNs were hidden, the kernel's own figures are all that there is to compare.
  SELECT IIF(EXISTS (SELECT 1 FROM snapshot WHERE id IN (:before, :after) AND NOT pfn_visible), 0, NULL) AS zero
), kernel AS MATERIALIZED (
  SELECT process_id,
         IIF(mapping_count = 0, 0, rss_kib) + zero AS rss_kib, IIF(mapping_count = 0, 0, pss_kib) + zero AS pss_kib,
         IIF(mapping_count = 0, 0, uss_kib) + zero AS uss_kib, IIF(mapping_count = 0, 0, swap_kib) + zero AS swap_kib
  FROM (
    SELECT p.id AS process_id, p.mapping_count,
           IIF(p.id IN (SELECT process_id FROM incomplete_process), NULL, 0) AS zero,
           known_sum(k.rss_kib) AS rss_kib, known_sum(k.pss_kib) AS pss_kib,
           known_sum(k.uss_kib) AS uss_kib, known_sum(k.swap_kib) AS swap_kib
    FROM hidden h
    JOIN process p ON p.snapshot_id IN (:before, :after)
    LEFT JOIN kernel_usage k ON k.process_id = p.id
    WHERE h.zero = 0
    GROUP BY p.id)
), used AS (
  SELECT before_process_id, after_process_id, COUNT(*) AS part_count,
    known_sum(before_rss_kib) AS before_rss_kib,
    known_sum(before_pss) AS before_pss,
    known_sum(before_uss_kib) AS before_uss_kib,
    known_sum(before_swap_kib) AS before_swap_kib,
    known_sum(before_hugetlb_kib) AS before_hugetlb_kib,
    known_sum(before_thp_kib) AS before_thp_kib,
    known_sum(after_rss_kib) AS after_rss_kib,
    known_sum(after_pss) AS after_pss,
    known_sum(after_uss_kib) AS after_uss_kib,
    known_sum(after_swap_kib) AS after_swap_kib,
    known_sum(after_hugetlb_kib) AS after_hugetlb_kib,
    known_sum(after_thp_kib) AS after_thp_kib
  FROM part
  GROUP BY before_process_id, after_process_id
), figure AS MATERIALIZED (
  -- What each process has; 0 of everything without mappings. PSS is in 1/4096 bytes.
  SELECT
    w.before_pid, w.after_pid, w.name, w.how,
    IIF(u.part_count IS NULL, 0, u.before_rss_kib) + w.before_zero AS before_rss_kib,
    IIF(u.part_count IS NULL, 0, u.before_pss) + w.before_zero AS before_pss,
    IIF(u.part_count IS NULL, 0, u.before_uss_kib) + w.before_zero AS before_uss_kib,
    IIF(u.part_count IS NULL, 0, u.before_swap_kib) + w.before_zero AS before_swap_kib,
    IIF(u.part_count IS NULL, 0, u.before_hugetlb_kib) + w.before_zero AS before_hugetlb_kib,
    IIF(u.part_count IS NULL, 0, u.before_thp_kib) + w.before_zero AS before_thp_kib,
    IIF(u.part_count IS NULL, 0, u.after_rss_kib) + w.after_zero AS after_rss_kib,
    IIF(u.part_count IS NULL, 0, u.after_pss) + w.after_zero AS after_pss,
    IIF(u.part_count IS NULL, 0, u.after_uss_kib) + w.after_zero AS after_uss_kib,
    IIF(u.part_count IS NULL, 0, u.after_swap_kib) + w.after_zero AS after_swap_kib,
    IIF(u.part_count IS NULL, 0, u.after_hugetlb_kib) + w.after_zero AS after_hugetlb_kib,
    IIF(u.part_count IS NULL, 0, u.after_thp_kib) + w.after_zero AS after_thp_kib,
    IIF(w.before_process_id IS NULL, h.zero, bk.rss_kib) AS kernel_before_rss_kib,
    IIF(w.before_process_id IS NULL, h.zero, bk.pss_kib) AS kernel_before_pss_kib,
    IIF(w.before_process_id IS NULL, h.zero, bk.uss_kib) AS kernel_before_uss_kib,
    IIF(w.before_process_id IS NULL, h.zero, bk.swap_kib) AS kernel_before_swap_kib,
    IIF(w.after_process_id IS NULL, h.zero, ak.rss_kib) AS kernel_after_rss_kib,
    IIF(w.after_process_id IS NULL, h.zero, ak.pss_kib) AS kernel_after_pss_kib,
    IIF(w.after_process_id IS NULL, h.zero, ak.uss_kib) AS kernel_after_uss_kib,
    IIF(w.after_process_id IS NULL, h.zero, ak.swap_kib) AS kernel_after_swap_kib
  FROM wanted w
  CROSS JOIN hidden h
  LEFT JOIN kernel bk ON bk.process_id = w.before_process_id
  LEFT JOIN kernel ak ON ak.process_id = w.after_process_id
  LEFT JOIN used u ON u.before_process_id IS w.before_process_id
    AND u.after_process_id IS w.after_process_id
), total AS MATERIALIZED (
  -- Each is the sum over the processes of which it is known, and unknown if it is of none; so a
  -- difference is not always one of two of these.
  SELECT
    COUNT(*) AS process_count,
    COUNT(before_rss_kib + before_pss + before_uss_kib + before_swap_kib + before_hugetlb_kib + before_thp_kib
          + after_rss_kib + after_pss + after_uss_kib + after_swap_kib + after_hugetlb_kib + after_thp_kib)
      AS whole_process_count,  -- without an unknown figure
    partial_sum(before_rss_kib) FILTER (WHERE before_pid IS NOT NULL) AS before_rss_kib,
    partial_sum(before_pss) FILTER (WHERE before_pid IS NOT NULL) >> 22 AS before_pss_kib,
    partial_sum(before_uss_kib) FILTER (WHERE before_pid IS NOT NULL) AS before_uss_kib,
    partial_sum(before_swap_kib) FILTER (WHERE before_pid IS NOT NULL) AS before_swap_kib,
    partial_sum(before_hugetlb_kib) FILTER (WHERE before_pid IS NOT NULL) AS before_hugetlb_kib,
    partial_sum(before_thp_kib) FILTER (WHERE before_pid IS NOT NULL) AS before_thp_kib,
    partial_sum(after_rss_kib) FILTER (WHERE after_pid IS NOT NULL) AS after_rss_kib,
    partial_sum(after_pss) FILTER (WHERE after_pid IS NOT NULL) >> 22 AS after_pss_kib,
    partial_sum(after_uss_kib) FILTER (WHERE after_pid IS NOT NULL) AS after_uss_kib,
    partial_sum(after_swap_kib) FILTER (WHERE after_pid IS NOT NULL) AS after_swap_kib,
    partial_sum(after_hugetlb_kib) FILTER (WHERE after_pid IS NOT NULL) AS after_hugetlb_kib,
    partial_sum(after_thp_kib) FILTER (WHERE after_pid IS NOT NULL) AS after_thp_kib,
    partial_sum(after_rss_kib - before_rss_kib) AS rss_kib,
    (partial_sum(IIF(before_pss IS NULL, NULL, after_pss)) >> 22)
      - (partial_sum(IIF(after_pss IS NULL, NULL, before_pss)) >> 22) AS pss_kib,
    partial_sum(after_uss_kib - before_uss_kib) AS uss_kib,
    partial_sum(after_swap_kib - before_swap_kib) AS swap_kib,
    partial_sum(after_hugetlb_kib - before_hugetlb_kib) AS hugetlb_kib,
    partial_sum(after_thp_kib - before_thp_kib) AS thp_kib,
    COUNT(before_rss_kib) AS before_rss_known,
    COUNT(before_pss) AS before_pss_known,
    COUNT(before_uss_kib) AS before_uss_known,
    COUNT(before_swap_kib) AS before_swap_known,
    COUNT(before_hugetlb_kib) AS before_hugetlb_known,
    COUNT(before_thp_kib) AS before_thp_known,
    COUNT(after_rss_kib) AS after_rss_known,
    COUNT(after_pss) AS after_pss_known,
    COUNT(after_uss_kib) AS after_uss_known,
    COUNT(after_swap_kib) AS after_swap_known,
    COUNT(after_hugetlb_kib) AS after_hugetlb_known,
    COUNT(after_thp_kib) AS after_thp_known,
    COUNT(after_rss_kib - before_rss_kib) AS rss_known,
    COUNT(after_pss - before_pss) AS pss_known,
    COUNT(after_uss_kib - before_uss_kib) AS uss_known,
    COUNT(after_swap_kib - before_swap_kib) AS swap_known,
    COUNT(after_hugetlb_kib - before_hugetlb_kib) AS hugetlb_known,
    COUNT(after_thp_kib - before_thp_kib) AS thp_known,
    -- The kernel's, where they are known of all.
    known_sum(kernel_before_rss_kib) AS kernel_before_rss_kib,
    known_sum(kernel_after_rss_kib) AS kernel_after_rss_kib,
    known_sum(kernel_after_rss_kib - kernel_before_rss_kib) AS kernel_rss_kib,
    known_sum(kernel_before_pss_kib) AS kernel_before_pss_kib,
    known_sum(kernel_after_pss_kib) AS kernel_after_pss_kib,
    known_sum(kernel_after_pss_kib - kernel_before_pss_kib) AS kernel_pss_kib,
    known_sum(kernel_before_uss_kib) AS kernel_before_uss_kib,
    known_sum(kernel_after_uss_kib) AS kernel_after_uss_kib,
    known_sum(kernel_after_uss_kib - kernel_before_uss_kib) AS kernel_uss_kib,
    known_sum(kernel_before_swap_kib) AS kernel_before_swap_kib,
    known_sum(kernel_after_swap_kib) AS kernel_after_swap_kib,
    known_sum(kernel_after_swap_kib - kernel_before_swap_kib) AS kernel_swap_kib
  FROM figure
)
