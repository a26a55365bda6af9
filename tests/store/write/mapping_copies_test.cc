// Mappings that are stored as copies of others, and are read like any.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>
#include <vector>

#include "lib/store/read/snapshot_reader.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Adds a process whose mappings have a page each, at these page numbers.
int64_t AddRelative(SnapshotWriter& writer, int64_t pid, const std::vector<uint64_t>& pages) {
  const int64_t process = writer.AddProcess({.pid = pid, .name = "a"});
  MappingStore::List list(writer.mappings());
  MappingStore::Ids ids;
  for (const uint64_t page : pages) {
    MappingFacts facts;
    facts.first_page = page;
    facts.page_count = 1;
    facts.perms = page % 2 == 0 ? "rw-p" : "r-xp";
    facts.path = page == 30 ? "[heap]" : "";
    const MappingRow row = writer.MakeMapping(process, facts, &ids);
    list.Add(row);
    writer.AddPages(row.id, 0, std::vector<uint64_t>{Present(0)});
  }
  list.Finish();
  writer.mappings().ReturnIds(&ids);
  writer.SetMappingCount(process, static_cast<int64_t>(pages.size()));
  return process;
}

class MappingCopiesTest : public testing::Test {
 protected:
  void Write(bool verified = false) {
    WriteSnapshotFile(path_, [&](SnapshotWriter& writer) {
      SnapshotFacts facts;
      facts.kernel_release = "6.18.0";
      writer.BeginSnapshot(facts, verified);
      AddRelative(writer, 1, {10, 20, 30, 40, 50});
      AddRelative(writer, 2, {10, 20, 25, 30, 40, 50});  // one more
      AddRelative(writer, 3, {10, 20, 25, 40, 51});      // one less than that, and another
      AddRelative(writer, 4, {11, 30, 52});              // no two rows of another
      writer.Commit();
    });
  }
  std::vector<std::string> Rows(const std::string& sql) {
    return QueryRows(Session(path_).database(), sql);
  }

  TestFolder folder_;
  std::string path_ = folder_.File("family");
};

constexpr char kAll[] = "SELECT id, process_id, first_page, perms FROM mapping";

TEST_F(MappingCopiesTest, RowsThatFollowEachOtherAreCopied) {
  Write();
  EXPECT_THAT(Rows("SELECT * FROM mapping_copy"), ElementsAre("6|2|2|1", "9|2|3|3", "12|3|2|1"));
  EXPECT_THAT(Rows("SELECT id FROM main.mapping"),
              ElementsAre("1", "2", "3", "4", "5", "8", "14", "15", "16", "17", "18", "19"));
}

TEST_F(MappingCopiesTest, TheyAreReadLikeRows) {
  Write();
  const std::vector<std::string> all = {
      "1|1|10|rw-p",  "2|1|20|rw-p",  "3|1|30|rw-p",  "4|1|40|rw-p",  "5|1|50|rw-p",
      "6|2|10|rw-p",  "7|2|20|rw-p",  "8|2|25|r-xp",  "9|2|30|rw-p",  "10|2|40|rw-p",
      "11|2|50|rw-p", "12|3|10|rw-p", "13|3|20|rw-p", "14|3|25|r-xp", "15|3|40|rw-p",
      "16|3|51|r-xp", "17|4|11|r-xp", "18|4|30|rw-p", "19|4|52|rw-p"};
  EXPECT_EQ(Rows(kAll), all);
  EXPECT_THAT(Rows(fmt::format("{} WHERE process_id = 2 ORDER BY id", kAll)),
              ElementsAre(all[5], all[6], all[7], all[8], all[9], all[10]));
  EXPECT_THAT(Rows(fmt::format("{} WHERE id = 13", kAll)), ElementsAre(all[12]));
  EXPECT_THAT(Rows(fmt::format("{} WHERE id = 13 AND process_id = 1", kAll)), IsEmpty());
  EXPECT_THAT(Rows("SELECT m.id, f.path FROM page_chunk c JOIN mapping m ON m.id = c.mapping_id "
                   "JOIN file f ON f.id = m.file_id"),
              ElementsAre("3|[heap]", "9|[heap]", "18|[heap]"));
  EXPECT_THAT(Rows("SELECT process_id, mapping_id, page FROM page WHERE process_id = 3"),
              ElementsAre("3|12|10", "3|13|20", "3|14|25", "3|15|40", "3|16|51"));
  const Session session(path_);
  EXPECT_THAT(BrokenInvariants(session.database()), IsEmpty());
}

TEST_F(MappingCopiesTest, OfSeveralFilesToo) {
  Write();
  const Session session({path_, path_});
  EXPECT_THAT(QueryRows(session.database(), "SELECT COUNT(*), MAX(id) FROM mapping"),
              ElementsAre("38|38"));
  EXPECT_THAT(QueryRows(session.database(), fmt::format("{} WHERE id = 32", kAll)),
              ElementsAre("32|7|20|rw-p"));
  EXPECT_THAT(QueryRows(session.database(), "SELECT * FROM mapping_copy WHERE process_id = 7"),
              ElementsAre("31|7|2|20"));
}

TEST_F(MappingCopiesTest, WhatIsVerifiedHasRowsOfItsOwn) {
  Write(/*verified=*/true);
  EXPECT_THAT(Rows("SELECT * FROM mapping_copy"), IsEmpty());
  EXPECT_THAT(Rows("SELECT COUNT(*) FROM main.mapping"), ElementsAre("19"));
}

// A file can be another one in the next snapshot, and its mappings must not follow it.
TEST_F(MappingCopiesTest, EachSnapshotHasItsOwn) {
  WriteSnapshotFile(path_, [&](SnapshotWriter& writer) {
    for (int i = 0; i < 2; ++i) {
      writer.BeginSnapshot({});
      AddRelative(writer, 1, {10, 20, 30});
      writer.Commit();
    }
  });
  EXPECT_THAT(Rows("SELECT * FROM mapping_copy"), IsEmpty());
}

TEST_F(MappingCopiesTest, ProcessesThatAreReadAtOnceKeepTheirIdsTogether) {
  WriteSnapshotFile(path_, [&](SnapshotWriter& writer) {
    writer.BeginSnapshot({});
    std::vector<uint64_t> pages(200);
    for (size_t i = 0; i < pages.size(); ++i) pages[i] = 10 + 10 * i;
    AddRelative(writer, 1, pages);
    std::vector<std::thread> threads;
    for (int64_t i = 2; i < 10; ++i) {
      threads.emplace_back([&writer, &pages, i] { AddRelative(writer, i, pages); });
    }
    for (std::thread& thread : threads) thread.join();
    writer.Commit();
  });
  EXPECT_THAT(Rows("SELECT COUNT(*) <= 16, SUM(row_count) FROM mapping_copy"),
              ElementsAre("1|1600"));
  EXPECT_THAT(Rows("SELECT COUNT(*), COUNT(DISTINCT id) FROM mapping"), ElementsAre("1800|1800"));
}

TEST_F(MappingCopiesTest, WhatCannotBeIsSaid) {
  const std::pair<const char*, const char*> lies[] = {
      {"UPDATE mapping_copy SET source_mapping_id = 6 WHERE first_mapping_id = 12",
       "mapping 12 is a copy of mapping 6, which has no row"},  // a copy itself
      {"UPDATE mapping_copy SET source_mapping_id = 12 WHERE first_mapping_id = 12",
       "mapping 12 is a copy of mapping 12, which has no row"},
      {"DELETE FROM mapping WHERE id = 2", "mapping 7 is a copy of mapping 2, which has no row"},
      {"UPDATE mapping_copy SET row_count = 3 WHERE first_mapping_id = 6",
       "mapping 8 is there twice"},
      {"UPDATE mapping_copy SET row_count = 5 WHERE first_mapping_id = 6",
       "the mapping_copy of mapping 9 has impossible ids"},  // two that overlap
      {"UPDATE mapping_copy SET row_count = 1 << 62",
       "the mapping_copy of mapping 6 has impossible"},
      {"UPDATE mapping_copy SET row_count = 1 << 39 WHERE first_mapping_id = 12",
       "mapping 14 is there twice"},
      {"UPDATE mapping_copy SET row_count = 0", "the mapping_copy of mapping 6 has impossible ids"},
      {"UPDATE mapping_copy SET first_mapping_id = -1 WHERE first_mapping_id = 6",
       "the mapping_copy of mapping -1 has impossible ids"},
      {"UPDATE mapping_copy SET first_mapping_id = 9223372036854775807 WHERE first_mapping_id = 12",
       "has impossible ids"},
  };
  for (const auto& [sql, said] : lies) {
    SCOPED_TRACE(sql);
    Write();
    ChangeFile(path_, sql);
    EXPECT_THAT(ErrorOf([&] { Rows(kAll); }), AllOf(HasSubstr("is damaged"), HasSubstr(said)));
    EXPECT_THAT(ErrorOf([&] { Rows("SELECT COUNT(*) FROM page"); }), HasSubstr("is damaged"));
  }
}

}  // namespace
}  // namespace pagesnap
