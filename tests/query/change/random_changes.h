// Two random snapshots of the same processes, for the properties that hold of any comparison.
#ifndef TESTS_QUERY_CHANGE_RANDOM_CHANGES_H_
#define TESTS_QUERY_CHANGE_RANDOM_CHANGES_H_

#include <cstdint>
#include <string>

namespace pagesnap {

// Writes a file with two snapshots of a few processes: small and large mappings, present, swapped
// and special pages, huge, zero and unread frames, far device memory, files, gaps. In the
// second, processes and mappings came, went, were cut, moved and replaced, and some pages and
// frames changed.
void WriteRandomChanges(const std::string& path, uint64_t seed);

}  // namespace pagesnap

#endif  // TESTS_QUERY_CHANGE_RANDOM_CHANGES_H_
