// How far a file may grow.
#include "lib/store/output/space_limit.h"

#include <gmock/gmock.h>
#include <sys/mman.h>

#include "lib/base/unique_fd.h"
#include "lib/store/sqlite/database.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/faulty_file_calls.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;

constexpr uint64_t kMebi = uint64_t{1} << 20;

class SpaceLimitTest : public testing::Test {
 protected:
  void SetDisk(uint64_t size, uint64_t free) {
    calls_.size_bytes = size;
    calls_.free_bytes = free;
  }
  FaultyFileCalls calls_;
  UniqueFd fd_{memfd_create("test", MFD_CLOEXEC)};
};

TEST_F(SpaceLimitTest, TheSizeIsALimit) {
  SpaceLimit limit(calls_, fd_.get(), {.max_bytes = 4096});
  EXPECT_TRUE(limit.Allows(4096));
  EXPECT_FALSE(limit.Allows(4097));
  EXPECT_EQ(limit.problem(), "it would become larger than 4.0 KiB (--max-size)");
  EXPECT_FALSE(limit.Allows(1)) << "the file has a hole by now";
}

TEST_F(SpaceLimitTest, FivePercentStayFree) {
  SetDisk(100 * kMebi, 8 * kMebi);
  SpaceLimit limit(calls_, fd_.get(), {});
  EXPECT_TRUE(limit.Allows(3 * kMebi));
  SpaceLimit other(calls_, fd_.get(), {});
  EXPECT_FALSE(other.Allows(3 * kMebi + 1));
  EXPECT_THAT(other.problem(), HasSubstr("8.0 MiB of the 100.0 MiB"));
}

// The disk fills while the file grows, by it or by others.
TEST_F(SpaceLimitTest, ItIsAskedForAgain) {
  SetDisk(1000 * kMebi, 100 * kMebi);
  SpaceLimit limit(calls_, fd_.get(), {});
  uint64_t end = 0;
  for (; end < 60 * kMebi && limit.Allows(end + 1024); end += 1024) {
    calls_.free_bytes = 100 * kMebi - end - (end > 20 * kMebi ? 20 * kMebi : 0);
  }
  EXPECT_NEAR(static_cast<double>(end), 30 * kMebi, 4 * kMebi);
  EXPECT_LT(calls_.space_count, 50);
  EXPECT_GT(calls_.space_count, 5);
}

TEST_F(SpaceLimitTest, ACopyCountsToo) {
  SetDisk(100 * kMebi, 25 * kMebi);
  SpaceLimit limit(calls_, fd_.get(), {.copied = true});
  EXPECT_TRUE(limit.Allows(10 * kMebi));
  calls_.free_bytes = 15 * kMebi;
  EXPECT_NO_THROW(limit.Check("f"));
  calls_.free_bytes = 15 * kMebi - 1;
  EXPECT_THAT(ErrorOf([&] { limit.Check("f"); }), HasSubstr("room for a copy"));
}

TEST_F(SpaceLimitTest, MemoryHasNoDisk) {
  SetDisk(100 * kMebi, 0);
  SpaceLimit limit(calls_, fd_.get(), {.max_bytes = kMebi, .on_disk = false});
  EXPECT_TRUE(limit.Allows(kMebi));
  EXPECT_EQ(calls_.space_count, 0);
}

TEST_F(SpaceLimitTest, ADatabaseEndsWithItsSentence) {
  SpaceLimit limit(calls_, fd_.get(), {.max_bytes = 100'000, .on_disk = false});
  Database database = Database::CreateIn(fd_.get(), "f", &limit);
  database.Execute("CREATE TABLE t (x)");
  EXPECT_EQ(ErrorOf([&] {
              for (int i = 0; i < 1000; ++i) {
                database.Execute("BEGIN; INSERT INTO t VALUES (randomblob(1000)); COMMIT");
              }
            }),
            "f: it would become larger than 97.7 KiB (--max-size)");
  EXPECT_LE(lseek(fd_.get(), 0, SEEK_END), 100'000);
}

}  // namespace
}  // namespace pagesnap
