-- title: Dirty memory
-- about: Which mappings have pages that are to be written back: flag DIRTY of the frame
-- note: the dirty bits of page tables are not in kpageflags; smaps counts them, so Private_Dirty can be more
-- include: flagged
SELECT pid, name, start, path, page_address(MIN(first_page), page_size) AS first_address,
       SUM(page_count) AS page_count, SUM(kib) AS kib
FROM chosen
WHERE flags & frame_flag('DIRTY')
GROUP BY mapping_id
ORDER BY pid, mapping_id;
