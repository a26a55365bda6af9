-- group: Frames
-- parameter pid
-- parameter name
-- parameter path
-- total: page_count, kib
-- spare: first_address, name, page_count
-- kept: kib
-- column pid: process id
-- column name: comm
-- column start: address of the mapping's first byte
-- column path: of the mapping; empty for anonymous memory
-- column first_address: of the first such page
-- column page_count: such pages
-- column kib: KiB of those

-- What the reports share that list mappings with pages whose frames have some flag.
chosen AS (
  SELECT * FROM page_group_detail
  WHERE snapshot_id = :snapshot AND (:pid IS NULL OR pid IN (SELECT value FROM json_each(:pid)))
    AND matches(name, :name) AND matches(path, :path)
)
