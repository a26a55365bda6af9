// What tables with rows of pages have in common.
#ifndef LIB_QUERY_PAGES_PAGE_COLUMNS_H_
#define LIB_QUERY_PAGES_PAGE_COLUMNS_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "lib/query/scan/mapping_table.h"

namespace pagesnap {

// The number of the column `page` where WithPageKey() makes it.
inline constexpr int kPageColumn = 3;

// Returns the columns of WithMappingKey() and `page`, and these behind them. Cursor has page(), a
// virtual page number.
template <typename Cursor>
std::vector<CursorColumn<Cursor>> WithPageKey(std::vector<CursorColumn<Cursor>> columns) {
  columns.insert(columns.begin(), {{"page", kInteger, "", "", PushDown::kRange, Key::kPage},
                                   [](auto& row, Out out) { out(row.page()); }});
  return WithMappingKey<Cursor>(std::move(columns));
}

// The order of such rows.
inline const std::vector<std::string> kByPage = {"process_id", "mapping_id", "page"};

// When columns about the place or the frame of pages are NULL.
inline constexpr const char* kNoSlot = "present, or hidden";
inline constexpr const char* kNoFacts = "not present, or not read";
inline constexpr const char* kNoZone = "not present, or in no zone";

// Returns the bits that TableCursor::SetColumnsUsed() has for the columns of these names. Throws
// std::out_of_range when there is no such column.
template <typename Cursor>
uint64_t BitsOf(const std::vector<CursorColumn<Cursor>>& columns,
                std::initializer_list<std::string_view> names) {
  uint64_t bits = 0;
  for (std::string_view name : names) {
    size_t i = 0;
    while (columns.at(i).name != name) ++i;
    bits |= uint64_t{1} << i;
  }
  return bits;
}

}  // namespace pagesnap

#endif  // LIB_QUERY_PAGES_PAGE_COLUMNS_H_
