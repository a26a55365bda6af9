// The tables with facts of the machine. A snapshot has rows of its own only for what is not as in
// the snapshot that snapshot.facts_snapshot_id names; the views snapshot_NAME of schema/views.sql
// say the same in SQL.
#ifndef LIB_STORE_SQLITE_FACT_TABLES_H_
#define LIB_STORE_SQLITE_FACT_TABLES_H_

#include <string_view>

#include "lib/store/sqlite/statement.h"

namespace pagesnap {

struct FactTable {
  const char* name;
  const char* key;     // columns that tell rows of a snapshot apart
  const char* values;  // the other columns, without snapshot_id
};

inline constexpr FactTable kCgroupFacts = {"cgroup", "inode", "path"};
inline constexpr FactTable kSwapDeviceFacts = {"swap_device", "position",
                                               "path, kind, size_kib, used_kib, priority"};
inline constexpr FactTable kMemoryZoneFacts = {
    "memory_zone", "node, name", "start_pfn, spanned_count, present_count, managed_count"};
inline constexpr FactTable kRamRangeFacts = {"ram_range", "first_pfn", "frame_count"};
inline constexpr FactTable kFreeAreaFacts = {"free_area", "node, zone, block_order", "block_count"};
inline constexpr FactTable kSystemFacts = {"system_fact", "name", "value"};
inline constexpr FactTable kFlagNameFacts = {"flag_name", "word, bit", "name"};

// Prepares "SELECT columns" for the rows that hold of the snapshot with id ?1: its own, and the
// inherited ones whose key it does not have. `more` follows the condition: "AND ...", "ORDER BY
// ...". The columns of the table are those of `f`. Throws Error.
Statement SelectFacts(const Database& database, const FactTable& table, std::string_view columns,
                      std::string_view more);

}  // namespace pagesnap

#endif  // LIB_STORE_SQLITE_FACT_TABLES_H_
