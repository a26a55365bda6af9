#include "lib/codec/gzip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

// printf 'CONFIG_MIGRATION=y\n' | gzip -n
// printf 'CONFIG_MIGRATION=y\n' | gzip -n
constexpr uint8_t kBytes[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03,
                              0x73, 0xf6, 0xf7, 0x73, 0xf3, 0x74, 0x8f, 0xf7, 0xf5, 0x74,
                              0x0f, 0x72, 0x0c, 0xf1, 0xf4, 0xf7, 0xb3, 0xad, 0xe4, 0x02,
                              0x00, 0x27, 0xab, 0x2c, 0x05, 0x13, 0x00, 0x00, 0x00};
constexpr size_t kTextSize = 19;

std::string Sample() { return {reinterpret_cast<const char*>(kBytes), sizeof kBytes}; }

TEST(GunzipTest, ReturnsTheText) {
  EXPECT_EQ(Gunzip(Sample(), 1000), "CONFIG_MIGRATION=y\n");
  EXPECT_EQ(Gunzip(Sample(), kTextSize + 1).size(), kTextSize);
}

TEST(GunzipTest, RefusesMoreThanWasAskedFor) {
  EXPECT_THROW(Gunzip(Sample(), kTextSize - 1), Error);
}

TEST(GunzipTest, RefusesWhatIsCutOffOrDamaged) {
  for (size_t size = 0; size < sizeof kBytes; ++size) {
    EXPECT_THROW(Gunzip(Sample().substr(0, size), 1000), Error) << size;
  }
  std::string damaged = Sample();
  damaged[12] ^= 1;
  EXPECT_THROW(Gunzip(damaged, 1000), Error);
  EXPECT_THROW(Gunzip("CONFIG_MIGRATION=y\n", 1000), Error);
}

}  // namespace
}  // namespace pagesnap
