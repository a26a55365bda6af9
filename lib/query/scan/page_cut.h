// Part of an address space: tables about pages have what lies in it, and no more.
#ifndef LIB_QUERY_SCAN_PAGE_CUT_H_
#define LIB_QUERY_SCAN_PAGE_CUT_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "lib/query/sqlite/virtual_table.h"
#include "lib/store/read/mapping_reader.h"

namespace pagesnap {

inline constexpr const char* kFromPage = "from_page";
inline constexpr const char* kToPage = "to_page";
// The highest page number that SQLite has: as the last one, it stands for no end.
inline constexpr auto kMaxCutPage = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

// Virtual page numbers. Unlike a constraint on a column, which chooses rows, it cuts what lies
// across its ends.
struct PageCut {
  uint64_t first_page = 0;
  uint64_t last_page = std::numeric_limits<uint64_t>::max();  // inclusive

  PageCut() = default;
  // Takes the arguments from_page and to_page; without them, or where they are NULL, it is
  // everything.
  explicit PageCut(const std::vector<TableConstraint>& constraints) {
    for (const TableConstraint& constraint : constraints) {
      if (!constraint.value) continue;
      const auto page = static_cast<uint64_t>(std::max<int64_t>(*constraint.value, 0));
      if (constraint.name == kFromPage) first_page = page;
      if (constraint.name == kToPage && page < kMaxCutPage) last_page = page;
    }
  }

  [[nodiscard]] bool is_all() const { return first_page == 0 && last_page == PageCut().last_page; }
  // Returns which of `count` words, the first of them of `page`, are inside: [begin, end).
  struct Words {
    uint64_t begin;
    uint64_t end;
    [[nodiscard]] bool empty() const { return begin >= end; }
  };
  [[nodiscard]] Words Of(uint64_t page, uint64_t count) const {
    const uint64_t begin = first_page > page ? std::min(first_page - page, count) : 0;
    if (last_page < page) return {0, 0};
    const uint64_t left = last_page - page;
    return {begin, left < count ? left + 1 : count};
  }
};

// The arguments. Cursor has cut().
template <typename Cursor>
std::vector<CursorColumn<Cursor>> WithPageCut(std::vector<CursorColumn<Cursor>> columns) {
  columns.push_back({{kFromPage, kIntegerArgument, "", "", PushDown::kOptional},
                     [](auto& row, Out out) { out(std::min(row.cut().first_page, kMaxCutPage)); }});
  columns.push_back({{kToPage, kIntegerArgument, "", "", PushDown::kOptional},
                     [](auto& row, Out out) { out(std::min(row.cut().last_page, kMaxCutPage)); }});
  return columns;
}

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_PAGE_CUT_H_
