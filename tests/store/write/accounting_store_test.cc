// Figures of processes that are coded against a relative's.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "lib/store/read/snapshot_reader.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kMappings = 60;

// Adds a process; `own` is what its figures of every 20th mapping are.
void AddRelative(SnapshotWriter& writer, int64_t pid, uint64_t family_key, uint64_t own,
                 uint64_t factor = 7919) {
  const int64_t process = writer.AddProcess({.pid = pid, .name = "a", .state = "S"});
  AccountingTableBuilder figures;
  for (uint64_t i = 0; i < kMappings; ++i) {
    MappingFacts facts;
    facts.first_page = 100 * i + 100;
    facts.page_count = 10;
    writer.AddMapping(process, facts);
    figures.BeginRow();
    figures.Set("Rss", i * factor % 5003);
    figures.Set("Pss", i % 20 == 0 ? own : i * factor % 4999);
    figures.Set("Swap", i * factor % 4001);
  }
  writer.AddAccounting(process, figures, family_key);
}

class AccountingStoreTest : public testing::Test {
 protected:
  AccountingStoreTest() {
    WriteSnapshotFile(path_, [](SnapshotWriter& writer) {
      writer.BeginSnapshot({});
      AddRelative(writer, 1, 5, 1);
      AddRelative(writer, 2, 5, 2);
      AddRelative(writer, 3, 6, 3);          // of another family
      AddRelative(writer, 4, 5, 4, 104729);  // others at the same address
      AddRelative(writer, 5, 5, 5, 104729);  // like the last
      AddRelative(writer, 6, 0, 6, 104729);  // with no relative
      writer.Commit();
    });
  }
  std::vector<std::string> Rows(const std::string& sql) {
    return QueryRows(Session(path_).database(), sql);
  }

  TestFolder folder_;
  std::string path_ = folder_.File("family");
};

TEST_F(AccountingStoreTest, ARelativeIsCodedAgainstTheLastThatStandsAlone) {
  EXPECT_THAT(Rows("SELECT process_id, base_process_id FROM kernel_accounting"),
              ElementsAre("1|NULL", "2|1", "3|NULL", "4|NULL", "5|4", "6|NULL"));
  EXPECT_THAT(Rows("SELECT MAX(LENGTH(figures)) < 60 FROM kernel_accounting WHERE base_process_id"),
              ElementsAre("1"));
}

TEST_F(AccountingStoreTest, TheFiguresAreRead) {
  EXPECT_THAT(Rows("SELECT process_id, SUM(pss_kib), MIN(rss_kib = (m.first_page / 100 - 1) * "
                   "IIF(process_id < 4, 7919, 104729) % 5003) FROM kernel_usage u JOIN mapping m "
                   "USING (process_id) WHERE m.id = u.mapping_id AND m.first_page IN (100, 2100, "
                   "4100, 1700) GROUP BY 1 ORDER BY 1"),
              ElementsAre(fmt::format("1|{}|1", 3 + 16 * 7919 % 4999),
                          fmt::format("2|{}|1", 6 + 16 * 7919 % 4999),
                          fmt::format("3|{}|1", 9 + 16 * 7919 % 4999),
                          fmt::format("4|{}|1", 12 + 16 * 104729 % 4999),
                          fmt::format("5|{}|1", 15 + 16 * 104729 % 4999),
                          fmt::format("6|{}|1", 18 + 16 * 104729 % 4999)));
  const Session two({path_, path_});
  EXPECT_THAT(QueryRows(two.database(),
                        "SELECT base_process_id FROM kernel_accounting "
                        "WHERE process_id = 11"),
              ElementsAre("10"));
  EXPECT_THAT(
      QueryRows(two.database(), "SELECT COUNT(*) FROM blob_check WHERE problem IS NOT NULL"),
      ElementsAre("0"));
}

TEST_F(AccountingStoreTest, WhatCannotBeIsSaid) {
  auto error = [&](const char* sql) {
    ChangeFile(path_, sql);
    Session session(path_);
    return ErrorOf([&] { session.reader().Accounting(5); });
  };
  EXPECT_THAT(error("UPDATE kernel_accounting SET base_process_id = 5 WHERE process_id = 5"),
              HasSubstr("process 5 has process 5 as its base, whose figures do not stand alone"));
  EXPECT_THAT(error("UPDATE kernel_accounting SET base_process_id = 2 WHERE process_id = 5"),
              HasSubstr("process 5 has process 2 as its base, whose figures do not stand alone"));
  EXPECT_THAT(error("UPDATE kernel_accounting SET base_process_id = 1 << 62 WHERE process_id = 5"),
              HasSubstr("do not stand alone"));
  EXPECT_THAT(error("UPDATE kernel_accounting SET base_process_id = NULL WHERE process_id = 5"),
              HasSubstr("kernel_accounting of process 5: "));
  EXPECT_THAT(Rows("SELECT key FROM blob_check WHERE problem IS NOT NULL"),
              ElementsAre("process_id 5"));
}

}  // namespace
}  // namespace pagesnap
