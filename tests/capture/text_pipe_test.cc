// A text taken apart by another thread is the same text, and what goes wrong there is known here.
#include "capture/text_pipe.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

namespace pagesnap {
namespace {

using testing::SizeIs;

class TextPipeTest : public testing::Test {
 protected:
  // Puts blocks of different sizes, `size` bytes in all, and returns the text.
  std::string PutAll(TextPipe& pipe, size_t size) {
    std::string text;
    for (size_t i = 0; text.size() < size; ++i) {
      const std::string block = std::to_string(i) + std::string(i * 37 % 5000, '.');
      pipe.Put(block);
      text += block;
    }
    return text;
  }
  TextPipe::Taker Take() {
    return [this](std::string_view block) {
      taken_ += block;
      threads_.insert(std::this_thread::get_id());
    };
  }

  std::string taken_;
  std::set<std::thread::id> threads_;
};

constexpr size_t kLong = 8 * TextPipe::kBytesWorthAThread;

TEST_F(TextPipeTest, ALongTextArrivesWholeAndInOrder) {
  TextPipe pipe(Take(), true);
  const std::string text = PutAll(pipe, kLong);
  pipe.Finish();
  EXPECT_TRUE(taken_ == text);
  EXPECT_THAT(threads_, SizeIs(2));  // the beginning was taken here
}

TEST_F(TextPipeTest, AShortTextNeedsNoThread) {
  TextPipe pipe(Take(), true);
  const std::string text = PutAll(pipe, TextPipe::kBytesWorthAThread / 2);
  pipe.Finish();
  EXPECT_TRUE(taken_ == text);
  EXPECT_THAT(threads_, SizeIs(1));
}

TEST_F(TextPipeTest, OneJobStaysOneThread) {
  TextPipe pipe(Take(), false);
  const std::string text = PutAll(pipe, kLong);
  pipe.Finish();
  EXPECT_TRUE(taken_ == text);
  EXPECT_THAT(threads_, SizeIs(1));
}

// The reader must not be far ahead of who takes: the text may be gigabytes.
TEST_F(TextPipeTest, FewBlocksWait) {
  std::atomic<size_t> taken = 0;
  size_t put = 0;
  size_t most = 0;
  TextPipe pipe(
      [&](std::string_view block) {
        std::this_thread::sleep_for(std::chrono::microseconds(50));
        taken += block.size();
      },
      true);
  const std::string block(10'000, 'x');
  while (put < kLong) {
    pipe.Put(block);
    put += block.size();
    most = std::max(most, put - taken);
  }
  pipe.Finish();
  EXPECT_EQ(taken, put);
  EXPECT_LE(most, size_t{512} << 10);
}

TEST_F(TextPipeTest, WhatTheTakerThrowsIsThrownHere) {
  size_t count = 0;
  TextPipe pipe(
      [&](std::string_view block) {
        count += block.size();
        if (count > kLong / 2) throw std::runtime_error("enough");
      },
      true);
  EXPECT_THROW(PutAll(pipe, 4 * kLong), std::runtime_error);
  EXPECT_THROW(pipe.Finish(), std::runtime_error);
  EXPECT_LT(count, kLong);  // and it was not called again
}

TEST_F(TextPipeTest, TheLastBlockFailsToo) {
  TextPipe pipe(
      [](std::string_view block) {
        if (block.find("end") != std::string_view::npos) throw std::runtime_error("at the end");
      },
      true);
  PutAll(pipe, kLong);
  pipe.Put("end");
  EXPECT_THROW(pipe.Finish(), std::runtime_error);
}

TEST_F(TextPipeTest, LeavingItEndsTheThread) {
  {
    TextPipe pipe(Take(), true);
    PutAll(pipe, kLong);
  }
  EXPECT_LE(taken_.size(), 2 * kLong);
}

}  // namespace
}  // namespace pagesnap
