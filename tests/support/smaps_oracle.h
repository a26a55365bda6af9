// What the kernel accounts to the mappings of a process, read by other code than the product's:
// the second opinion of the live tests. It must not use lib/proc.
#ifndef TESTS_SUPPORT_SMAPS_ORACLE_H_
#define TESTS_SUPPORT_SMAPS_ORACLE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pagesnap {

struct SmapsEntry {
  uint64_t start = 0;
  uint64_t end = 0;
  std::string perms;
  std::string path;  // as written there: empty, a path or a name in brackets
  uint64_t rss_kib = 0;
  uint64_t pss_kib = 0;
  uint64_t uss_kib = 0;  // Private_Clean + Private_Dirty
  uint64_t swap_kib = 0;
  uint64_t anonymous_kib = 0;
  uint64_t hugetlb_kib = 0;     // Private_Hugetlb + Shared_Hugetlb
  uint64_t anon_huge_kib = 0;   // AnonHugePages
  uint64_t shmem_huge_kib = 0;  // ShmemPmdMapped
  uint64_t file_huge_kib = 0;   // FilePmdMapped
};

// Throws Error when the file cannot be read.
std::vector<SmapsEntry> ReadSmaps(pid_t pid);

std::vector<SmapsEntry> ParseSmapsText(std::string_view text);

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_SMAPS_ORACLE_H_
