-- title: Shared memory, by file
-- group: Sharing
-- about: Which parts of which files the captured processes share, each frame counted once
-- parameter pid: only what this process has mapped
-- parameter name: only what processes with a name like this have mapped
-- parameter path: only files of a path like this
-- total: mapping_count, memory_kib, shared_kib
-- column path: file or name; empty for anonymous memory
-- column offset: where in the file the mappings begin, 0x hex bytes
-- column process_count: processes that map it there
-- column mapping_count: their mappings
-- column memory_kib: KiB of shared frames, each counted once
-- column shared_kib: KiB of the pages that map these, in all mappings
-- column version: which of several files of this path: build ID, time of the last change (UTC), or device and inode; empty for the only one. Of a System V segment: shmid and its id, as ipcs(1) lists it
SELECT
  MIN(path) AS path,
  printf('0x%x', offset) AS offset,
  COUNT(DISTINCT process_id) AS process_count,
  COUNT(*) AS mapping_count,
  SUM(shared_frame_kib) AS memory_kib,
  SUM(shared_kib) AS shared_kib,
  COALESCE('shmid ' || MAX(shmid(path, inode)), file_version(:snapshot, file_id), '') AS version
FROM mapping_sharing_detail
WHERE snapshot_id = :snapshot AND matches(path, :path)
GROUP BY file_group(:snapshot, file_id), mapping_sharing_detail.offset
HAVING SUM(mapping_sharing_detail.shared_kib) > 0
  -- Others share it too: their mappings are counted with those of the process that was asked for.
  AND MAX((:pid IS NULL OR pid IN (SELECT value FROM json_each(:pid))) AND matches(name, :name))
ORDER BY memory_kib DESC, MIN(path), version, mapping_sharing_detail.offset;
