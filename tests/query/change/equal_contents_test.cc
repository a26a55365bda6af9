// What page_change and change_usage do not look into, as it is the same in both files.
#include <gmock/gmock.h>

#include "tests/query/change/change_tables_testing.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Contents with equal words in two files: nobody looks into them.
class EqualContentsTest : public ChangeTablesTest {
 protected:
  // Captures both, and damages the words in both files alike.
  void DamageBoth() {
    Capture();
    for (const auto* file : {before_file_.get(), after_file_.get()}) {
      FlipBit(file->path(), "page_content", "words", 1);
    }
  }
};

TEST_F(EqualContentsTest, AreNotDecodedWhenNoFrameChanged) {
  AddFrames(0x100, 8);
  AddBoth(PresentRun(0x100, 8), PresentRun(0x100, 8));
  DamageBoth();
  EXPECT_THAT(Rows("SELECT unchanged_count, unread_count FROM change_usage(1, 2)"),
              ElementsAre("8|0"));
  EXPECT_THAT(Changes("change", "WHERE change <> 'unchanged'"), IsEmpty());
}

TEST_F(EqualContentsTest, AreDecodedWhenAFrameChanged) {
  AddFrames(0x100, 7);
  before_.AddFrames(0x107, 1, kAnonFlags, 1, 1);
  after_.AddFrames(0x107, 1, kAnonFlags, 1, 2);
  AddBoth(PresentRun(0x100, 8), PresentRun(0x100, 8));
  DamageBoth();
  EXPECT_THAT(Rows("SELECT unchanged_count, unread_count FROM change_usage(1, 2)"),
              ElementsAre("0|8"));
  EXPECT_THAT(Changes("change, page_count", "WHERE change <> 'unchanged'"),
              ElementsAre("unread|8"));
}

// What needs the words says that they are damaged.
TEST_F(EqualContentsTest, DamageMakesFiguresMissing) {
  AddFrames(0x100, 8);
  AddBoth(PresentRun(0x100, 8), PresentRun(0x100, 8));
  DamageBoth();
  EXPECT_THAT(Rows("SELECT before_rss_kib, before_missing, after_rss_kib, after_missing, "
                   "unread_count FROM change_usage(1, 2)"),
              ElementsAre("NULL|a blob is damaged, see 'analyze check'|NULL|"
                          "a blob is damaged, see 'analyze check'|8"));
  EXPECT_THAT(Changes("change, page_count"), ElementsAre("unread|8"));
}

}  // namespace
}  // namespace pagesnap
