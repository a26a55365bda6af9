-- title: Shared memory, by mapping
-- group: Sharing
-- about: How much of each mapping others have in memory too: captured processes, and any others
-- note: shared memory is in the line of each mapping that has it; 'shared-files' counts it once
-- parameter pid
-- parameter name
-- parameter path
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte
-- column path: of the mapping; empty for anonymous memory
-- column present_kib: KiB in memory, hugetlb pages too
-- column shared_kib: KiB of those that other captured processes map
-- column outside_kib: KiB of those that somebody outside the capture maps; NULL: map counts unknown
-- column version: which of several files of this path: build ID, time of the last change (UTC), or device and inode; empty for the only one
SELECT
  pid,
  name,
  start,
  path,
  present_kib,
  shared_kib,
  outside_kib,
  COALESCE(file_version(:snapshot, file_id), '') AS version
FROM mapping_sharing_detail
WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid IN (SELECT value FROM json_each(:pid)))
  AND matches(name, :name) AND matches(path, :path)
  AND (shared_kib > 0 OR outside_kib > 0)
ORDER BY shared_kib DESC, outside_kib DESC, pid, mapping_id;
