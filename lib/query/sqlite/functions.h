// The scalar functions of the query engine.
#ifndef LIB_QUERY_SQLITE_FUNCTIONS_H_
#define LIB_QUERY_SQLITE_FUNCTIONS_H_

#include "lib/query/sqlite/sqlite_api.h"

namespace pagesnap {

// Registers the scalar functions:
//   page_address(page, page_size [, offset]) -> '0x7f...': the address of a page number or PFN
//   address_page('0x7f...', page_size) -> the page number of an address
//   address_offset('0x7f...', page_size) -> the offset of an address in its page, in bytes
//   frame_flag_names(flags, kernel_release) -> 'UPTODATE,LRU'
//   frame_flag('DIRTY' [, 'WRITEBACK' ...]) -> the bits of these flags, for `flags & ...`
//   human_bytes(n), human_duration(ns), human_count(n) -> text for people
//   printable(text) -> the text in valid UTF-8, with escapes as reports print them
//   mapping_kind(path, perms) -> anonymous, heap, stack, shared memory, file, or kernel ([vdso])
// and the aggregates
//   known_sum(n) -> the sum; 0 of no rows; NULL when one is NULL
//   partial_sum(n) -> the sum of those that are not NULL; 0 of no rows; NULL when all are NULL
// and the collation `address`, by which 0x9 comes before 0x10. Throws Error.
void RegisterFunctions(sqlite3* connection);

}  // namespace pagesnap

#endif  // LIB_QUERY_SQLITE_FUNCTIONS_H_
