// What holds of every comparison of two snapshots, whatever they hold and however they match:
// symmetry and conservation.
#ifndef TESTS_SUPPORT_COMPARISON_RULES_H_
#define TESTS_SUPPORT_COMPARISON_RULES_H_

#include <functional>
#include <string>
#include <vector>

namespace pagesnap {

// Runs a query over the two snapshots, and returns a text for each row; of a single column that is
// a text, the text itself.
using RunQuery = std::function<std::vector<std::string>(const std::string& sql)>;

// Returns "rule: row" for rows that break a rule, a few of each rule. `match` is auto, same or
// rerun. The rules:
//   mirror TABLE  a comparison the other way round has the same rows, with before and after, and
//                 each class and its opposite, exchanged: in every column of the four tables
//   classes       the classes of a range, and its absent pages, add up to its pages
//   tables        page_change and change_usage count the same pages in each class
//   states        page_change has each page that is not absent on either side, in its state there
//   figures       the ranges of a mapping have, together, what mapping_usage says of it
std::vector<std::string> BrokenComparisonRules(const RunQuery& query, const std::string& match);

// Returns what a column of a comparison is called when it is the other way round: before_rss_kib
// for after_rss_kib, dropped_count for faulted_in_count, the name itself for most.
std::string MirroredColumn(const std::string& name);

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_COMPARISON_RULES_H_
