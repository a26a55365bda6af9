// Random snapshots for the properties that hold of any.
#ifndef TESTS_QUERY_RANDOM_SNAPSHOT_H_
#define TESTS_QUERY_RANDOM_SNAPSHOT_H_

#include <bit>
#include <cstdint>
#include <string>

namespace pagesnap {

// Frames here and there, or mostly in physical runs and folios, whole and in part, that go over the
// borders of chunks and are shared between mappings.
enum class RandomMemory { kScattered, kRuns };

// Returns whether a folio goes on at a frame that no page refers to.
inline bool IsTailBehind(uint64_t pfn) { return std::popcount(pfn) % 2 == 0; }

// All processes are read to their end, or some share their memory, ended meanwhile or have gaps in
// their lists of mappings.
enum class RandomLives { kWhole, kAny };

// Writes a file with two snapshots of a few processes: small and large mappings, present, swapped
// and special pages, huge, zero, missing and unread frames, far device memory. With an odd seed
// they also say how folios go on.
void WriteRandomSnapshots(const std::string& path, uint64_t seed,
                          RandomMemory memory = RandomMemory::kScattered,
                          RandomLives lives = RandomLives::kWhole);

}  // namespace pagesnap

#endif  // TESTS_QUERY_RANDOM_SNAPSHOT_H_
