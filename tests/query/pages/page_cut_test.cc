// Tables about a part of the address space: against what `page` has there.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/query/random_snapshot.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;

class PageCutTest : public testing::TestWithParam<uint64_t> {
 protected:
  PageCutTest() {
    WriteRandomSnapshots(folder_.File("a"), GetParam());
    session_ = std::make_unique<Session>(folder_.File("a"));
    // Parts that begin and end inside mappings, and chunks.
    for (const std::string& row :
         Rows("SELECT first_page + page_count / 3, first_page + 2 * page_count / 3 FROM mapping "
              "WHERE page_count > 2 UNION SELECT MIN(first_page) + 1, MAX(first_page) FROM mapping "
              "UNION SELECT first_page + page_count - 1, first_page + page_count FROM mapping")) {
      const size_t bar = row.find('|');
      cuts_.push_back({row.substr(0, bar), row.substr(bar + 1)});
    }
  }
  std::vector<std::string> Rows(const std::string& sql) {
    return QueryRows(session_->database(), sql);
  }
  // Compares two queries for each part: A and B stand for its first and last page.
  void ExpectSame(const std::string& sql, const std::string& reference) {
    for (const auto& [first, last] : cuts_) {
      auto of = [&](std::string text) {
        for (const auto& [name, value] : {std::pair("$A", first), std::pair("$B", last)}) {
          for (size_t at; (at = text.find(name)) != std::string::npos;) {
            text.replace(at, 2, value);
          }
        }
        return text;
      };
      ASSERT_EQ(Rows(of(sql)), Rows(of(reference))) << of(sql);
    }
  }

  TestFolder folder_;
  std::unique_ptr<Session> session_;
  std::vector<std::pair<std::string, std::string>> cuts_;
};

constexpr char kCut[] = "from_page = $A AND to_page = $B";
constexpr char kInside[] = "page BETWEEN $A AND $B";

TEST_P(PageCutTest, CountsAreThoseOfPages) {
  const std::string pages = fmt::format(
      "SELECT mapping_id, COUNT(*), MIN(page), MAX(page) FROM page WHERE {} GROUP BY 1", kInside);
  ExpectSame(
      fmt::format("SELECT mapping_id, SUM(page_count), MIN(page), MAX(page + page_count - 1) "
                  "FROM page_run WHERE {} GROUP BY 1",
                  kCut),
      pages);
  ExpectSame(
      fmt::format("SELECT mapping_id, SUM(page_count), MIN(first_page) FROM page_group "
                  "WHERE {} GROUP BY 1",
                  kCut),
      fmt::format("SELECT mapping_id, COUNT(*), MIN(page) FROM page WHERE {} GROUP BY 1", kInside));
  ExpectSame(fmt::format("SELECT mapping_id, present_count FROM folio_usage WHERE {} AND "
                         "present_count > 0",
                         kCut),
             fmt::format("SELECT mapping_id, COUNT(*) FROM page WHERE {} AND state = 'present' "
                         "GROUP BY 1",
                         kInside));
  for (const int span : {1, 7, 5000}) {
    ExpectSame(fmt::format("SELECT mapping_id, SUM(present_count + swapped_count + special_count) "
                           "FROM mapping_span({}) WHERE {} GROUP BY 1 HAVING SUM(present_count + "
                           "swapped_count + special_count) > 0",
                           span, kCut),
               fmt::format("SELECT mapping_id, COUNT(*) FROM page WHERE {} GROUP BY 1", kInside));
    ExpectSame(fmt::format("SELECT mapping_id, SUM(page_count), MIN(page) FROM mapping_span({}) "
                           "WHERE {} GROUP BY 1",
                           span, kCut),
               "SELECT id, MIN($B + 1, first_page + page_count) - MAX($A, first_page), "
               "MAX($A, first_page) FROM mapping WHERE first_page <= $B AND "
               "first_page + page_count > $A ORDER BY id");
  }
}

TEST_P(PageCutTest, RunsAreCounted) {
  ExpectSame(fmt::format("SELECT mapping_id, run_count, page_count FROM page_run_count "
                         "WHERE {} AND run_count > 0",
                         kCut),
             fmt::format("SELECT mapping_id, COUNT(*), SUM(page_count) FROM page_run WHERE {} "
                         "GROUP BY 1",
                         kCut));
  ExpectSame(fmt::format("SELECT mapping_id, SUM(run_count), SUM(page_count), MAX(largest) "
                         "FROM run_length WHERE {} GROUP BY 1",
                         kCut),
             fmt::format("SELECT mapping_id, COUNT(*), SUM(page_count), MAX(page_count) "
                         "FROM physical_run WHERE {} GROUP BY 1",
                         kCut));
}

// What a part has, cut into runs by plain SQL.
TEST_P(PageCutTest, PhysicalRunsAscendOrDescend) {
  const std::string pages = fmt::format(
      "SELECT mapping_id, page, pfn FROM page WHERE pfn > 0 AND COALESCE(flags, 0) & (1 << 24) = 0 "
      "AND {}",
      kInside);
  // Every page of a run has the frame that the run says.
  for (const int descending : {0, 1}) {
    ExpectSame(fmt::format("WITH RECURSIVE member (mapping_id, page, pfn, step, left) AS ("
                           "SELECT mapping_id, page, pfn, step, page_count FROM physical_run "
                           "WHERE {} AND descending = {} UNION ALL "
                           "SELECT mapping_id, page + 1, pfn + step, step, left - 1 FROM member "
                           "WHERE left > 1) SELECT mapping_id, page, pfn FROM member ORDER BY 1, 2",
                           kCut, descending),
               pages + " ORDER BY 1, 2");
  }
  EXPECT_THAT(Rows("SELECT COUNT(*) FROM physical_run WHERE step < 0"), ElementsAre("0"));
}

INSTANTIATE_TEST_SUITE_P(Seeds, PageCutTest, testing::Range(uint64_t{0}, uint64_t{5}));

TEST(PhysicalRunTest, DescendingFrames) {
  MachineTree machine;
  machine.AddFrames(0x100, 16, 0x5828, 1, 0);
  TreeProcess process{.pid = 100};
  std::vector<uint64_t> pages;
  for (const uint64_t pfn : {0x105, 0x104, 0x103, 0x108, 0x109, 0x10a, 0x109}) {
    pages.push_back(Present(pfn));
  }
  process.mappings = {{.start = 0x200000, .pages = pages}};
  machine.AddProcess(process);
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(
      file.Rows("SELECT page, pfn, page_count, step FROM physical_run"),
      ElementsAre("512|261|1|1", "513|260|1|1", "514|259|1|1", "515|264|3|1", "518|265|1|1"));
  EXPECT_THAT(
      file.Rows("SELECT page, pfn, page_count, step FROM physical_run WHERE descending = 1"),
      ElementsAre("512|261|3|-1", "515|264|3|1", "518|265|1|1"));
  EXPECT_THAT(file.Rows("SELECT page, page_count FROM physical_run WHERE from_page = 513 "
                        "AND to_page = 516 AND descending = 1"),
              ElementsAre("513|2", "515|2"));
}

}  // namespace
}  // namespace pagesnap
