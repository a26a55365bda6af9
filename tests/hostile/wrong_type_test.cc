// Values of other types than the schema declares: STRICT binds only those who write with SQLite.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "lib/query/session.h"
#include "lib/store/schema.h"
#include "tests/hostile/bomb_files.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;

struct Place {
  const char* table;
  const char* column;
};

class WrongTypeTest : public testing::Test {
 protected:
  // Makes a file that has `value`, an SQL expression, in all rows there.
  std::string FileWith(const Place& place, const char* value) {
    std::string path = folder_.File(fmt::format("{}", count_++));
    std::filesystem::copy_file(
        fmt::format("{}/versions/format-{}.pagesnap", PAGESNAP_SAMPLE_DIR, kFormatVersion), path);
    StoreText(path, place.table, place.column, value, "1");
    return path;
  }

  TestFolder folder_;
  int count_ = 0;
};

constexpr const char* kValues[] = {"'x'", "x'4142'", "9e999", "-1.5"};

TEST_F(WrongTypeTest, IsFoundInSmallTablesWhenTheFileIsOpened) {
  constexpr Place kPlaces[] = {{"process", "pid"},     {"process", "uid"},
                               {"snapshot", "frozen"}, {"cost", "wall_ns"},
                               {"file", "inode"},      {"memory_zone", "present_count"},
                               {"process", "ppid"},    {"snapshot", "wall_time_ns"}};
  for (const Place& place : kPlaces) {
    for (const char* value : kValues) {
      const std::string path = FileWith(place, value);
      EXPECT_THAT(ErrorOf([&] { const Session session(path); }),
                  HasSubstr(fmt::format("{} is damaged", path)))
          << place.table << '.' << place.column << ' ' << value;
    }
  }
}

TEST_F(WrongTypeTest, IsFoundInTextsWhenTheFileIsOpened) {
  const std::string path = FileWith({"process", "name"}, "x'4142'");
  EXPECT_THAT(ErrorOf([&] { const Session session(path); }),
              HasSubstr("is damaged: a name in table process is no text"));
}

// The planner sees sums of these, which can be no number at all.
TEST_F(WrongTypeTest, IsFoundInLargeTablesWhenTheyAreRead) {
  constexpr Place kPlaces[] = {{"mapping", "first_page"},
                               {"mapping", "page_count"},
                               {"page_chunk", "present_count"},
                               {"page_chunk", "swapped_count"}};
  for (const Place& place : kPlaces) {
    for (const char* value : kValues) {
      const Session session(FileWith(place, value));
      EXPECT_THAT(ErrorOf([&] {
                    QueryRows(session.database(),
                              "SELECT COUNT(*) FROM mapping_usage u JOIN page p ON p.mapping_id = "
                              "u.mapping_id AND p.page > 7 JOIN frame f ON f.pfn = p.pfn");
                  }),
                  HasSubstr("there is no integer in a column"))
          << place.table << '.' << place.column << ' ' << value;
    }
  }
}

}  // namespace
}  // namespace pagesnap
