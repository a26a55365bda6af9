// A constraint that is handed down to a virtual table gives the rows that SQLite finds in a copy of
// the whole table, in the order that was asked for.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <random>

#include "tests/query/random_snapshot.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ConstraintsTest : public testing::TestWithParam<uint64_t> {
 protected:
  ConstraintsTest() : random_(GetParam()) {
    WriteRandomSnapshots(folder_.File("a"), GetParam());
    session_ = std::make_unique<Session>(folder_.File("a"));
    for (const char* table : {"page", "frame", "mapping_usage", "kernel_usage", "page_group"}) {
      Execute(fmt::format("CREATE TEMP TABLE {0}_copy AS SELECT * FROM {0}", table));
    }
  }
  void Execute(const std::string& sql) {
    Statement statement(session_->database(), sql);
    statement.Step();
  }
  std::vector<std::string> Rows(const std::string& sql) {
    return QueryRows(session_->database(), sql);
  }
  // Compares the rows of the table with those of its copy.
  void Compare(const std::string& table, const std::string& condition, const std::string& order) {
    const std::string rest = fmt::format(" WHERE {} ORDER BY {}", condition, order);
    EXPECT_EQ(Rows("SELECT * FROM " + table + rest),
              Rows("SELECT * FROM " + table + "_copy" + rest))
        << table << rest;
  }
  // A value of the column, or one beside it, or one that is none.
  std::string Value(const std::string& table, const std::string& column) {
    switch (random_() % 9) {
      case 0:
        return "NULL";
      case 1:
        return "'abc'";
      case 2:
        return "-1";
      case 3:
        return "9223372036854775807";
      case 4:
        return "1e30";
      default:
        break;
    }
    const auto found =
        Rows(fmt::format("SELECT {0} FROM {1}_copy WHERE {0} IS NOT NULL ORDER BY "
                         "random() LIMIT 1",
                         column, table));
    if (found.empty()) return "0";
    static constexpr const char* kForms[] = {"{}", "{}.0", "{}.5", "'{}'", "{} - 1", "{} + 1"};
    return fmt::format(fmt::runtime(kForms[random_() % std::size(kForms)]), found[0]);
  }
  std::string Condition(const std::string& table, const std::string& column) {
    if (random_() % 5 == 0) {
      return fmt::format("{} BETWEEN {} AND {}", column, Value(table, column),
                         Value(table, column));
    }
    if (random_() % 5 == 0) {
      return fmt::format("{} IN ({}, {})", column, Value(table, column), Value(table, column));
    }
    static constexpr const char* kOperators[] = {"=", "=", "<", "<=", ">", ">=", "<>", "IS"};
    return fmt::format("{} {} {}", column, kOperators[random_() % std::size(kOperators)],
                       Value(table, column));
  }
  void CompareRandomly(const std::string& table, const std::vector<std::string>& columns,
                       const std::string& order) {
    for (int i = 0; i < 40; ++i) {
      std::string condition = Condition(table, columns[random_() % columns.size()]);
      while (random_() % 2 == 0) {
        condition += " AND " + Condition(table, columns[random_() % columns.size()]);
      }
      Compare(table, condition, order);
    }
  }

  std::mt19937_64 random_;
  TestFolder folder_;
  std::unique_ptr<Session> session_;
};

TEST_P(ConstraintsTest, Page) {
  ASSERT_THAT(Rows("SELECT COUNT(*) > 10 FROM page_copy"), ElementsAre("1"));
  CompareRandomly("page", {"snapshot_id", "process_id", "mapping_id", "page", "pfn"},
                  "process_id, mapping_id, page");
}

TEST_P(ConstraintsTest, PhysicalRun) {
  Execute("CREATE TEMP TABLE physical_run_copy AS SELECT * FROM physical_run");
  CompareRandomly("physical_run",
                  {"snapshot_id", "process_id", "mapping_id", "page", "page_count", "page_count"},
                  "process_id, mapping_id, page");
}

TEST_P(ConstraintsTest, PageRun) {
  Execute("CREATE TEMP TABLE page_run_copy AS SELECT * FROM page_run");
  CompareRandomly("page_run",
                  {"snapshot_id", "process_id", "mapping_id", "page", "page_count", "pfn"},
                  "process_id, mapping_id, page");
}

TEST_P(ConstraintsTest, MappingTables) {
  for (const char* table : {"run_length", "folio_usage", "folio_order"}) {
    Execute(fmt::format("CREATE TEMP TABLE {0}_copy AS SELECT * FROM {0}", table));
  }
  const std::vector<std::string> keys = {"snapshot_id", "process_id", "mapping_id"};
  CompareRandomly("run_length", keys, "process_id, mapping_id, length");
  CompareRandomly("folio_usage", keys, "process_id, mapping_id");
  CompareRandomly("folio_order", keys, "process_id, mapping_id, folio_order");
}

TEST_P(ConstraintsTest, Frame) {
  CompareRandomly("frame", {"snapshot_id", "pfn"}, "snapshot_id, pfn");
}

TEST_P(ConstraintsTest, Usage) {
  const std::vector<std::string> columns = {"snapshot_id", "process_id", "mapping_id", "rss_kib"};
  CompareRandomly("mapping_usage", columns, "process_id, mapping_id");
  CompareRandomly("kernel_usage", columns, "process_id, mapping_id");
}

TEST_P(ConstraintsTest, PageGroup) {
  CompareRandomly("page_group", {"snapshot_id", "process_id", "mapping_id", "page_count"},
                  "process_id, mapping_id, first_page");
}

// The copies are no better than the scans they were made by.
TEST_P(ConstraintsTest, FullScansAreComplete) {
  EXPECT_EQ(Rows("SELECT SUM(present_count + swapped_count + special_count) FROM page_chunk"),
            Rows("SELECT COUNT(*) FROM page_copy"));
  EXPECT_EQ(Rows("SELECT SUM(frame_count) FROM frame_chunk"),
            Rows("SELECT COUNT(*) FROM frame_copy"));
  EXPECT_EQ(Rows("SELECT DISTINCT snapshot_id, pfn FROM page_copy WHERE pfn IS NOT NULL ORDER BY "
                 "1, 2"),
            Rows("SELECT snapshot_id, pfn FROM frame_copy ORDER BY 1, 2"));
  for (const char* table : {"mapping_usage_copy", "kernel_usage_copy"}) {
    EXPECT_EQ(Rows(fmt::format("SELECT mapping_id FROM {}", table)),
              Rows("SELECT id FROM mapping ORDER BY id"));
  }
}

TEST_P(ConstraintsTest, Joins) {
  const char* join =
      "SELECT p.page, f.flags, f.map_count FROM page{0} p JOIN frame{0} f ON f.snapshot_id = "
      "p.snapshot_id AND f.pfn = p.pfn ORDER BY p.process_id, p.mapping_id, p.page";
  EXPECT_EQ(Rows(fmt::format(fmt::runtime(join), "")),
            Rows(fmt::format(fmt::runtime(join), "_copy")));
}

// The order that a table declares costs no sorting, and is the right one.
TEST_P(ConstraintsTest, DeclaredOrder) {
  for (const char* table : {"physical_run", "run_length", "folio_order"}) {
    Execute(fmt::format("CREATE TEMP TABLE {0}_copy AS SELECT * FROM {0}", table));
  }
  const struct {
    const char* table;
    const char* condition;
    const char* order;
    bool sorted;
  } kCases[] = {
      {"page", "1", "process_id, mapping_id, page", false},
      {"page", "1", "process_id", false},
      {"page", "process_id = 2", "mapping_id, page", false},
      {"page", "process_id = 2 AND mapping_id = 3", "page", false},
      {"page", "process_id = 2", "page", true},
      {"page", "1", "page", true},
      {"page", "1", "process_id DESC", true},
      {"page", "process_id IN (3, 1)", "process_id, mapping_id", true},
      {"frame", "1", "snapshot_id, pfn", false},
      {"frame", "snapshot_id = 2", "pfn", false},
      {"frame", "1", "pfn", true},
      {"frame", "pfn > 5", "snapshot_id, pfn", false},
      {"mapping_usage", "1", "process_id, mapping_id", false},
      {"kernel_usage", "snapshot_id = 1", "process_id, mapping_id", false},
      {"physical_run", "page_count > 2", "process_id, mapping_id, page", false},
      {"physical_run", "mapping_id = 3 AND process_id = 2", "page", false},
      {"physical_run", "1", "page_count", true},
      {"run_length", "1", "process_id, mapping_id, length", false},
      {"folio_order", "mapping_id = 3 AND process_id = 2", "folio_order", false},
  };
  for (const auto& c : kCases) {
    const std::string sql =
        fmt::format("SELECT * FROM {} WHERE {} ORDER BY {}", c.table, c.condition, c.order);
    const std::string plan = testing::PrintToString(Rows("EXPLAIN QUERY PLAN " + sql));
    if (c.sorted) {
      EXPECT_THAT(plan, HasSubstr("USE TEMP B-TREE")) << sql;
    } else {
      EXPECT_THAT(plan, Not(HasSubstr("USE TEMP B-TREE"))) << sql;
    }
    // Ties are in no particular order: all rows, then the keys alone.
    const std::string copy =
        fmt::format("SELECT {2} FROM {0}_copy WHERE {1} ORDER BY {3}", c.table, c.condition,
                    std::string(c.order).substr(0, std::string(c.order).find(" DESC")), c.order);
    std::string keys = copy;
    keys.replace(keys.find("_copy"), 5, "");
    EXPECT_EQ(Rows(keys), Rows(copy)) << sql;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ConstraintsTest, testing::Range(uint64_t{0}, uint64_t{8}));

}  // namespace
}  // namespace pagesnap
