-- title: Merged pages
-- about: Which mappings have pages that the kernel merged with equal ones (KSM)
-- include: flagged
SELECT pid, name, start, path, page_address(MIN(first_page), page_size) AS first_address,
       SUM(page_count) AS page_count, SUM(kib) AS kib
FROM chosen
WHERE flags & frame_flag('KSM')
GROUP BY mapping_id
ORDER BY pid, mapping_id;
