-- The tables of a pagesnap file, format version 6. schema/README.md explains them on one page.
--
-- application_id 0x70677370 ("pgsp") and user_version (the format version) are set by the writer.
-- Times are in nanoseconds, sizes in the unit that their name or comment says. A page is a virtual
-- page, a frame a physical one; both are counted in units of snapshot.page_size.

-- Which releases read this file. It has one row.
CREATE TABLE format (
  oldest_release TEXT NOT NULL  -- the first pagesnap release that reads this format version
) STRICT;

-- One instant's capture of a set of processes. A file may hold several.
CREATE TABLE snapshot (
  id             INTEGER PRIMARY KEY,
  wall_time_ns   INTEGER NOT NULL,  -- CLOCK_REALTIME when the capture began
  boot_time_ns   INTEGER NOT NULL,  -- CLOCK_BOOTTIME at the same moment
  host           TEXT NOT NULL,     -- /proc/sys/kernel/hostname
  kernel_release TEXT NOT NULL,     -- /proc/sys/kernel/osrelease
  kernel_version TEXT NOT NULL,     -- /proc/sys/kernel/version
  machine        TEXT NOT NULL,     -- architecture, as uname -m
  boot_id        TEXT NOT NULL,     -- /proc/sys/kernel/random/boot_id
  page_size      INTEGER NOT NULL,  -- bytes
  tool_version   TEXT NOT NULL,     -- of the capture program
  options        TEXT NOT NULL,     -- its command line
  pfn_visible    INTEGER NOT NULL,  -- 1: page words have PFNs and swap slots; 0: the kernel hid them
  flags_state     TEXT NOT NULL,    -- kpageflags: read, partly, hidden (no permission) or missing
  map_count_state TEXT NOT NULL,    -- kpagecount, likewise
  cgroup_state    TEXT NOT NULL,    -- kpagecgroup, likewise
  frozen         INTEGER NOT NULL,  -- 1: every process with memory was frozen, capture and its
                                    -- ancestors aside; see process.frozen
  facts_snapshot_id INTEGER NOT NULL REFERENCES snapshot (id),  -- where facts of the machine are that
                                    -- this snapshot has no row of: an earlier one, or itself
  map_count_kind TEXT               -- what kpagecount counts: page, or average (of the folio, with
                                    -- CONFIG_NO_PAGE_MAPCOUNT); NULL: unknown
) STRICT;

CREATE TABLE process (
  id               INTEGER PRIMARY KEY,
  snapshot_id      INTEGER NOT NULL REFERENCES snapshot (id),
  pid              INTEGER NOT NULL,
  ppid             INTEGER NOT NULL,
  start_time_ticks INTEGER NOT NULL,  -- clock ticks after boot: with pid, what names a process
  name             TEXT NOT NULL,     -- comm
  exe              TEXT,              -- NULL: unknown
  cmdline          TEXT,              -- arguments separated by blanks, cut at 'capture --cmdline-bytes';
                                      -- NULL: unknown, or in another row (cmdline_process_id)
  uid              INTEGER,           -- real user id; NULL: unknown
  state            TEXT NOT NULL,     -- one letter, as in /proc/PID/stat
  thread_count     INTEGER NOT NULL,
  cgroup           TEXT,              -- path in the memory controller's hierarchy; NULL: unknown
  kernel_thread    INTEGER NOT NULL,  -- 1: has no memory of its own
  mapping_count    INTEGER NOT NULL,  -- rows in mapping
  cmdline_process_id INTEGER NOT NULL REFERENCES process (id),  -- the row whose cmdline this process has:
                                      -- an earlier row, or this one
  cmdline_length   INTEGER,           -- bytes before cmdline was cut; NULL: unknown
  frozen           INTEGER NOT NULL,  -- 1: all that was read of it was read while it was stopped
  stopped_ns       INTEGER,           -- how long capture stopped it; NULL: it did not
  memory_process_id INTEGER REFERENCES process (id),  -- the row that has the mappings of the address
                                      -- space that both processes share; NULL: no other row
  ended            INTEGER NOT NULL,  -- 1: it ended before all of it was read; what was not is unknown
  page_table_kib   INTEGER            -- KiB of page tables (VmPTE); NULL: unknown
) STRICT;
CREATE INDEX process_by_pid ON process (snapshot_id, pid);

-- What mappings map: each distinct file once. Paths as well as inodes are used again, so the four
-- columns from size on distinguish files, too; they are NULL where unknown, and for what is no file.
CREATE TABLE file (
  id         INTEGER PRIMARY KEY,
  device     TEXT NOT NULL,     -- "major:minor", decimal; "0:0" for names such as [heap]
  inode      INTEGER NOT NULL,
  path       TEXT NOT NULL,     -- as maps writes it
  size       INTEGER,           -- bytes
  mtime_ns   INTEGER,           -- time of the last change, CLOCK_REALTIME
  build_id   TEXT,              -- NT_GNU_BUILD_ID of an ELF file, in hex; NULL: it has none, or unknown
  link_count INTEGER,           -- names that it still has: st_nlink; of a System V segment 1 until it
                                -- is removed
  block_count INTEGER           -- blocks of 512 bytes that it has in memory or swap (st_blocks), of a
                                -- file without a name in shmem, tmpfs or hugetlbfs; NULL for others
) STRICT;

-- The flags that smaps gives a mapping: each distinct combination once.
CREATE TABLE vm_flags (
  id    INTEGER PRIMARY KEY,
  names TEXT NOT NULL       -- "rd wr mr mw", see proc_pid_smaps(5)
) STRICT;

-- One line of /proc/PID/maps. Ids ascend by address within a process; several processes' may mix.
CREATE TABLE mapping (
  id          INTEGER PRIMARY KEY,
  process_id  INTEGER NOT NULL REFERENCES process (id),
  first_page  INTEGER NOT NULL,               -- virtual page number: address / page_size
  page_count  INTEGER NOT NULL,
  perms       TEXT NOT NULL,                  -- "rw-p"
  offset      INTEGER NOT NULL,               -- bytes into the file
  file_id     INTEGER REFERENCES file (id),   -- NULL: anonymous without a name
  vm_flags_id INTEGER REFERENCES vm_flags (id),  -- NULL: not read
  changed_count INTEGER  -- page words that differed when read again at the end; NULL: not verified
) STRICT;
CREATE INDEX mapping_by_process ON mapping (process_id);

-- Mappings that equal others of the snapshot, as those of a forked child: the mappings
-- first_mapping_id, first_mapping_id + 1, ... have no rows in mapping. All but id and process_id is as
-- in the rows of mapping from source_mapping_id on.
CREATE TABLE mapping_copy (
  first_mapping_id  INTEGER PRIMARY KEY,
  process_id        INTEGER NOT NULL REFERENCES process (id),
  row_count         INTEGER NOT NULL,  -- mappings, and rows that they are copies of
  source_mapping_id INTEGER NOT NULL REFERENCES mapping (id)
) STRICT;

-- The kernel's own figures (smaps) for all mappings of one process, in the order of mapping.id.
CREATE TABLE kernel_accounting (
  process_id INTEGER PRIMARY KEY REFERENCES process (id),
  row_count  INTEGER NOT NULL,  -- mappings
  figures    BLOB NOT NULL,     -- accounting table, or what differs from base_process_id's
  checksum   INTEGER NOT NULL,  -- XXH3-64 of figures
  base_process_id INTEGER REFERENCES process (id)  -- whose figures stand alone; NULL: these do
) STRICT;

-- One distinct sequence of page words, stored once however many chunks have it.
CREATE TABLE page_content (
  id         INTEGER PRIMARY KEY,
  page_count INTEGER NOT NULL,  -- 1 to 4096
  base_id    INTEGER REFERENCES page_content (id),  -- smaller than id; NULL: it stands alone
  words      BLOB NOT NULL,     -- page words, or what differs from the base's
  checksum   INTEGER NOT NULL   -- XXH3-64 of words
) STRICT;

-- Part of a mapping that has at least one populated page. Pages of a mapping that no chunk covers
-- are absent, or in a gap.
CREATE TABLE page_chunk (
  mapping_id    INTEGER NOT NULL REFERENCES mapping (id),
  first_page    INTEGER NOT NULL,  -- counted from the start of the mapping
  content_id    INTEGER NOT NULL REFERENCES page_content (id),
  present_count INTEGER NOT NULL,
  swapped_count INTEGER NOT NULL,  -- pages in a swap area, or whose swap type was hidden
  special_count INTEGER NOT NULL,  -- other entries in swap format: guards, markers, migration, ...
  PRIMARY KEY (mapping_id, first_page)
) STRICT, WITHOUT ROWID;

-- What the pages of a content amount to in a snapshot that has it, as the kernel counts them: what
-- page words and frame facts say, added up. Not every content has a row. The counts are of pages.
CREATE TABLE content_usage (
  snapshot_id     INTEGER NOT NULL REFERENCES snapshot (id),
  content_id      INTEGER NOT NULL REFERENCES page_content (id),
  facts_hash      INTEGER NOT NULL,  -- of what is known of the frames, volatile flags aside
  rss_count       INTEGER NOT NULL,
  uss_count       INTEGER NOT NULL,
  hugetlb_count   INTEGER NOT NULL,
  anonymous_count INTEGER NOT NULL,  -- of rss_count; so are the next two
  shmem_count     INTEGER NOT NULL,
  thp_count       INTEGER NOT NULL,  -- in whole transparent huge pages
  torn_count      INTEGER NOT NULL,  -- whose frame contradicts them
  pss             INTEGER NOT NULL,  -- 1/4096 bytes
  PRIMARY KEY (snapshot_id, content_id)
) STRICT, WITHOUT ROWID;

-- What the kpage files said about 65536 frames in a row, stored once for all chunks that are alike.
CREATE TABLE frame_content (
  id       INTEGER PRIMARY KEY,
  base_id  INTEGER REFERENCES frame_content (id),  -- smaller than id; NULL: it stands alone
  facts    BLOB NOT NULL,     -- frame facts, or those that differ from the base's
  checksum INTEGER NOT NULL   -- XXH3-64 of facts
) STRICT;

-- An aligned range of 65536 PFNs with frames that pages of the snapshot refer to. Which frames these
-- are, the page words say.
CREATE TABLE frame_chunk (
  snapshot_id      INTEGER NOT NULL REFERENCES snapshot (id),
  first_pfn        INTEGER NOT NULL,  -- multiple of 65536
  frame_count      INTEGER NOT NULL,  -- frames that pages refer to
  frame_content_id INTEGER NOT NULL REFERENCES frame_content (id),
  PRIMARY KEY (snapshot_id, first_pfn)
) STRICT, WITHOUT ROWID;

-- With 'capture --frames all': an aligned range of 65536 PFNs in which the machine has RAM, with what
-- the kpage files said about each of these frames. Which PFNs are RAM, ram_range says. Where pages
-- refer to frames of the same range, the content has the facts of both, and frame_chunk the same one.
CREATE TABLE ram_chunk (
  snapshot_id      INTEGER NOT NULL REFERENCES snapshot (id),
  first_pfn        INTEGER NOT NULL,  -- multiple of 65536
  frame_count      INTEGER NOT NULL,  -- frames of ram_range in it
  frame_content_id INTEGER NOT NULL REFERENCES frame_content (id),
  PRIMARY KEY (snapshot_id, first_pfn)
) STRICT, WITHOUT ROWID;

-- The facts of the machine: the seven tables from here to flag_name. They hardly change in a series. A
-- snapshot has rows of its own only for what is not as in snapshot.facts_snapshot_id; the views
-- snapshot_cgroup, snapshot_swap_device, ... of schema/views.sql put both together.

-- What the inodes of kpagecgroup stand for: the memory cgroups that existed at capture.
CREATE TABLE cgroup (
  snapshot_id INTEGER NOT NULL REFERENCES snapshot (id),
  inode       INTEGER NOT NULL,
  path        TEXT NOT NULL,     -- "/" is the root of the hierarchy
  PRIMARY KEY (snapshot_id, inode)
) STRICT, WITHOUT ROWID;

-- /proc/swaps, in its order. That is the order of the swap types, but an area that was swapped off
-- leaves no line, so a position equals a type only while none was.
CREATE TABLE swap_device (
  snapshot_id INTEGER NOT NULL REFERENCES snapshot (id),
  position    INTEGER NOT NULL,  -- from 0
  path        TEXT NOT NULL,
  kind        TEXT NOT NULL,     -- file or partition
  size_kib    INTEGER NOT NULL,
  used_kib    INTEGER NOT NULL,
  priority    INTEGER NOT NULL,
  PRIMARY KEY (snapshot_id, position)
) STRICT, WITHOUT ROWID;

-- /proc/zoneinfo: which PFNs belong to which zone of which NUMA node.
CREATE TABLE memory_zone (
  snapshot_id   INTEGER NOT NULL REFERENCES snapshot (id),
  node          INTEGER NOT NULL,
  name          TEXT NOT NULL,     -- DMA, DMA32, Normal, Movable, ...
  start_pfn     INTEGER NOT NULL,
  spanned_count INTEGER NOT NULL,  -- frames, holes included
  present_count INTEGER NOT NULL,
  managed_count INTEGER NOT NULL,
  PRIMARY KEY (snapshot_id, node, name)
) STRICT, WITHOUT ROWID;

-- With 'capture --frames all': where RAM is, without holes, as /proc/iomem has it ("System RAM"); where
-- that was not shown, the spans of memory_zone. The ranges do not overlap.
CREATE TABLE ram_range (
  snapshot_id INTEGER NOT NULL REFERENCES snapshot (id),
  first_pfn   INTEGER NOT NULL,
  frame_count INTEGER NOT NULL,
  PRIMARY KEY (snapshot_id, first_pfn)
) STRICT, WITHOUT ROWID;

-- With 'capture --frames all': /proc/buddyinfo, read while frames were.
CREATE TABLE free_area (
  snapshot_id INTEGER NOT NULL REFERENCES snapshot (id),
  node        INTEGER NOT NULL,
  zone        TEXT NOT NULL,     -- memory_zone.name
  block_order INTEGER NOT NULL,  -- a block has 2^block_order frames
  block_count INTEGER NOT NULL,  -- free blocks of this size
  PRIMARY KEY (snapshot_id, node, zone, block_order)
) STRICT, WITHOUT ROWID;

-- Whatever else describes the machine: the lines of /proc/meminfo, kernel build options, ...
CREATE TABLE system_fact (
  snapshot_id INTEGER NOT NULL REFERENCES snapshot (id),
  name        TEXT NOT NULL,  -- "meminfo.MemTotal_kib", "config.CONFIG_MIGRATION"
  value       TEXT NOT NULL,
  PRIMARY KEY (snapshot_id, name)
) STRICT, WITHOUT ROWID;

-- The names of the bits in page words and frame flags, as this kernel has them.
CREATE TABLE flag_name (
  snapshot_id INTEGER NOT NULL REFERENCES snapshot (id),
  word        TEXT NOT NULL,     -- page (pagemap) or frame (kpageflags)
  bit         INTEGER NOT NULL,  -- 0 is the lowest
  name        TEXT NOT NULL,
  PRIMARY KEY (snapshot_id, word, bit)
) STRICT, WITHOUT ROWID;

-- What the kernel had counted when the snapshot was taken.
CREATE TABLE machine_counters (
  snapshot_id      INTEGER PRIMARY KEY REFERENCES snapshot (id),
  base_snapshot_id INTEGER REFERENCES machine_counters (snapshot_id),  -- has names, and a row that
                                                                       -- stands alone; NULL: this
  figures          BLOB NOT NULL,     -- names and values, or how much more each is than the base's
  checksum         INTEGER NOT NULL   -- XXH3-64 of figures
) STRICT;

-- What is missing, and why.
CREATE TABLE gap (
  id          INTEGER PRIMARY KEY,
  snapshot_id INTEGER NOT NULL REFERENCES snapshot (id),
  process_id  INTEGER REFERENCES process (id),  -- NULL: not about one process
  mapping_id  INTEGER REFERENCES mapping (id),  -- NULL: not about one mapping
  source      TEXT NOT NULL,     -- the file that could not be read: pagemap, smaps, kpagecount, ...
  first       INTEGER,           -- first page (from the start of the mapping) or PFN; NULL: all
  count       INTEGER,           -- pages or frames; NULL: all
  reason      TEXT NOT NULL      -- one clause for people
) STRICT;

-- What the capture cost.
CREATE TABLE cost (
  snapshot_id INTEGER NOT NULL REFERENCES snapshot (id),
  source      TEXT NOT NULL,     -- a kind of file, or "total"
  wall_ns     INTEGER NOT NULL,  -- inside the calls
  call_count  INTEGER NOT NULL,
  byte_count  INTEGER NOT NULL,
  longest_ns  INTEGER NOT NULL,  -- the longest single call
  user_ns     INTEGER,           -- CPU time in user mode; on "total" only
  system_ns   INTEGER,           -- CPU time in the kernel; on "total" only
  peak_rss_kib INTEGER,          -- on "total" only
  PRIMARY KEY (snapshot_id, source)
) STRICT, WITHOUT ROWID;
