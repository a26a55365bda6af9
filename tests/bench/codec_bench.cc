// What the blobs cost: time and bytes per page, or per frame, for encoding and decoding. Not run by
// ctest; run codec_bench of a release build. The counter time_per_page is time over pages, and
// bytes_per_page the blobs' size over pages; for frame columns a page is a frame.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "lib/codec/frame_columns.h"
#include "lib/codec/page_words.h"

namespace pagesnap {
namespace {

constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kExclusive = uint64_t{1} << 56;
constexpr size_t kPages = 64 * kPagesPerChunk;
constexpr uint64_t kFrames = 524288;  // 2 GiB
constexpr uint64_t kFirstFrame = 0x100000;
constexpr uint64_t kHugePages = 512;  // pages of 4 KiB in one of 2 MiB

using Words = std::vector<uint64_t>;

uint64_t Present(uint64_t frame) { return kPresent | kExclusive | (kFirstFrame + frame); }

std::vector<uint64_t> ShuffledNumbers(uint64_t count, std::mt19937_64* random) {
  std::vector<uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  std::shuffle(numbers.begin(), numbers.end(), *random);
  return numbers;
}

Words RandomWords() {
  std::mt19937_64 random(1);
  Words words = ShuffledNumbers(kFrames, &random);
  words.resize(kPages);
  for (uint64_t& word : words) word = Present(word);
  return words;
}

Words ContiguousWords() {
  Words words(kPages);
  for (size_t i = 0; i < kPages; ++i) words[i] = Present(i);
  return words;
}

Words HugeWords() {
  std::mt19937_64 random(2);
  const std::vector<uint64_t> bases = ShuffledNumbers(kFrames / kHugePages, &random);
  Words words(kPages);
  for (size_t i = 0; i < kPages; ++i) {
    words[i] = Present(bases[i / kHugePages] * kHugePages + i % kHugePages);
  }
  return words;
}

// One page of 64 is present, at random places, in random frames.
Words SparseWords() {
  std::mt19937_64 random(3);
  Words words(kPages);
  for (size_t i = 0; i < kPages / 64; ++i) words[random() % kPages] = Present(random() % kFrames);
  return words;
}

// What a heap looks like on a machine that has run for a while: runs of 1 to 32 pages, some holes,
// some pages written to lately, some swapped out.
Words MixedWords() {
  std::mt19937_64 random(4);
  Words words;
  while (words.size() < kPages) {
    const uint64_t first = random() % kFrames;
    const uint64_t length = uint64_t{1} << random() % 6;
    const uint64_t dice = random() % 16;
    for (uint64_t i = 0; i < length; ++i) {
      uint64_t word = Present(first + i);
      if (dice == 0) word = 0;
      if (dice == 1) word = uint64_t{1} << 62 | (first + i) << 5;
      if (dice < 4) word |= uint64_t{1} << 55;
      words.push_back(word);
    }
  }
  words.resize(kPages);
  return words;
}

std::vector<std::string> EncodeChunks(const Words& words) {
  std::vector<std::string> blobs;
  for (size_t i = 0; i < words.size(); i += kPagesPerChunk) {
    blobs.push_back(EncodePageWords(std::span(words).subspan(i, kPagesPerChunk)));
  }
  return blobs;
}

void SetCounters(benchmark::State& state, size_t pages, size_t bytes) {
  const double total = static_cast<double>(pages) * static_cast<double>(state.iterations());
  state.SetItemsProcessed(static_cast<int64_t>(total));
  state.counters["time_per_page"] =
      benchmark::Counter(total, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["bytes_per_page"] = static_cast<double>(bytes) / static_cast<double>(pages);
}

size_t TotalSize(const std::vector<std::string>& blobs) {
  size_t size = 0;
  for (const std::string& blob : blobs) size += blob.size();
  return size;
}

void BenchEncode(benchmark::State& state, Words (*make_words)()) {
  const Words words = make_words();
  for (auto _ : state) benchmark::DoNotOptimize(EncodeChunks(words));
  SetCounters(state, words.size(), TotalSize(EncodeChunks(words)));
}

void BenchDecode(benchmark::State& state, Words (*make_words)()) {
  const Words words = make_words();
  const std::vector<std::string> blobs = EncodeChunks(words);
  Words decoded(kPagesPerChunk);
  for (auto _ : state) {
    for (const std::string& blob : blobs) {
      DecodePageWords(AsBytes(blob), decoded);
      benchmark::DoNotOptimize(decoded.data());
      benchmark::ClobberMemory();
    }
  }
  SetCounters(state, words.size(), TotalSize(blobs));
}

struct Frame {
  uint64_t flags;
  uint64_t map_count;
  uint64_t cgroup;
};

// Long stretches of anonymous memory of one cgroup; file pages, another cgroup and shared pages
// come in between.
std::vector<Frame> RealisticFrames() {
  std::mt19937_64 random(5);
  std::vector<Frame> frames;
  while (frames.size() < kFramesPerChunk) {
    const uint64_t dice = random() % 64;
    const size_t length = dice < 48 ? 512 << random() % 4 : 1 + random() % 16;
    const Frame frame = {.flags = dice % 4 != 3 ? 0x401828u : 0x10086cu,
                         .map_count = dice < 56 ? 1 : random() % 12,
                         .cgroup = dice < 60 ? 4242u : 4711u};
    frames.insert(frames.end(), length, frame);
  }
  frames.resize(kFramesPerChunk);
  return frames;
}

FrameColumns MakeColumns(const std::vector<Frame>& frames) {
  FrameColumns columns;
  columns.referenced.fill(~uint64_t{0});
  for (const Frame& frame : frames) {
    columns.flags.Append(frame.flags);
    columns.map_count.Append(frame.map_count);
    columns.cgroup.Append(frame.cgroup);
  }
  return columns;
}

void BenchAppendFrames(benchmark::State& state) {
  const std::vector<Frame> frames = RealisticFrames();
  for (auto _ : state) benchmark::DoNotOptimize(MakeColumns(frames));
  SetCounters(state, kFramesPerChunk, 0);
}

// The worst case of the hash table: every value is new.
void BenchAppendDistinct(benchmark::State& state) {
  for (auto _ : state) {
    DictionaryColumn column;
    for (uint64_t i = 0; i < kFramesPerChunk; ++i) column.Append(i << 32);
    benchmark::DoNotOptimize(column);
  }
  SetCounters(state, kFramesPerChunk, 0);
}

void BenchEncodeFrames(benchmark::State& state) {
  const FrameColumns columns = MakeColumns(RealisticFrames());
  for (auto _ : state) benchmark::DoNotOptimize(EncodeFrameColumns(columns));
  SetCounters(state, kFramesPerChunk, EncodeFrameColumns(columns).size());
}

void BenchDecodeFrames(benchmark::State& state) {
  const std::string blob = EncodeFrameColumns(MakeColumns(RealisticFrames()));
  for (auto _ : state) benchmark::DoNotOptimize(DecodeFrameColumns(AsBytes(blob)));
  SetCounters(state, kFramesPerChunk, blob.size());
}

BENCHMARK_CAPTURE(BenchEncode, random, RandomWords);
BENCHMARK_CAPTURE(BenchEncode, contiguous, ContiguousWords);
BENCHMARK_CAPTURE(BenchEncode, huge, HugeWords);
BENCHMARK_CAPTURE(BenchEncode, sparse, SparseWords);
BENCHMARK_CAPTURE(BenchEncode, mixed, MixedWords);
BENCHMARK_CAPTURE(BenchDecode, random, RandomWords);
BENCHMARK_CAPTURE(BenchDecode, contiguous, ContiguousWords);
BENCHMARK_CAPTURE(BenchDecode, huge, HugeWords);
BENCHMARK_CAPTURE(BenchDecode, sparse, SparseWords);
BENCHMARK_CAPTURE(BenchDecode, mixed, MixedWords);
BENCHMARK(BenchAppendFrames);
BENCHMARK(BenchAppendDistinct);
BENCHMARK(BenchEncodeFrames);
BENCHMARK(BenchDecodeFrames);

}  // namespace
}  // namespace pagesnap
