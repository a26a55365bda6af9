-- title: What forked processes share with their parents
-- group: Sharing
-- about: What children that were forked still share with their parent, and what either side has copied
-- note: only children whose parent was captured, too, and that have executed no program since, are here
-- parameter pid: only the child with this pid
-- parameter name: only children with a name like this
-- parameter path
-- parameter by process|mapping: a line for each of these; by default for each process
-- total: shared_kib, file_kib, child_copied_kib, parent_copied_kib, differs_kib, child_only_kib, parent_only_kib
-- spare: file_kib, parent_pid
-- column pid: process id of the child
-- column name: comm of the child
-- column parent_pid: process id of the parent
-- column start: address of the mapping's first byte: the child's, or the parent's where the child has none; NULL by process
-- column path: of the mapping; empty for anonymous memory; NULL by process
-- column shared_kib: KiB of private memory, in memory or swap, that both have as the fork left it
-- column file_kib: KiB of the child in pages of files and shared mappings, which nobody copies
-- column child_copied_kib: KiB that the child wrote and has a copy of; the parent has what there was
-- column parent_copied_kib: KiB that the parent wrote and has a copy of; the child has what there was
-- column differs_kib: KiB that one of them copied: both wrote it since, or it is not known which did (kernels before 5.19, a page in swap, or in a process that forked again after it wrote)
-- column child_only_kib: KiB of private memory where the parent has none
-- column parent_only_kib: KiB of private memory of the parent where the child has none: written or mapped since the fork, or dropped by the child
SELECT
  p.pid,
  p.name,
  o.pid AS parent_pid,
  IIF(:by = 'mapping', d.start, NULL) AS start,
  IIF(:by = 'mapping', d.path, NULL) AS path,
  known_sum(u.shared_count) * s.page_size / 1024 AS shared_kib,
  known_sum(u.file_count) * s.page_size / 1024 AS file_kib,
  known_sum(u.child_copied_count) * s.page_size / 1024 AS child_copied_kib,
  known_sum(u.parent_copied_count) * s.page_size / 1024 AS parent_copied_kib,
  known_sum(u.differs_count) * s.page_size / 1024 AS differs_kib,
  known_sum(u.child_only_count) * s.page_size / 1024 AS child_only_kib,
  known_sum(u.parent_only_count) * s.page_size / 1024 AS parent_only_kib
FROM fork_usage u
JOIN snapshot s ON s.id = u.snapshot_id
JOIN process p ON p.id = u.process_id
JOIN process o ON o.id = u.parent_process_id
JOIN mapping_detail d ON d.mapping_id = u.mapping_id
WHERE u.snapshot_id = :snapshot AND (:pid IS NULL OR p.pid IN (SELECT value FROM json_each(:pid)))
  AND matches(p.name, :name) AND matches(d.path, :path)
GROUP BY u.process_id, IIF(:by = 'mapping', u.mapping_id, 0)
ORDER BY p.pid, u.is_parents, d.first_page;
