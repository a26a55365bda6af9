-- title: Totals
-- group: Comparing
-- about: How much more or less there is of everything, in one line: what 'diff --fail-if' can use
-- fail-if: rows
-- include: change
-- rows: processes
-- kernel: rss_kib = kernel_rss_kib, pss_kib = kernel_pss_kib, uss_kib = kernel_uss_kib, swap_kib = kernel_swap_kib, before_rss_kib = kernel_before_rss_kib, before_pss_kib = kernel_before_pss_kib, before_uss_kib = kernel_before_uss_kib, before_swap_kib = kernel_before_swap_kib, after_rss_kib = kernel_after_rss_kib, after_pss_kib = kernel_after_pss_kib, after_uss_kib = kernel_after_uss_kib, after_swap_kib = kernel_after_swap_kib
-- spare: kernel_rss_kib, kernel_pss_kib, kernel_uss_kib, kernel_swap_kib, kernel_before_rss_kib, kernel_before_pss_kib, kernel_before_uss_kib, kernel_before_swap_kib, kernel_after_rss_kib, kernel_after_pss_kib, kernel_after_uss_kib, kernel_after_swap_kib, before_thp_kib, before_hugetlb_kib, before_swap_kib, before_uss_kib, before_pss_kib, after_thp_kib, after_hugetlb_kib, after_swap_kib, after_uss_kib, after_pss_kib, before_rss_kib, unchanged_count, process_count, virtual_kib
-- partial: known_counts of process_count
-- column virtual_kib: KiB of address space more, as everything without "before" or "after"
-- column rss_kib: KiB in memory
-- column pss_kib: KiB in memory, shared frames divided among their mappings
-- column uss_kib: KiB in memory that no other mapping has
-- column swap_kib: KiB in swap areas
-- column hugetlb_kib: KiB of hugetlb pages; not part of rss_kib
-- column thp_kib: KiB of rss_kib in transparent huge pages, mapped whole or in part
-- column before_rss_kib: KiB in memory
-- column before_pss_kib: KiB in memory, shared frames divided among their mappings
-- column before_uss_kib: KiB in memory that no other mapping has
-- column before_swap_kib: KiB in swap areas
-- column before_hugetlb_kib: KiB of hugetlb pages; not part of rss_kib
-- column before_thp_kib: KiB of rss_kib in transparent huge pages, mapped whole or in part
-- column after_rss_kib: KiB in memory
-- column after_pss_kib: KiB in memory, shared frames divided among their mappings
-- column after_uss_kib: KiB in memory that no other mapping has
-- column after_swap_kib: KiB in swap areas
-- column after_hugetlb_kib: KiB of hugetlb pages; not part of rss_kib
-- column after_thp_kib: KiB of rss_kib in transparent huge pages, mapped whole or in part
-- column gone_process_count: processes without counterpart after
-- column new_process_count: processes without counterpart before
-- column process_count: processes, with counterpart or without
-- column unknown_process_count: of these, those that some figure is without, as it is unknown before or after
-- column vanished_kib: KiB of address space without counterpart after
-- column appeared_kib: KiB of address space without counterpart before
-- column faulted_in_count: pages that were absent and are in memory or in swap
-- column dropped_count: pages that were in memory or in swap and are absent
-- column swapped_out_count: pages that were in memory and are in swap
-- column swapped_in_count: pages that were in swap and are in memory
-- column slot_moved_count: pages in another swap slot
-- column copied_on_write_count: pages that were shared, or still are with a parent or child, and have a frame of their own
-- column merged_count: pages that had a frame of their own and are in a shared one: KSM, the file or the zero page again
-- column migrated_count: pages in another frame; as all that is told by frames or slots NULL where the snapshots cannot show it
-- column collapsed_count: pages that are part of a huge page now (of PMD size, 2 MiB on x86-64)
-- column split_count: pages that were part of a huge page
-- column resized_count: pages in a smaller folio that were in single frames, or the other way round
-- column inherited_count: pages that a new process has from its parent, by fork
-- column left_to_parent_count: pages of a process that is gone, which its parent has, too
-- column maybe_swapped_out_count: pages of shared memory that were in memory and are absent; some of the mapping are in swap
-- column maybe_swapped_in_count: pages of shared memory that were absent and are in memory; some of the mapping were in swap
-- column recharged_count: pages whose frame another cgroup pays for
-- column flags_changed_count: pages in the same frame with other flags
-- column special_changed_count: pages with another guard, marker or other entry that is no memory
-- column unchanged_count: pages as they were
-- column incomparable_count: pages of which the snapshots do not say whether they changed
-- column unread_count: pages that could not be read before or after
-- column kernel_rss_kib: as without it, by smaps: KiB more; NULL unless PFNs were hidden from capture, or where it is unknown of some process
-- column kernel_pss_kib: likewise
-- column kernel_uss_kib: likewise
-- column kernel_swap_kib: likewise
-- column kernel_before_rss_kib: likewise, before
-- column kernel_before_pss_kib: likewise
-- column kernel_before_uss_kib: likewise
-- column kernel_before_swap_kib: likewise
-- column kernel_after_rss_kib: likewise, after
-- column kernel_after_pss_kib: likewise
-- column kernel_after_uss_kib: likewise
-- column kernel_after_swap_kib: likewise
WITH counted AS (
  SELECT
    (SELECT page_size / 1024.0 FROM snapshot WHERE id = :before) AS page_kib,
    COALESCE(SUM(IIF(after_mapping_id IS NULL, page_count, 0)), 0) AS vanished,
    COALESCE(SUM(IIF(before_mapping_id IS NULL, page_count, 0)), 0) AS appeared,
    known_sum(faulted_in_count) AS faulted_in_count,
    known_sum(dropped_count) AS dropped_count,
    known_sum(swapped_out_count) AS swapped_out_count,
    known_sum(swapped_in_count) AS swapped_in_count,
    known_sum(slot_moved_count) AS slot_moved_count,
    known_sum(copied_on_write_count) AS copied_on_write_count,
    known_sum(merged_count) AS merged_count,
    known_sum(migrated_count) AS migrated_count,
    known_sum(collapsed_count) AS collapsed_count,
    known_sum(split_count) AS split_count,
    known_sum(resized_count) AS resized_count,
    known_sum(inherited_count) AS inherited_count,
    known_sum(left_to_parent_count) AS left_to_parent_count,
    known_sum(maybe_swapped_out_count) AS maybe_swapped_out_count,
    known_sum(maybe_swapped_in_count) AS maybe_swapped_in_count,
    known_sum(recharged_count) AS recharged_count,
    known_sum(flags_changed_count) AS flags_changed_count,
    known_sum(special_changed_count) AS special_changed_count,
    known_sum(unchanged_count) AS unchanged_count,
    known_sum(incomparable_count) AS incomparable_count,
    known_sum(unread_count) AS unread_count
  FROM part
)
SELECT
  CAST((appeared - vanished) * page_kib AS INTEGER) AS virtual_kib,
  rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib, thp_kib,
  before_rss_kib, before_pss_kib, before_uss_kib, before_swap_kib, before_hugetlb_kib, before_thp_kib,
  after_rss_kib, after_pss_kib, after_uss_kib, after_swap_kib, after_hugetlb_kib, after_thp_kib,
  (SELECT COUNT(*) FROM wanted WHERE after_process_id IS NULL) AS gone_process_count,
  (SELECT COUNT(*) FROM wanted WHERE before_process_id IS NULL) AS new_process_count,
  process_count,
  process_count - whole_process_count AS unknown_process_count,
  CAST(vanished * page_kib AS INTEGER) AS vanished_kib,
  CAST(appeared * page_kib AS INTEGER) AS appeared_kib,
  faulted_in_count, dropped_count, swapped_out_count, swapped_in_count,
  slot_moved_count, copied_on_write_count, merged_count, migrated_count, collapsed_count,
  split_count, resized_count, inherited_count, left_to_parent_count, maybe_swapped_out_count,
  maybe_swapped_in_count, recharged_count, flags_changed_count, special_changed_count,
  unchanged_count, incomparable_count, unread_count,
  kernel_rss_kib, kernel_pss_kib, kernel_uss_kib, kernel_swap_kib,
  kernel_before_rss_kib, kernel_before_pss_kib, kernel_before_uss_kib, kernel_before_swap_kib,
  kernel_after_rss_kib, kernel_after_pss_kib, kernel_after_uss_kib, kernel_after_swap_kib,
  json_object(
    'before_rss_kib', before_rss_known, 'before_pss_kib', before_pss_known, 'before_uss_kib', before_uss_known,
    'before_swap_kib', before_swap_known, 'before_hugetlb_kib', before_hugetlb_known, 'before_thp_kib', before_thp_known,
    'after_rss_kib', after_rss_known, 'after_pss_kib', after_pss_known, 'after_uss_kib', after_uss_known,
    'after_swap_kib', after_swap_known, 'after_hugetlb_kib', after_hugetlb_known, 'after_thp_kib', after_thp_known,
    'rss_kib', rss_known, 'pss_kib', pss_known, 'uss_kib', uss_known,
    'swap_kib', swap_known, 'hugetlb_kib', hugetlb_known, 'thp_kib', thp_known) AS known_counts
FROM counted, total;
