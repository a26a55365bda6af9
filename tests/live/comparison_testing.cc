#include "tests/live/comparison_testing.h"

#include <gmock/gmock.h>

#include "tests/live/live_testing.h"
#include "tests/support/comparison_rules.h"

namespace pagesnap {
namespace {

using nlohmann::json;

std::vector<std::string> Texts(const json& rows) {
  std::vector<std::string> texts;
  for (const json& row : rows) {
    const bool single = row.size() == 1 && row.front().is_string();
    texts.push_back(single ? row.front().get<std::string>() : row.dump());
  }
  return texts;
}

// Of each figure that a row has before and after, and as a difference.
void ExpectRowAddsUp(const std::string& report, const json& row) {
  const std::string head = "before_";
  int figures = 0;
  for (const auto& [name, before] : row.items()) {
    if (!name.starts_with(head)) continue;
    const std::string figure = name.substr(head.size());
    const std::string difference = report == "diff" ? "difference_" + figure : figure;
    if (!row.contains(difference)) continue;
    ++figures;
    const json& after = row.at("after_" + figure);
    if (before.is_null() || after.is_null()) {
      EXPECT_TRUE(row.at(difference).is_null()) << report << " " << figure << " " << row;
    } else {
      EXPECT_EQ(before.get<int64_t>() + row.at(difference).get<int64_t>(), after.get<int64_t>())
          << report << " " << figure << " " << row;
    }
  }
  EXPECT_GT(figures, 0) << report;
}

void ExpectOpposite(const json& there, const json& back) {
  for (const auto& [name, value] : there.items()) {
    const std::string mirrored = MirroredColumn(name);
    const bool is_difference = there.contains("before_" + name) || name == "virtual_kib";
    if (is_difference && value.is_number()) {
      EXPECT_EQ(back.at(name).get<int64_t>(), -value.get<int64_t>()) << name;
    } else {
      EXPECT_EQ(back.at(mirrored), value) << name << " and " << mirrored;
    }
  }
}

}  // namespace

void ExpectComparisonRules(const std::string& before, const std::string& after) {
  for (const char* match : {"auto", "rerun"}) {
    const RunQuery query = [&](const std::string& sql) {
      return Texts(AnalyzeRows({"sql", before, after, sql}));
    };
    EXPECT_THAT(BrokenComparisonRules(query, match), testing::IsEmpty()) << match;
    for (const char* report : {"diff", "diff-processes", "diff-maps", "diff-total"}) {
      for (const json& row : AnalyzeRows({report, before, after, "--match", match})) {
        ExpectRowAddsUp(report, row);
      }
    }
    ExpectOpposite(AnalyzeRows({"diff-total", before, after, "--match", match}).at(0),
                   AnalyzeRows({"diff-total", after, before, "--match", match}).at(0));
  }
}

}  // namespace pagesnap
