-- title: Poisoned memory
-- about: Which mappings have pages of broken memory: frames with HWPOISON, or the entries left for them
-- include: flagged
SELECT pid, name, start, path, page_address(MIN(first_page), page_size) AS first_address,
       SUM(page_count) AS page_count, SUM(kib) AS kib
FROM chosen
WHERE state = 'poisoned' OR flags & frame_flag('HWPOISON')
GROUP BY mapping_id
ORDER BY pid, mapping_id;
