#include "lib/kernel/release.h"

#include <gtest/gtest.h>

namespace pagesnap {
namespace {

TEST(KernelReleaseTest, ReadsMajorAndMinor) {
  EXPECT_EQ(ParseKernelRelease("6.18.44-amd64"), (KernelRelease{6, 18}));
  EXPECT_EQ(ParseKernelRelease("5.2"), (KernelRelease{5, 2}));
  EXPECT_EQ(ParseKernelRelease("4.19-rc1"), (KernelRelease{4, 19}));
  EXPECT_EQ(ParseKernelRelease("6.8.0-45-generic\n"), (KernelRelease{6, 8}));
}

TEST(KernelReleaseTest, TextThatIsNoReleaseIsOlderThanAll) {
  for (const char* text : {"", "6", "6x18", "6.", "x.1", "6.x", "-6.1", "6.-1", "99999999999.1"}) {
    EXPECT_EQ(ParseKernelRelease(text), KernelRelease{}) << text;
  }
  EXPECT_LT(KernelRelease{}, (KernelRelease{2, 6}));
}

TEST(KernelReleaseTest, ComparesNumbersNotText) {
  EXPECT_LT((KernelRelease{6, 9}), (KernelRelease{6, 18}));
  EXPECT_LT((KernelRelease{5, 19}), (KernelRelease{6, 0}));
}

}  // namespace
}  // namespace pagesnap
