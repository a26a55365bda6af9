-- parameter exact flag: exact_pss_kib and exact_uss_kib of a snapshot with more than 262144 pages in memory (1 GiB), too: it takes longer

-- Whether the exact figures are computed: what they take depends on the pages of the whole snapshot.
wanted AS MATERIALIZED (
  SELECT :exact IS NOT NULL OR TOTAL(c.present_count) <= 262144 AS exact
  FROM process p
  CROSS JOIN mapping m ON m.process_id = p.id
  CROSS JOIN page_chunk c ON c.mapping_id = m.id
  WHERE p.snapshot_id = :snapshot
)
