// SQL that changes a sound file, in pieces that the crafted files share.
#ifndef TESTS_HOSTILE_CRAFTED_SQL_H_
#define TESTS_HOSTILE_CRAFTED_SQL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/hostile/crafted_files.h"

namespace pagesnap {

// The mapping that the crafted rows go to, behind all others, of the last process with memory.
inline constexpr char kLastProcess[] = "(SELECT MAX(process_id) FROM mapping)";
inline constexpr int64_t kCraftedMapping = 1 << 20;
// Crafted contents have ids from here on.
inline constexpr int64_t kCraftedContent = 1 << 20;
// The number of a frame chunk where the sample has no frames.
inline constexpr int64_t kFreeChunk = 1 << 10;

// Returns the head of an INSERT whose SELECT has a row for each `i` from 0 to count - 1.
std::string Rows(int64_t count);

// Returns a blob and its checksum as two values of an INSERT.
std::string BlobValues(const std::string& blob);

// Returns an UPDATE that replaces a blob and its checksum.
std::string SetBlob(const char* table, const char* column, const std::string& blob,
                    const std::string& where);

// Returns an INSERT of a page content with these words.
std::string Content(int64_t id, const std::vector<uint64_t>& words);
// The same of 4096 pages in adjacent frames: a few bytes.
std::string FullContent(int64_t id, uint64_t first_pfn);

// Returns an INSERT of the mapping kCraftedMapping.
std::string CraftedMapping(int64_t page_count);

// Returns an INSERT of `count` copies of snapshot 1, with ids from 2 on, which have their facts of
// the machine from it.
std::string CopiesOfSnapshot(int64_t count);

// Returns an INSERT of `count` processes with the ids from `first_id` on and equal pids, of the
// snapshot that the SQL expression of `i` names.
std::string CraftedProcesses(int64_t first_id, int64_t count, const char* snapshot = "1");

// Returns an INSERT of one process with memory.
std::string CraftedProcess(int64_t id, int64_t snapshot, int64_t pid, int64_t mapping_count);

// Returns crafted files that are made with SQL, or with SQL that takes a while to make.
CraftedFile Sql(const std::string& name, const std::string& sql);
CraftedFile Made(const std::string& name, const std::function<std::string()>& make);

}  // namespace pagesnap

#endif  // TESTS_HOSTILE_CRAFTED_SQL_H_
