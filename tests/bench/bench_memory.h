// Memory of known shape, made by the calling process: what the benchmark's targets hold.
#ifndef TESTS_BENCH_BENCH_MEMORY_H_
#define TESTS_BENCH_BENCH_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace pagesnap {

inline constexpr size_t kBenchPageBytes = 4096;
inline constexpr size_t kMiB = size_t{1} << 20;
inline constexpr size_t kGiB = size_t{1} << 30;

// Returns how much memory is free, without what caches would give back: a benchmark must not make
// the machine swap.
size_t FreeBytes();

// Private memory in pages of 4 KiB, touched in random order. The kernel gives frames that lie side
// by side while it has them, so these are the frames of a few large blocks, shuffled. Returns its
// start.
char* MakeShuffledPages(size_t bytes);

// The same in random frames, as a machine has that has run for long: one of eight in as much memory
// as there is for it. Takes that memory meanwhile, at most three quarters of what is free.
char* MakeRandomPages(size_t bytes);

// Private memory in huge pages, as far as the kernel has them.
char* MakeHugePages(size_t bytes);

// Reserved memory of which `count` pages, at equal distances, are touched.
char* MakeReserve(size_t bytes, size_t count);

// `count` mappings of one page each, all touched. They differ from their neighbours in
// permissions, or the kernel would join them.
char* MakeMappings(size_t count);

// Drops and touches again `count` random pages of the region.
void ChangePages(char* start, size_t bytes, size_t count);

}  // namespace pagesnap

#endif  // TESTS_BENCH_BENCH_MEMORY_H_
