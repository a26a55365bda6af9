// What people write into --fail-if, as SQL.
#ifndef ANALYZE_GUARD_TEXT_H_
#define ANALYZE_GUARD_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace pagesnap {

// Returns `text`, an expression over `columns`, as SQL. All that is SQL over the columns already
// stays as it is, but for:
//   200M, 1.5G  a size with K, M, G or T: its KiB
//   5%          the number, where nothing follows that it could be divided by
//   pss         the column pss_kib, where there is no column pss; the kernel's own figure
//               (kernel_pss_kib) where that is unknown, as without privileges
//   rss_growth  rss_kib in percent of before_rss_kib, where there is no column of this name; the
//               kernel's own figures likewise
std::string GuardSql(std::string_view text, const std::vector<std::string>& columns);

}  // namespace pagesnap

#endif  // ANALYZE_GUARD_TEXT_H_
