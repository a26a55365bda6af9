#include "tests/support/comparison_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace pagesnap {
namespace {

// Words that are each other's opposite; all others are their own.
constexpr std::pair<const char*, const char*> kOpposites[] = {
    {"faulted_in", "dropped"},
    {"swapped_in", "swapped_out"},
    {"copied_on_write", "merged"},
    {"collapsed", "split"},
    {"inherited", "left_to_parent"},
    {"maybe_swapped_out", "maybe_swapped_in"},
    {"appeared", "vanished"},
    {"new", "gone"},
    {"set", "cleared"}};
constexpr const char* kTables[] = {"process_match", "mapping_match", "page_change", "change_usage"};

std::string Opposite(const std::string& word) {
  for (const auto& [one, other] : kOpposites) {
    if (word == one) return other;
    if (word == other) return one;
  }
  return word;
}

// Returns the SQL of a column whose values are such words, with their opposites.
std::string OppositeValues(const std::string& column) {
  std::string sql = "CASE " + column;
  for (const auto& [one, other] : kOpposites) {
    sql += fmt::format(" WHEN '{0}' THEN '{1}' WHEN '{1}' THEN '{0}'", one, other);
  }
  return fmt::format("{} ELSE {} END", sql, column);
}

class Rules {
 public:
  Rules(const RunQuery& query, const std::string& match)
      : query_(query),
        there_(fmt::format("(1, 2, '{}')", match)),
        back_(fmt::format("(2, 1, '{}')", match)) {}

  std::vector<std::string> Broken() {
    for (const char* table : kTables) CheckMirror(table);
    CheckClasses();
    for (const char* side : {"before", "after"}) {
      CheckStates(side);
      CheckFigures(side);
    }
    return std::move(broken_);
  }

 private:
  std::vector<std::string> ColumnsOf(const std::string& table) {
    return query_(fmt::format("SELECT name FROM pragma_table_info('{}')", table));
  }

  void Check(const std::string& rule, const std::string& sql) {
    for (const std::string& row : query_(sql + " LIMIT 3")) broken_.push_back(rule + ": " + row);
  }

  // Rows are told apart by their keys, so that none is there twice.
  void CheckMirror(const std::string& table) {
    std::vector<std::string> there;
    std::vector<std::string> back;
    for (const std::string& column : ColumnsOf(table)) {
      there.push_back(column);
      const bool words = column == "how" || column == "change";
      back.push_back(words ? OppositeValues(column) : MirroredColumn(column));
    }
    const std::string one =
        fmt::format("SELECT {} FROM {}{}", fmt::join(there, ", "), table, there_);
    const std::string other =
        fmt::format("SELECT {} FROM {}{}", fmt::join(back, ", "), table, back_);
    Check("mirror " + table, fmt::format("SELECT * FROM (SELECT 'only there', * FROM ({0} EXCEPT "
                                         "{1}) UNION ALL SELECT 'only back', * FROM ({1} EXCEPT "
                                         "{0}))",
                                         one, other));
  }

  void CheckClasses() {
    std::vector<std::string> classes;
    bool is_class = false;
    for (const std::string& column : ColumnsOf("change_usage")) {
      if (column == "absent_count") break;
      if (is_class) classes.push_back(column);
      is_class |= column == "how";
    }
    const std::string usage = "change_usage" + there_;
    // Classes that cannot be told have no pages.
    Check("classes",
          fmt::format("SELECT * FROM {} WHERE page_count <> absent_count + COALESCE({}, 0)", usage,
                      fmt::join(classes, ", 0) + COALESCE(")));
    std::vector<std::string> counted;
    for (const std::string& column : classes) {
      counted.push_back(fmt::format(
          "SELECT '{0}' AS class, (SELECT TOTAL({1}) FROM {2}) AS usage, "
          "(SELECT TOTAL(page_count) FROM page_change{3} WHERE change = '{0}') AS change",
          column.substr(0, column.size() - std::string("_count").size()), column, usage, there_));
    }
    Check("tables", fmt::format("SELECT * FROM ({}) WHERE usage <> change",
                                fmt::join(counted, " UNION ALL ")));
  }

  // Of ranges that were read: states that are unread are NULL.
  void CheckStates(const std::string& side) {
    Check("states",
          fmt::format(
              "WITH seen AS MATERIALIZED (SELECT {0}_mapping_id AS id, "
              "SUM(IIF({0}_state = 'present', page_count, 0)) AS present, "
              "SUM(IIF({0}_state IN ('swapped', 'swap_entry'), page_count, 0)) AS swapped, "
              "SUM(page_count) FILTER (WHERE {0}_state NOT IN "
              "('present', 'swapped', 'swap_entry', 'absent')) AS special "
              "FROM page_change{1} GROUP BY 1), "
              "counted AS MATERIALIZED (SELECT {0}_mapping_id AS id, "
              "SUM({0}_present_count) AS present, SUM({0}_swapped_count) AS swapped, "
              "SUM({0}_special_count) AS special "
              "FROM change_usage{1} GROUP BY 1 HAVING SUM(unread_count) = 0) "
              "SELECT '{0}', * FROM counted LEFT JOIN seen USING (id) WHERE id IS NOT NULL AND ("
              "counted.present <> COALESCE(seen.present, 0) OR "
              "counted.swapped <> COALESCE(seen.swapped, 0) OR "
              "counted.special <> COALESCE(seen.special, 0))",
              side, there_));
  }

  void CheckFigures(const std::string& side) {
    std::vector<std::string> sums;
    std::vector<std::string> differ;
    for (const char* figure : {"present_count", "swapped_count", "special_count", "absent_count",
                               "rss_kib", "uss_kib", "swap_kib", "hugetlb_kib", "thp_kib"}) {
      sums.push_back(fmt::format("SUM({0}_{1}) AS {1}, COUNT({0}_{1}) AS {1}_known", side, figure));
      // What is not known of one range is not known of the mapping; what is known adds up.
      differ.push_back(fmt::format(
          "(c.{0}_known = c.ranges AND u.{0} IS NOT NULL "
          "AND c.{0} IS NOT u.{1})",
          figure, figure == std::string_view("absent_count") ? "unseen_count" : figure));
      differ.push_back(fmt::format("(c.{0}_known < c.ranges AND u.{0} IS NOT NULL)", figure));
    }
    Check("figures",
          fmt::format("WITH counted AS MATERIALIZED (SELECT {0}_mapping_id AS id, COUNT(*) AS "
                      "ranges, SUM({0}_pss) >> 22 AS pss_kib, {2} FROM change_usage{1} "
                      "WHERE {0}_mapping_id IS NOT NULL GROUP BY 1) "
                      "SELECT '{0}', c.*, u.* FROM (SELECT *, absent_count + hidden_count AS "
                      "unseen_count FROM mapping_usage) u LEFT JOIN counted c "
                      "ON c.id = u.mapping_id WHERE u.snapshot_id = {3} AND (c.id IS NULL "
                      "OR (u.pss_kib IS NOT NULL AND c.pss_kib IS NOT u.pss_kib) OR {4})",
                      side, there_, fmt::join(sums, ", "), side == "before" ? 1 : 2,
                      fmt::join(differ, " OR ")));
  }

  const RunQuery& query_;
  std::string there_;
  std::string back_;
  std::vector<std::string> broken_;
};

}  // namespace

std::string MirroredColumn(const std::string& name) {
  for (const auto& [one, other] : {std::pair("before", "after"), std::pair("after", "before")}) {
    if (name.starts_with(std::string(one) + "_"))
      return other + name.substr(std::string(one).size());
  }
  // Before and behind the word that has an opposite: flags_set, dropped_count, gone_process_count.
  for (const auto& [head, tail] : {std::pair("flags_", ""), std::pair("", "_count"),
                                   std::pair("", "_kib"), std::pair("", "_process_count")}) {
    const std::string_view before(head);
    const std::string_view behind(tail);
    if (!name.starts_with(before) || !name.ends_with(behind) ||
        name.size() < before.size() + behind.size()) {
      continue;
    }
    const std::string word =
        name.substr(before.size(), name.size() - before.size() - behind.size());
    if (const std::string opposite = Opposite(word); opposite != word) {
      return std::string(before) + opposite + std::string(behind);
    }
  }
  return name;
}

std::vector<std::string> BrokenComparisonRules(const RunQuery& query, const std::string& match) {
  return Rules(query, match).Broken();
}

}  // namespace pagesnap
