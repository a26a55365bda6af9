// Random snapshots for the properties that hold of any.
#ifndef TESTS_QUERY_RANDOM_SNAPSHOT_H_
#define TESTS_QUERY_RANDOM_SNAPSHOT_H_

#include <cstdint>
#include <string>

namespace pagesnap {

// Frames here and there, or mostly in physical runs and folios, whole and in part, that go over the
// borders of chunks and are shared between mappings.
enum class RandomMemory { kScattered, kRuns };

// Writes a file with two snapshots of a few processes: small and large mappings, present, swapped
// and special pages, huge, zero, missing and unread frames, far device memory.
void WriteRandomSnapshots(const std::string& path, uint64_t seed,
                          RandomMemory memory = RandomMemory::kScattered);

}  // namespace pagesnap

#endif  // TESTS_QUERY_RANDOM_SNAPSHOT_H_
